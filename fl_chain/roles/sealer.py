"""Seals a participant's updates to the readers of the task, under the keys that they have now.

The registry has the name of each reader's key, its SHA-256, and so the CID of the key itself, which
its holder pins. Nobody has to be believed about it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from fl_chain.errors import BlobTooLarge, BlobUnavailable, LedgerError, MalformedBlob, UsageError
from fl_chain.privacy.sealing import CONTENT_KEY_BYTES, SealPlace, seal_update
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.encryption import PUBLIC_KEY_BYTES, check_public_key
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.progress import Progress
from fl_chain.storage.store import ContentStore

LOOK_SECONDS = 1.0
"""Between two looks for keys that are not there."""


class Sealer:
    """What stands between a participant's update and what it pins; nothing in an open task.

    Parameters
    ----------
    follower
        The task, with the participant's key.
    store
        Where the readers' keys are pinned.
    progress
        Told whom an update is not sealed to.
    patiently
        Repeats what asks other machines.
    """

    def __init__(
        self,
        follower: TaskFollower,
        store: ContentStore,
        progress: Progress,
        patiently: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._follower = follower
        self._store = store
        self._progress = progress
        self._patiently = patiently
        self._known: dict[bytes, bytes] = {}
        """Public keys by their names."""

    def seal(self, round_number: int, blob: bytes) -> bytes:
        """Return what to pin of an update.

        A reader that has no usable key is waited for, until half of the time to submit has passed;
        so no reader can stop the others. One that was revoked is not.

        Raises
        ------
        UsageError
            No aggregator has a key: the update would be for nobody.
        """
        manifest = self._follower.manifest
        if not manifest.privacy.is_sealed:
            return blob
        keys, lacking = self._find_keys()
        until = self._follower.task.collect_until
        until -= self._follower.task.parameters.collect_seconds // 2
        is_told = False
        while lacking and self._follower.now < until:
            if not is_told:
                self._progress("awaiting_keys", _name(round_number, lacking))
            is_told = True
            self._follower.ledger.wait(LOOK_SECONDS)
            self._patiently(self._follower.refresh)
            keys, lacking = self._find_keys()
        if not any(keys[: len(manifest.committee.aggregators)]):
            raise UsageError(
                "no aggregator of this task has an encryption key to seal updates to",
                "each names one with: fl-chain registry set-encryption-key",
            )
        if lacking:
            self._progress("sealed_without", _name(round_number, lacking))
        place = SealPlace(manifest.task_id, round_number, self._follower.ledger.sender)
        return seal_update(place, blob, keys, secrets.token_bytes(CONTENT_KEY_BYTES))

    def _find_keys(self) -> tuple[list[bytes | None], list[str]]:
        """Return the key of each reader, and the readers that should have one and do not."""
        keys: list[bytes | None] = []
        lacking: list[str] = []
        for reader in self._follower.manifest.readers:
            holder = self._find_holder(reader)
            key = self._find_key(holder)
            if key is None and self._ask(self._follower.ledger.is_enrolled, holder):
                lacking.append(holder)
            keys.append(key)
        return keys, lacking

    def _find_holder(self, reader: str) -> str:
        """Return the last key of a reader's line."""
        line = [reader]
        while successor := self._ask(self._follower.ledger.successor_of, line[-1]):
            if successor in line:
                raise LedgerError(f"the registry has {successor} succeed itself", "check --rpc")
            line.append(successor)
        return line[-1]

    def _find_key(self, holder: str) -> bytes | None:
        ledger = self._follower.ledger
        if not self._ask(ledger.is_enrolled, holder):
            return None
        name = self._ask(ledger.encryption_key_of, holder)
        if not name:
            return None
        if name not in self._known:
            cid = cid_from_digest(name, PUBLIC_KEY_BYTES)
            try:
                key = self._patiently(lambda: self._store.get(cid, max_bytes=PUBLIC_KEY_BYTES))
                check_public_key(key)
            except (BlobUnavailable, BlobTooLarge, MalformedBlob):
                return None
            self._known[name] = key
        return self._known[name]

    def _ask(self, question: Callable[[str, str], Any], participant: str) -> Any:
        registry = self._follower.task.parameters.registry
        return self._patiently(lambda: question(registry, participant))


def _name(round_number: int, readers: list[str]) -> dict[str, Any]:
    return {"round": round_number, "readers": ", ".join(readers)}
