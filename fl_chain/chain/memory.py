"""A ledger without a chain node, for tests and dry runs: the contract's rules from protocol/round.

Several accounts share one :class:`MemoryChain`, as they would share a node. It accepts and refuses
what RoundLedger.sol does, with the same custom errors in the same order, and emits the same logs.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from eth_hash.auto import keccak

from fl_chain.chain.ledger import Page, Receipt
from fl_chain.errors import InvalidTransition, TransactionRejected, UsageError
from fl_chain.protocol.actions import (
    Abort,
    Admit,
    Finalize,
    LedgerAction,
    Propose,
    Remove,
    Stop,
    SubmitUpdate,
)
from fl_chain.protocol.records import (
    LedgerRecord,
    Log,
    ModelProposed,
    ParticipantAdmitted,
    ParticipantRemoved,
    RoundAborted,
    RoundFinalized,
    RoundOpened,
    TaskCreated,
    TaskParameters,
    TaskStopped,
    UpdateSubmitted,
    append_history,
    compute_history_start,
    encode_log,
    topic_of,
)
from fl_chain.protocol.round import Action, Task

CHAIN_ID = 31337
_TASK_OVER = "TaskOver"


class MemoryChain:
    """One task's contract, the registry that it asks, and a clock.

    Parameters
    ----------
    coordinator
        Address that creates the task.
    parameters
        The task.
    enrolled
        Whom the registry lists; may be changed at any time.
    clock
        Block time in seconds since the epoch.
    """

    def __init__(
        self,
        coordinator: str,
        parameters: TaskParameters,
        enrolled: set[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.chain_id = CHAIN_ID
        self.address = "0x" + keccak(f"{coordinator}{parameters}".encode()).hex()[:40]
        self.enrolled = enrolled
        self.history_hash = compute_history_start(self.chain_id, self.address)
        self.logs: list[Log] = []
        self.news = threading.Condition()
        """Held by whoever reads or changes the chain; notified of every block."""
        self._clock = clock
        created = TaskCreated(coordinator, parameters, self.now)
        self.task = Task(created)
        self._add_block([created, RoundOpened(1, 0, self.now)], apply_from=1)

    @property
    def now(self) -> int:
        """Time of a block that is made now, in seconds."""
        return int(self._clock())

    @property
    def block_number(self) -> int:
        """Number of the latest block; blocks hold one transaction each."""
        return self.logs[-1].block_number

    def carry_out(self, sender: str, action: LedgerAction) -> Receipt:
        """Carry out a transaction in a block of its own.

        Raises
        ------
        TransactionRejected
            With the contract's custom error.
        """
        with self.news:
            try:
                records = self._records_of(sender, action, self.now)
            except InvalidTransition as error:
                raise TransactionRejected(
                    f"the contract refused: {error.message}", error=error.error
                ) from None
            return self._add_block(records)

    def _records_of(self, sender: str, action: LedgerAction, now: int) -> list[LedgerRecord]:
        """Return what an action emits, in the order of the contract's own checks."""
        task = self.task
        match action:
            case SubmitUpdate():
                task.check_submit(sender, action.round, action.weight, now)
                _require_digests(action.digest, action.cid_digest)
                return [
                    UpdateSubmitted(
                        action.round,
                        sender,
                        task.current.num_updates,
                        action.digest,
                        action.cid_digest,
                        action.weight,
                        now,
                    )
                ]
            case Propose():
                if sender != task.parameters.aggregator:
                    _refuse("NotAggregator", f"{sender} is not the aggregator")
                task.check_round(action.round, Action.PROPOSE, now)
                digests = (action.model_digest, action.model_cid_digest)
                _require_digests(*digests, action.report_digest, action.report_cid_digest)
                return [
                    ModelProposed(
                        action.round,
                        *digests,
                        action.report_digest,
                        action.report_cid_digest,
                        action.report_bytes,
                        now,
                    )
                ]
            case Finalize():
                task.check_round(action.round, Action.FINALIZE, now)
                if now < task.current.proposed_at + task.parameters.challenge_seconds:
                    _refuse("ChallengeWindowOpen", f"round {action.round} can be challenged")
                return self._finalize(action.round, now)
            case Abort():
                task.check_round(action.round, Action.ABORT, now)
                return [
                    RoundAborted(action.round, now),
                    RoundOpened(action.round + 1, task.current.base_round, now),
                ]
            case Stop():
                self._require_coordinator(sender)
                if task.is_over:
                    _refuse(_TASK_OVER, "the task is over")
                return [RoundAborted(task.current.round, now), TaskStopped(now)]
            case Admit():
                self._require_coordinator(sender)
                return self._admit(action.participants, now)
            case Remove(participant=participant):
                if participant not in task.admitted:
                    _refuse("NotAdmitted", f"{participant} is not admitted")
                if participant in self.enrolled:
                    _refuse("StillEnrolled", f"{participant} is enrolled")
                return [ParticipantRemoved(participant, now)]

    def _finalize(self, round_number: int, now: int) -> list[LedgerRecord]:
        proposal = self.task.rounds[round_number].proposal
        assert proposal is not None  # noqa: S101 - the phase says so
        records: list[LedgerRecord] = [RoundFinalized(round_number, proposal.model_digest, now)]
        if self.task.current.num_finalized + 1 < self.task.parameters.num_rounds:
            records.append(RoundOpened(round_number + 1, round_number, now))
        return records

    def _admit(self, participants: tuple[str, ...], now: int) -> list[LedgerRecord]:
        records: list[LedgerRecord] = []
        admitted = set(self.task.admitted)
        for participant in participants:
            if participant not in self.enrolled:
                _refuse("NotEnrolled", f"{participant} is not enrolled")
            if participant in admitted:
                _refuse("AlreadyAdmitted", f"{participant} is admitted")
            admitted.add(participant)
            records.append(ParticipantAdmitted(participant, now))
        return records

    def _require_coordinator(self, sender: str) -> None:
        if sender != self.task.coordinator:
            _refuse("NotCoordinator", f"{sender} is not the coordinator")

    def _add_block(self, records: list[LedgerRecord], apply_from: int = 0) -> Receipt:
        number = self.block_number + 1 if self.logs else 1
        transaction_hash = hashlib.sha256(self.history_hash + number.to_bytes(8)).digest()
        for record in records[apply_from:]:
            self.task.apply(record)
        for index, record in enumerate(records):
            topics, data = encode_log(record)
            self.logs.append(Log(self.address, topics, data, number, index, transaction_hash))
            self.history_hash = append_history(self.history_hash, record)
        with self.news:
            self.news.notify_all()
        return Receipt(transaction_hash, number, gas_used=0)


