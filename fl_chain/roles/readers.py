"""Whether somebody's keys can open the sealed updates of a task, before an audit tries them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from fl_chain.audit.evidence import Evidence
from fl_chain.errors import FlChainError, MalformedBlob, UsageError
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.constants import MAX_DOCUMENT_BYTES
from fl_chain.protocol.logs import Log, decode_log
from fl_chain.protocol.manifest import Manifest, decode_manifest
from fl_chain.protocol.records import TaskCreated
from fl_chain.protocol.registry_records import EncryptionKeySet, ParticipantRotated


def check_reader(evidence: Evidence, name: str, address: str) -> bool:
    """Return whether updates of the task are sealed, so that keys are of any use.

    What the records or the manifest say is not checked here: if they cannot be read, the audit says
    what is wrong with them.

    Parameters
    ----------
    evidence
        The task, with the keys that are to open its updates.
    name
        What people call whoever has the keys.
    address
        Of the same.

    Raises
    ------
    UsageError
        No reader of the task has ever named one of the keys.
    """
    manifest = _read_manifest(evidence)
    if manifest is None:
        return True
    if not manifest.privacy.is_sealed:
        return False
    lines = {reader: [reader] for reader in manifest.readers}
    named: set[bytes] = set()
    for record in _decode(evidence.registry.logs):
        match record:
            case ParticipantRotated(participant=participant, successor=successor):
                for line in lines.values():
                    if line[-1] == participant:
                        line.append(successor)
            case EncryptionKeySet():
                if any(record.participant in line for line in lines.values()):
                    named.add(record.key)
    if named & evidence.keys.keys():
        return True
    if any(address in line for line in lines.values()):
        raise UsageError(
            f"{name} is a reader of this task, and has named none of the keys beside it: no update"
            " is sealed to them",
            "name one for the updates to come: fl-chain registry set-encryption-key",
        )
    raise UsageError(
        f"{name} is no reader of this task: no update is sealed to its keys",
        "leave out --reader, or audit as one of its readers:"
        f" {', '.join(line[-1] for line in lines.values())}",
    )


def _read_manifest(evidence: Evidence) -> Manifest | None:
    created = next(iter(_decode(evidence.ledger.logs[:1])), None)
    if not isinstance(created, TaskCreated):
        return None
    cid = cid_from_digest(created.parameters.manifest_cid_digest, 0)
    with contextlib.suppress(FlChainError):
        return decode_manifest(evidence.fetch_blob(cid, MAX_DOCUMENT_BYTES))
    return None


def _decode(logs: Sequence[Log]) -> list[object]:
    """Return the records among the logs."""
    records: list[object] = []
    for log in logs:
        with contextlib.suppress(MalformedBlob):
            records.append(decode_log(log))
    return records
