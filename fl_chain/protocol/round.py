"""The round state machine: what the contract enforces, as one pure function of records and time.

``Task.apply`` accepts a record exactly when the contract would have emitted it, so replaying a
history is the audit of its phases, deadlines and permissions. Which action a phase allows is the
table TRANSITIONS; contracts/RoundLedger.sol answers to the same table (tests/vectors/round).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Final, NoReturn

from fl_chain.errors import InvalidTransition
from fl_chain.protocol.records import (
    LedgerRecord,
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
)


class Phase(IntEnum):
    """The state of a round; the numbers are those of contracts/libraries/Phases.sol."""

    NONE = 0
    COLLECTING = 1
    AGGREGATING = 2
    PROPOSED = 3
    FINALIZED = 4
    EXPIRED = 5
    ABORTED = 6


class Action(StrEnum):
    """What somebody may do to the current round."""

    SUBMIT = "submit"
    PROPOSE = "propose"
    FINALIZE = "finalize"
    ABORT = "abort"
    STOP = "stop"


TRANSITIONS: Final[dict[tuple[Phase, Action], frozenset[Phase]]] = {
    (Phase.COLLECTING, Action.SUBMIT): frozenset({Phase.COLLECTING, Phase.AGGREGATING}),
    (Phase.AGGREGATING, Action.PROPOSE): frozenset({Phase.PROPOSED}),
    (Phase.PROPOSED, Action.FINALIZE): frozenset({Phase.FINALIZED}),
    (Phase.EXPIRED, Action.ABORT): frozenset({Phase.ABORTED}),
    (Phase.COLLECTING, Action.STOP): frozenset({Phase.ABORTED}),
    (Phase.AGGREGATING, Action.STOP): frozenset({Phase.ABORTED}),
    (Phase.PROPOSED, Action.STOP): frozenset({Phase.ABORTED}),
    (Phase.EXPIRED, Action.STOP): frozenset({Phase.ABORTED}),
}
"""(phase, action) to the phases that the acted-on round may then be in; all else is refused."""

EXPECTED_PHASE: Final = {
    Action.SUBMIT: Phase.COLLECTING,
    Action.PROPOSE: Phase.AGGREGATING,
    Action.FINALIZE: Phase.PROPOSED,
    Action.ABORT: Phase.EXPIRED,
}
"""The one phase that an action needs; ``stop`` has several."""


@dataclass(frozen=True, slots=True)
class CurrentRound:
    """The round in progress, or the last one of a finished task."""

    round: int
    base_round: int
    num_updates: int
    num_finalized: int
    opened_at: int
    """Seconds since the epoch."""
    proposed_at: int = 0
    """Seconds since the epoch; 0 before a proposal."""
    is_stopped: bool = False


@dataclass(slots=True)
class RoundHistory:
    """Everything on record about one round."""

    opened: RoundOpened
    updates: list[UpdateSubmitted] = field(default_factory=list)
    proposal: ModelProposed | None = None
    finalized: RoundFinalized | None = None
    aborted: RoundAborted | None = None


def compute_phase(current: CurrentRound, parameters: TaskParameters, now: int) -> Phase:
    """Return the phase of the current round at block time ``now``, in seconds."""
    if current.is_stopped:
        return Phase.ABORTED
    if current.num_finalized == parameters.num_rounds:
        return Phase.FINALIZED
    if current.proposed_at:
        return Phase.PROPOSED
    collect_until = current.opened_at + parameters.collect_seconds
    if current.num_updates < parameters.target_updates and now <= collect_until:
        return Phase.COLLECTING
    if (
        current.num_updates >= parameters.min_updates
        and now <= collect_until + parameters.aggregate_seconds
    ):
        return Phase.AGGREGATING
    return Phase.EXPIRED


class Task:
    """The state of one task after some records; mutable, and a function of them alone.

    Parameters
    ----------
    created
        The first record of every ledger.
    """

    def __init__(self, created: TaskCreated) -> None:
        self.coordinator = created.coordinator
        self.parameters = created.parameters
        self.admitted: set[str] = set()
        self.rounds: dict[int, RoundHistory] = {}
        self.last_round_of: dict[str, int] = {}
        """Participant to the round of its last update."""
        self.current = CurrentRound(0, 0, 0, 0, created.timestamp)
        self.last_timestamp = created.timestamp
        self._due: tuple[type[LedgerRecord], ...] = (RoundOpened,)
        """Records of which one must come next, since one transaction emits both."""
        self._next_base = 0
        """Base round of the round that opens next."""

    def phase(self, now: int) -> Phase:
        """Return the phase of the current round at block time ``now``."""
        return compute_phase(self.current, self.parameters, now)

    def phase_of(self, round_number: int, now: int) -> Phase:
        """Return the phase of any round at block time ``now``."""
        if round_number == self.current.round:
            return self.phase(now)
        history = self.rounds.get(round_number)
        if history is None:
            return Phase.FINALIZED if round_number == 0 else Phase.NONE
        return Phase.FINALIZED if history.finalized else Phase.ABORTED

    @property
    def is_over(self) -> bool:
        """Whether all rounds are finalized or the task was stopped."""
        return self.current.is_stopped or self.current.num_finalized == self.parameters.num_rounds

    @property
    def is_mid_transaction(self) -> bool:
        """Whether a record is missing that one transaction emits together with the last one."""
        return bool(self._due)

    def model_digest(self, round_number: int) -> bytes:
        """Return the digest of a finalized round's model; round 0 is the genesis model."""
        if round_number == 0:
            return self.parameters.genesis_digest
        finalized = self.rounds[round_number].finalized
        if finalized is None:
            _refuse("NoModel", f"round {round_number} has no final model")
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
            _refuse("TimeReversed", f"{type(record).__name__} is older than the record before it")
        if self._due:
            due = " or ".join(kind.__name__ for kind in self._due)
            if not isinstance(record, self._due):
                _refuse("MissingRecord", f"{type(record).__name__} where {due} is due")
            if record.timestamp != self.last_timestamp:
                _refuse("MissingRecord", f"{due} is due in the transaction before")
        match record:
            case RoundOpened():
                self._apply_opened(record)
            case UpdateSubmitted():
                self._apply_submitted(record)
            case ModelProposed():
                self._apply_proposed(record)
            case RoundFinalized():
                self._apply_finalized(record)
            case RoundAborted():
                self._apply_aborted(record)
            case TaskStopped():
                self._apply_stopped()
            case ParticipantAdmitted(participant=participant):
                if participant in self.admitted:
                    _refuse("AlreadyAdmitted", f"{participant} is admitted twice")
                self.admitted.add(participant)
            case ParticipantRemoved(participant=participant):
                if participant not in self.admitted:
                    _refuse("NotAdmitted", f"{participant} is removed but was not admitted")
                self.admitted.discard(participant)
            case TaskCreated():
                _refuse("CreatedTwice", "a ledger is created once")
        self.last_timestamp = record.timestamp

    def check_round(self, round_number: int, action: Action, now: int) -> None:
        """Check that ``action`` on a round is allowed at block time ``now``.

        Raises
        ------
        InvalidTransition
            UnexpectedRound, UnexpectedPhase or TaskOver, as the contract would answer.
        """
        if round_number != self.current.round:
            _refuse(
                "UnexpectedRound",
                f"cannot {action} in round {round_number}: the current one is {self.current.round}",
            )
        phase = self.phase(now)
        if (phase, action) not in TRANSITIONS:
            message = f"cannot {action} in round {round_number}: it is {phase.name}"
            if action == Action.STOP:
                _refuse("TaskOver", message)
            _refuse("UnexpectedPhase", f"{message}, not {EXPECTED_PHASE[action].name}")

    def check_submit(self, participant: str, round_number: int, weight: int, now: int) -> None:
        """Check that a participant may submit an update at block time ``now``.

        Raises
        ------
        InvalidTransition
            With the name of the custom error that the contract would answer.
        """
        self.check_round(round_number, Action.SUBMIT, now)
        if participant not in self.admitted:
            _refuse("NotAdmitted", f"{participant} is not admitted to the task")
        if self.last_round_of.get(participant) == round_number:
            _refuse("AlreadySubmitted", f"{participant} has submitted in round {round_number}")
        if not 1 <= weight <= self.parameters.max_weight:
            _refuse("WeightOutOfRange", f"weight {weight} is not 1 to {self.parameters.max_weight}")

    def _apply_opened(self, record: RoundOpened) -> None:
        expected = (self.current.round + 1, self._next_base)
        if not self._due or (record.round, record.base_round) != expected:
            _refuse("UnexpectedRound", f"round {record.round} opens out of turn")
        self._due = ()
        self.rounds[record.round] = RoundHistory(record)
        self.current = CurrentRound(
            record.round, record.base_round, 0, self.current.num_finalized, record.timestamp
        )

    def _apply_submitted(self, record: UpdateSubmitted) -> None:
        self.check_submit(record.participant, record.round, record.weight, record.timestamp)
        if record.sequence != self.current.num_updates:
            _refuse("UnexpectedSequence", f"update {record.sequence} is out of sequence")
        if not any(record.digest) or not any(record.cid_digest):
            _refuse("ZeroDigest", f"update {record.sequence} has a zero digest")
        self.last_round_of[record.participant] = record.round
        self.rounds[record.round].updates.append(record)
        self.current = replace(self.current, num_updates=record.sequence + 1)

    def _apply_proposed(self, record: ModelProposed) -> None:
        self.check_round(record.round, Action.PROPOSE, record.timestamp)
        digests = (
            record.model_digest,
            record.model_cid_digest,
            record.report_digest,
            record.report_cid_digest,
        )
        if not all(any(digest) for digest in digests):
            _refuse("ZeroDigest", f"the proposal of round {record.round} has a zero digest")
        self.rounds[record.round].proposal = record
        self.current = replace(self.current, proposed_at=record.timestamp)

    def _apply_finalized(self, record: RoundFinalized) -> None:
        self.check_round(record.round, Action.FINALIZE, record.timestamp)
        until = self.current.proposed_at + self.parameters.challenge_seconds
        if record.timestamp < until:
            _refuse("ChallengeWindowOpen", f"round {record.round} was finalized before {until}")
        history = self.rounds[record.round]
        if history.proposal is None or history.proposal.model_digest != record.model_digest:
            _refuse("UnexpectedModel", f"round {record.round} finalized a model not proposed")
        history.finalized = record
        self.current = replace(self.current, num_finalized=self.current.num_finalized + 1)
        self._next_base = record.round
        self._due = () if self.is_over else (RoundOpened,)

    def _apply_aborted(self, record: RoundAborted) -> None:
        if record.round != self.current.round:
            _refuse("UnexpectedRound", f"round {record.round} is aborted out of turn")
        if self.is_over:
            _refuse("TaskOver", f"round {record.round} is aborted after its end")
        self.rounds[record.round].aborted = record
        # Only an expired round is aborted by itself; a stop aborts any, and says so at once.
        is_expired = self.phase(record.timestamp) == Phase.EXPIRED
        self._due = (RoundOpened, TaskStopped) if is_expired else (TaskStopped,)

    def _apply_stopped(self) -> None:
        if not self._due:
            _refuse("MissingRecord", "the task stopped without aborting its round")
        self._due = ()
        self.current = replace(self.current, is_stopped=True)


def _refuse(error: str, message: str) -> NoReturn:
    raise InvalidTransition(message, error=error)
