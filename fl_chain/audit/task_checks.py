"""Checks of a task as a whole: its contracts, their state, its manifest and its genesis model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.round_blobs import compute_blob_bytes, decode_model_blob, model_header
from fl_chain.audit.evidence import ContractEvidence, Evidence, LedgerState
from fl_chain.audit.findings import Finding, Verdict, failed, from_store_error, passed
from fl_chain.errors import InvalidManifest, ProtocolError, StoreError
from fl_chain.protocol.agreement import check_agreement
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.commitment import PENDING
from fl_chain.protocol.constants import MAX_DOCUMENT_BYTES
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.logs import WORD_BYTES, compute_record_hash, encode_words
from fl_chain.protocol.manifest import Manifest, decode_manifest
from fl_chain.protocol.promises import read_promise
from fl_chain.protocol.records import (
    LISTING_PREFIX_BYTES,
    RECORD_PREFIX_BYTES,
    Record,
    TaskParameters,
    UpdateCommitted,
    UpdatesListed,
    UpdateSubmitted,
)
from fl_chain.protocol.registry_records import RegistryCreated
from fl_chain.protocol.round import Task
from fl_chain.protocol.state import Payroll


def check_contract(
    name: str, contract: ContractEvidence, creation_code: bytes, arguments: bytes
) -> Finding:
    """Check that a contract runs this build's code and was created by this build's constructor.

    The second part matters: other creation code could leave the same code behind with a forged
    history already in storage.
    """
    check = f"{name}_code"
    if not contract.is_known_code:
        return failed(check, f"the code at {contract.address} is not this build's {name}")
    if contract.creation_input is None:
        detail = f"the chain node does not have the transaction that created {contract.address}"
        return Finding(check, Verdict.UNDECIDABLE, detail=detail)
    expected = creation_code + arguments
    if contract.creation_input != expected:
        return failed(
            check,
            f"{contract.address} was not created by this build's {name} with the parameters"
            " on record",
            compute_digest(expected).hex(),
            compute_digest(contract.creation_input).hex(),
        )
    return passed(check, f"{contract.address} runs this build's code")


def check_ledger(task: Task, evidence: Evidence) -> Finding:
    """Check the ledger as a contract, and the code that it runs for disputes on its own storage."""
    disputes, named = evidence.disputes, task.parameters.disputes
    is_ours = disputes.is_known_code and disputes.address == named
    if evidence.ledger.is_known_code and not is_ours:
        detail = f"the code at {named}, which the ledger runs for disputes, is not this build's"
        return failed("ledger_code", detail)
    arguments = encode_arguments(task.parameters, tuple(task.committee.members))
    return check_contract("ledger", evidence.ledger, evidence.ledger_creation_code, arguments)


def check_registry(task: Task, evidence: Evidence, records: Sequence[Record]) -> Finding:
    """Check the registry as a contract, and that it is the one that the task names."""
    registry, named = evidence.registry, task.parameters.registry
    if registry.address != named:
        detail = "the registry that is shown is not the one that the task names"
        return failed("registry_code", detail, named, registry.address)
    arguments = encode_registry_arguments(records)
    return check_contract("registry", registry, evidence.registry_creation_code, arguments)


def check_state(task: Task, state: LedgerState) -> Finding:
    """Check that the ledger's storage says what its records say."""
    check = "ledger_state"
    current = task.current
    pairs = [
        ("parameters()", b"".join(encode_words(task.parameters)), state.parameters),
        ("currentRound()", b"".join(encode_words(current)), state.current_round),
        ("proposal()", b"".join(encode_words(task.proposal)), state.proposal),
        ("dispute()", b"".join(encode_words(task.dispute)), state.dispute),
        ("committing()", b"".join(encode_words(task.committing)), state.committing),
    ]
    digests = [bytes(WORD_BYTES)] * (current.round + 1)
    digests[0] = task.parameters.genesis_digest
    last: dict[str, UpdateSubmitted] = {}
    lists: dict[str, UpdatesListed] = {}
    for number, history in task.rounds.items():
        if history.finalized is not None:
            digests[number] = history.finalized.model_digest
        last.update({update.participant: update for update in history.updates})
        lists.update({listed.aggregator: listed for listed in history.lists})
    recorded = dict(enumerate(state.model_digests))
    pairs += [(f"modelDigestOf({n})", d, recorded.get(n, b"")) for n, d in enumerate(digests)]
    for participant in sorted(state.participants):
        latest = task.pending.get(participant) or last.get(participant)
        inherited = task.admissions.inherited_rounds.get(participant, 0)
        is_admitted = participant in task.admitted
        expected = _participant_words(is_admitted, latest, inherited)
        pairs.append((f"participantOf({participant})", expected, state.participants[participant]))
    for aggregator, member in task.committee.members.items():
        expected = b"".join(encode_words(member))
        answer = state.aggregators.get(aggregator, b"")
        pairs.append((f"aggregatorOf({aggregator})", expected, answer))
        expected = _listing_words(lists.get(aggregator))
        answer = state.listings.get(aggregator, b"")
        pairs.append((f"listingOf({aggregator})", expected, answer))
    for account, amount in task.committee.payouts.items():
        answer = state.payouts.get(account, b"")
        pairs.append((f"payoutOf({account})", _word(amount), answer))
    if task.is_sampled:
        pairs.append(("seeding()", b"".join(encode_words(task.seeding)), state.seeding))
        for aggregator, chain in task.seed_chains.items():
            answer = state.seed_chains.get(aggregator, b"")
            pairs.append((f"seedChainOf({aggregator})", b"".join(encode_words(chain)), answer))
        for participant, lot in task.lots.items():
            answer = state.lots.get(participant, b"")
            pairs.append((f"lotOf({participant})", b"".join(encode_words(lot)), answer))
    if task.has_budget:
        for participant in sorted(state.participants):
            answer = state.privacy_spent.get(participant, b"")
            spent = _word(task.spent(participant))
            pairs.append((f"privacySpentOf({participant})", spent, answer))
    if task.is_masked:
        pairs.append(("unmasking()", b"".join(encode_words(task.unmasking)), state.unmasking))
    if task.parameters.reward:
        pairs.append(("pot()", _word(task.pot), state.pot))
        for number in task.rounds:
            expected = _payroll_words(task.payrolls.get(number))
            pairs.append((f"payrollOf({number})", expected, state.payrolls.get(number, b"")))
    for view, expected, actual in pairs:
        if expected != actual:
            detail = f"{view} does not answer what the records say"
            return failed(check, detail, expected.hex(), actual.hex())
    return passed(check, f"{len(pairs)} views answer what the records say")