class MemoryLedger:
    """A memory chain as one account sees it; see :class:`fl_chain.chain.ledger.Ledger`.

    Parameters
    ----------
    chain
        Shared by all accounts.
    sender
        Address to act as; empty only reads.
    """

    def __init__(self, chain: MemoryChain, sender: str = "") -> None:
        self._chain = chain
        self.chain_id = chain.chain_id
        self.address = chain.address
        self.sender = sender
        self._kinds: frozenset[bytes] | None = None
        self._seen = 0

    def fetch(self, from_block: int) -> Page:
        """Return the logs from a block on."""
        with self._chain.news:
            logs = tuple(log for log in self._chain.logs if log.block_number >= from_block)
            return Page(logs, self._chain.block_number + 1, self._chain.now)

    def send(self, action: LedgerAction) -> Receipt:
        """Carry out an action; see the seam for errors."""
        if not self.sender:
            raise UsageError("this command has no key to send from", "name one with --key")
        return self._chain.carry_out(self.sender, action)

    def check_funds(self) -> None:
        """Nothing costs anything here."""

    def watch(self, *kinds: type[Any]) -> None:
        """Say which records :meth:`wait` is to wake for, before reading the logs."""
        wanted = frozenset(map(topic_of, kinds))
        with self._chain.news:
            if wanted != self._kinds:
                self._kinds, self._seen = wanted, len(self._chain.logs)

    def wait(self, timeout_seconds: float) -> bool:
        """Return True once a watched record may have been added, False on timeout."""
        with self._chain.news:
            return self._chain.news.wait_for(self._has_news, timeout_seconds)

    def _has_news(self) -> bool:
        fresh, self._seen = self._chain.logs[self._seen :], len(self._chain.logs)
        return any(not self._kinds or log.topics[0] in self._kinds for log in fresh)


def _require_digests(*digests: bytes) -> None:
    if not all(map(any, digests)):
        _refuse("ZeroDigest", "a digest is zero")


def _refuse(error: str, message: str) -> NoReturn:
    raise InvalidTransition(message, error=error)
