"""Checks of records: complete and in order, allowed one after another, and of those enrolled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fl_chain.audit.evidence import ContractEvidence
from fl_chain.audit.findings import Finding, failed, passed
from fl_chain.errors import InvalidTransition, ProtocolError
from fl_chain.protocol.logs import append_history, compute_history_start, decode_log
from fl_chain.protocol.records import (
    LedgerRecord,
    ModelProposed,
    ParticipantAdmitted,
    ParticipantSucceeded,
    Record,
    RegistryRecord,
    TaskCreated,
)
from fl_chain.protocol.registry import Registry
from fl_chain.protocol.registry_records import (
    ParticipantBonded,
    ParticipantEnrolled,
    ParticipantLeft,
    ParticipantRevoked,
    ParticipantRotated,
    RegistryCreated,
)
from fl_chain.protocol.round import Task


@dataclass(frozen=True, slots=True)
class History:
    """The records of a contract, in order."""

    records: list[Record] = field(default_factory=list)
    at_proposals: dict[int, bytes] = field(default_factory=dict)
    """Round to the running hash after its last proposal: what it stands for is everything that the
    re-execution of the round can depend on, and nothing that came later."""


def check_history(name: str, contract: ContractEvidence, chain_id: int) -> tuple[Finding, History]:
    """Check that the logs are complete, unaltered and in order; return their records."""
    check = f"{name}_history"
    try:
        history = History([decode_log(log) for log in contract.logs])
    except ProtocolError as error:
        return failed(check, error.message), History()
    running = compute_history_start(chain_id, contract.address)
    for record in history.records:
        running = append_history(running, record)
        if isinstance(record, ModelProposed):
            history.at_proposals[record.round] = running
    if running != contract.history_hash:
        detail = "events are missing, altered, or out of order"
        return failed(check, detail, contract.history_hash.hex(), running.hex()), history
    detail = f"{len(history.records)} records match the contract's running hash"
    return passed(check, detail), history


def check_transitions(records: Sequence[Record]) -> tuple[Finding, Task | None]:
    """Check phases, deadlines and permissions: replay the records through the state machine."""
    check = "transitions"
    if not records or not isinstance(records[0], TaskCreated):
        return failed(check, "the first record is not the creation of a task"), None
    task = Task(records[0])
    for position, record in enumerate(records[1:], start=1):
        if not isinstance(record, LedgerRecord):
            return failed(check, f"record {position} belongs to another contract"), task
        try:
            task.apply(record)
        except InvalidTransition as error:
            return failed(check, f"record {position}: {error.message}"), task
    if task.is_mid_transaction:
        return failed(check, "the history ends in the middle of a transaction"), task
    return passed(check, f"{len(records)} records replayed, {len(task.rounds)} rounds"), task


def check_registry_transitions(records: Sequence[Record]) -> Finding:
    """Check enrolments, bonds and rotations: replay the registry's records through its rules."""
    check = "registry_transitions"
    if not records or not isinstance(records[0], RegistryCreated):
        return failed(check, "the first record is not the creation of a registry")
    registry = Registry(records[0])
    for position, record in enumerate(records[1:], start=1):
        if not isinstance(record, RegistryRecord):
            return failed(check, f"record {position} belongs to another contract")
        try:
            registry.apply(record)
        except InvalidTransition as error:
            return failed(check, f"record {position}: {error.message}")
    return passed(check, f"{len(records)} records replayed")


def check_admissions(ledger: Sequence[Record], registry: Sequence[Record]) -> Finding:
    """Check that everybody who was admitted was enrolled, or took the place of a key that was."""
    enrolled_at: dict[str, int] = {}
    ended_at: dict[str, int] = {}
    rotated_at: dict[tuple[str, str], int] = {}
    origins: dict[str, str] = {}
    for fact in registry:
        match fact:
            case ParticipantEnrolled() | ParticipantBonded():
                enrolled_at.setdefault(fact.participant, fact.timestamp)
            case ParticipantRevoked() | ParticipantLeft():
                ended_at.setdefault(fact.participant, fact.timestamp)
            case ParticipantRotated(participant=participant, successor=successor):
                ended_at.setdefault(participant, fact.timestamp)
                enrolled_at.setdefault(successor, fact.timestamp)
                rotated_at[participant, successor] = fact.timestamp
                origins[successor] = origins.get(participant, participant)
    lines: set[str] = set()
    num_moved = 0
    for record in ledger:
        match record:
            case ParticipantAdmitted(participant=who, timestamp=when):
                # Two contracts' events of one second have no order that the histories show.
                if not enrolled_at.get(who, when + 1) <= when <= ended_at.get(who, when):
                    return failed("admissions", f"{who} was admitted while it was not enrolled")
                if origins.get(who, who) in lines:
                    return failed("admissions", f"{who} was admitted beside another key of its own")
                lines.add(origins.get(who, who))
            case ParticipantSucceeded(participant=who, successor=successor, timestamp=when):
                if rotated_at.get((who, successor), when + 1) > when:
                    return failed("admissions", f"{successor} was not the successor of {who}")
                num_moved += 1
    moved = f", {num_moved} moved to successors" if num_moved else ""
    return passed("admissions", f"{len(lines)} participants, all enrolled before{moved}")
