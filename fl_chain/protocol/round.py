"""The round state machine: what the contract enforces, as one pure function of records and time.

``Task.apply`` accepts a record exactly when the contract would have emitted it, so replaying a
history is the audit of its phases, deadlines and turns. What a task remembers is in state.py, what
each of its parts knows and checks in a module of its own.
"""

from __future__ import annotations

from dataclasses import replace

from fl_chain.protocol.committee import refuse
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.proposing import ProposingTask
from fl_chain.protocol.records import (
    AggregatorAppointed,
    BondDeposited,
    BondSlashed,
    BondWithdrawn,
    ChallengeFailed,
    LedgerRecord,
    ModelAttested,
    ModelProposed,
    ParticipantAdmitted,
    ParticipantRemoved,
    ParticipantSucceeded,
    PartSelected,
    PartSplit,
    PayoutClaimed,
    PeersApart,
    PotFunded,
    PotReclaimed,
    ProposalChallenged,
    ProposalRejected,
    RewardsPaid,
    RoundAborted,
    RoundFinalized,
    RoundOpened,
    SeedRevealed,
    SeedsCommitted,
    TaskCreated,
    TaskPaused,
    TaskStopped,
    UpdateCommitted,
    UpdatesListed,
    UpdateSubmitted,
    UpdateUnmasked,
    ValueAnswered,
)
from fl_chain.protocol.rewarding import RewardingTask
from fl_chain.protocol.state import CurrentRound, RoundHistory
from fl_chain.protocol.unmasking import UnmaskingTask