def _participant_words(
    is_admitted: bool, latest: UpdateSubmitted | UpdateCommitted | None, inherited: int
) -> bytes:
    if latest is None or latest.round <= inherited:
        return _word(is_admitted) + _word(inherited) + bytes(2 * WORD_BYTES)
    if isinstance(latest, UpdateCommitted):
        sequence, proof = PENDING, latest.commitment
    else:
        sequence, proof = latest.sequence, compute_record_hash(latest)
    prefix = proof[:RECORD_PREFIX_BYTES].ljust(WORD_BYTES, b"\0")
    return _word(is_admitted) + _word(latest.round) + _word(sequence) + prefix


def _payroll_words(payroll: Payroll | None) -> bytes:
    if payroll is None:
        return bytes(3 * WORD_BYTES)
    return payroll.content + _word(payroll.left) + _word(len(payroll.unpaid))


def _listing_words(listed: UpdatesListed | None) -> bytes:
    if listed is None:
        return bytes(2 * WORD_BYTES)
    record = compute_record_hash(listed)[:LISTING_PREFIX_BYTES].ljust(WORD_BYTES, b"\0")
    return _word(listed.round) + record


def _word(value: int) -> bytes:
    return int(value).to_bytes(WORD_BYTES)


def check_manifest(task: Task, evidence: Evidence) -> tuple[Finding, Manifest | None]:
    """Check that the pinned manifest is the one on record and says what the contract says."""
    check = "manifest"
    parameters = task.parameters
    cid = cid_from_digest(parameters.manifest_cid_digest, 0)
    try:
        data = evidence.fetch_blob(cid, MAX_DOCUMENT_BYTES)
    except StoreError as error:
        return from_store_error(check, error, cid), None
    digest = compute_digest(data)
    if digest != parameters.manifest_digest:
        detail = "the pinned manifest is not the one on record"
        return failed(check, detail, parameters.manifest_digest.hex(), digest.hex()), None
    try:
        manifest = decode_manifest(data)
        aggregators = tuple(task.committee.members)
        check_agreement(manifest, parameters, aggregators, evidence.chain_id)
    except (ProtocolError, InvalidManifest) as error:
        return failed(check, error.message), None
    return passed(check, f"task {manifest.name!r}, id {manifest.task_id}"), manifest


def check_genesis(
    manifest: Manifest, task: Task, evidence: Evidence
) -> tuple[Finding, NDArray[np.int32] | None]:
    """Check that the pinned genesis model is canonical, bound to the task and on record."""
    check = "genesis_model"
    parameters = task.parameters
    header = model_header(manifest)
    size = compute_blob_bytes(header)
    cid = cid_from_digest(parameters.genesis_cid_digest, size)
    try:
        data = evidence.fetch_blob(cid, size)
    except StoreError as error:
        promise = read_promise(manifest, task.coordinator, task.created_at)
        return from_store_error(check, error, cid, promise=promise), None
    digest = compute_digest(data)
    if digest != parameters.genesis_digest:
        detail = "the pinned genesis model is not the one on record"
        return failed(check, detail, parameters.genesis_digest.hex(), digest.hex()), None
    try:
        values = decode_model_blob(data, header)
    except ProtocolError as error:
        return failed(check, error.message), None
    return passed(check, f"digest {digest.hex()}"), values


def encode_registry_arguments(records: Sequence[Record]) -> bytes:
    """Return a registry's constructor arguments as its records say; none without a first record."""
    created = records[0] if records else None
    if not isinstance(created, RegistryCreated):
        return b""
    return _word(created.enrolment_bond) + _word(created.leave_seconds)


def encode_arguments(parameters: TaskParameters, aggregators: Sequence[str]) -> bytes:
    """Return a ledger's constructor arguments as they follow its creation code."""
    words = list(encode_words(parameters))
    offset = (len(words) + 1) * WORD_BYTES
    addresses = (bytes.fromhex(a[2:]).rjust(WORD_BYTES, b"\0") for a in aggregators)
    return b"".join([*words, _word(offset), _word(len(aggregators)), *addresses])