class Task(ProposingTask, UnmaskingTask, RewardingTask):
    """A task: its state, the checks of all its parts, and what each record makes of it."""

    @property
    def is_mid_transaction(self) -> bool:
        """Whether a record is missing that one transaction emits together with the last one."""
        return bool(self.due)

    def model_digest(self, round_number: int) -> bytes:
        """Return the digest of a finalized round's model; round 0 is the genesis model."""
        if round_number == 0:
            return self.parameters.genesis_digest
        finalized = self.rounds[round_number].finalized
        if finalized is None:
            refuse("NoModel", f"round {round_number} has no final model")
        return finalized.model_digest

    @property
    def base_digest(self) -> bytes:
        """Digest of the model that the current round starts from."""
        return self.model_digest(self.current.base_round)

    def apply(self, record: LedgerRecord) -> None:
        """Advance by one record.

        Raises
        ------
        InvalidTransition
            The contract could not have emitted this record in this state; ``error`` names its
            custom error where there is one.
        """
        if record.timestamp < self.last_timestamp:
            refuse("TimeReversed", f"{type(record).__name__} is older than the record before it")
        if self.due:
            due = " or ".join(kind.__name__ for kind in self.due)
            if not isinstance(record, self.due):
                refuse("MissingRecord", f"{type(record).__name__} where {due} is due")
            if record.timestamp != self.last_timestamp:
                refuse("MissingRecord", f"{due} is due in the transaction before")
        match record:
            case AggregatorAppointed():
                self._apply_appointed(record)
            case BondDeposited():
                self.committee.apply_deposited(record)
            case BondWithdrawn():
                self._apply_withdrawn(record)
            case BondSlashed():
                self._apply_slashed(record)
            case PayoutClaimed():
                self.committee.apply_claimed(record)
            case RoundOpened():
                self._apply_opened(record)
            case UpdateSubmitted():
                self._apply_submitted(record)
            case UpdateCommitted():
                self._apply_committed(record)
            case PeersApart():
                self._apply_apart(record)
            case UpdateUnmasked():
                self._apply_unmasked(record)
            case UpdatesListed():
                self._apply_listed(record)
            case ModelProposed():
                self._apply_proposed(record)
            case ModelAttested():
                self._apply_attested(record)
            case ProposalRejected():
                self._apply_rejected(record)
            case ProposalChallenged() | ValueAnswered() | PartSelected() | PartSplit():
                self._apply_move(record)
            case ChallengeFailed():
                self._apply_challenge_failed(record)
            case RoundFinalized():
                self._apply_finalized(record)
            case RoundAborted():
                self._apply_aborted(record)
            case TaskPaused():
                self._apply_paused(record)
            case TaskStopped():
                self._apply_stopped(record)
            case ParticipantAdmitted() | ParticipantRemoved() | ParticipantSucceeded():
                self.check_thawed(record.timestamp)
                self._apply_admission(record)
                self.check_room(len(self.admitted))
            case SeedsCommitted():
                self._apply_committed_seeds(record)
            case SeedRevealed():
                self._apply_revealed_seed(record)
            case PotFunded():
                self._apply_funded(record)
            case RewardsPaid():
                self._apply_paid(record)
            case PotReclaimed():
                self._apply_reclaimed(record)
            case TaskCreated():
                refuse("CreatedTwice", "a ledger is created once")
        self.last_timestamp = record.timestamp

    def _apply_appointed(self, record: AggregatorAppointed) -> None:
        if not self.due:
            refuse("MissingRecord", "an aggregator is appointed after the task was created")
        self.committee.appoint(record.aggregator, record.seat)
        self.due = (AggregatorAppointed, RoundOpened)

    def _apply_opened(self, record: RoundOpened) -> None:
        expected = (self.current.round + 1, self._next_base)
        if not self.due or (record.round, record.base_round) != expected:
            refuse("UnexpectedRound", f"round {record.round} opens out of turn")
        opens_from = self.compute_opening(record.round, record.timestamp)
        if record.opens_at != max(opens_from, self.current.paused_until):
            refuse("UnexpectedTime", f"round {record.round} cannot open at {record.opens_at}")
        self.due = ()
        self._begin_seeding(record.timestamp)
        self.rounds[record.round] = RoundHistory(record)
        self.current = CurrentRound(
            record.round,
            record.base_round,
            0,
            self.current.num_finalized,
            record.opens_at,
            paused_until=self.current.paused_until,
        )

    def _apply_submitted(self, record: UpdateSubmitted) -> None:
        self._check_due_update(record)
        self.check_submit(record.participant, record.round, record.weight, record.timestamp)
        if record.sequence != self.current.num_updates:
            refuse("UnexpectedSequence", f"update {record.sequence} is out of sequence")
        if not any(record.digest) or not any(record.cid_digest):
            refuse("ZeroDigest", f"update {record.sequence} has a zero digest")
        self.last_round_of[record.participant] = record.round
        self.rounds[record.round].updates.append(record)
        self.pending.pop(record.participant, None)
        self._charge(record.participant)
        is_last = record.sequence + 1 == self.closing_updates
        self.current = replace(
            self.current,
            num_updates=record.sequence + 1,
            closed_at=record.timestamp if is_last else 0,
        )

    def _apply_finalized(self, record: RoundFinalized) -> None:
        if not self.due:
            self.check_finalize(record.round, record.timestamp)
        elif record.round != self.current.round:
            refuse("UnexpectedRound", f"round {record.round} is not the current one")
        history = self.rounds[record.round]
        if history.proposal is None or history.proposal.model_digest != record.model_digest:
            refuse("UnexpectedModel", f"round {record.round} finalized a model not proposed")
        if self.silent_aggregators():
            refuse("MissingRecord", f"{self.silent_aggregators()[0]} was silent and keeps its bond")
        self._end_dispute()
        self._reserve_reward(record.round, history.proposal.report_digest, self.current.num_updates)
        history.finalized = record
        self.current = replace(self.current, num_finalized=self.current.num_finalized + 1)
        self._next_base = record.round
        if self.is_over:
            self.current = replace(self.current, closed_at=record.timestamp)
        self.due = () if self.is_over else (RoundOpened,)

    def _apply_aborted(self, record: RoundAborted) -> None:
        if record.round != self.current.round:
            refuse("UnexpectedRound", f"round {record.round} is aborted out of turn")
        if self.is_over:
            refuse("TaskOver", f"round {record.round} is aborted after its end")
        # Only an expired round is aborted by itself; a stop aborts any, and says so at once.
        is_expired = self.phase(record.timestamp) == Phase.EXPIRED
        self._drop_proposal()
        self.rounds[record.round].aborted = record
        self.due = (RoundOpened, TaskStopped) if is_expired else (TaskStopped,)

    def _apply_paused(self, record: TaskPaused) -> None:
        if self.is_over:
            refuse("TaskOver", "the task is paused after its end")
        if not 0 <= record.until - record.timestamp < 2**32:
            refuse("UnexpectedTime", f"a pause at {record.timestamp} cannot end at {record.until}")
        is_scheduled = record.timestamp < self.current.opened_at
        self.current = replace(
            self.current,
            opened_at=max(record.until, self.seeding.opens_from)
            if is_scheduled
            else self.current.opened_at,
            paused_until=record.until,
        )

    def _apply_stopped(self, record: TaskStopped) -> None:
        if not self.due:
            refuse("MissingRecord", "the task stopped without aborting its round")
        self.due = ()
        self.current = replace(self.current, is_stopped=True, closed_at=record.timestamp)
