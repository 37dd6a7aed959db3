"""The part of a task's state that is about commitments: how far a round has got with them."""

from __future__ import annotations

from fl_chain.protocol.committee import refuse
from fl_chain.protocol.phases import Action
from fl_chain.protocol.records import TaskParameters, UpdateCommitted
from fl_chain.protocol.state import Committing, CurrentRound, RoundHistory


class CommittingTask:
    """What :class:`fl_chain.protocol.round.Task` knows about commitments; nothing without them."""

    parameters: TaskParameters
    current: CurrentRound
    admitted: set[str]
    last_round_of: dict[str, int]
    rounds: dict[int, RoundHistory]

    def __init__(self) -> None:
        super().__init__()
        self.committing = Committing()
        self.pending: dict[str, UpdateCommitted] = {}
        """Participant to its last commitment, until it is revealed."""

    @property
    def num_committed(self) -> int:
        """How many participants have committed in the current round."""
        return self._committing.num_committed

    @property
    def has_commitments(self) -> bool:
        """Whether the current round has enough commitments for a model, if it needs any."""
        parameters = self.parameters
        return not parameters.commit_seconds or self.num_committed >= parameters.min_updates

    @property
    def closing_updates(self) -> int | None:
        """How many updates close collection before its time; None if none do."""
        parameters = self.parameters
        if parameters.list_seconds:
            return None
        return self.num_committed if parameters.commit_seconds else parameters.target_updates

    @property
    def commit_until(self) -> int:
        """Last second at which the current round commits, if the target is not reached before."""
        return self.current.opened_at + self.parameters.commit_seconds

    @property
    def collect_until(self) -> int:
        """Last second at which the current round collects, if nothing closes collection before."""
        start = self._committing.closed_at or self.commit_until
        return start + self.parameters.collect_seconds

    def is_committed(self, now: int) -> bool:
        """Return whether committing to updates of an open round is over at block time ``now``.

        It is over from the start in a task without commitments.
        """
        if not self.parameters.commit_seconds or self._committing.closed_at:
            return True
        return now > self.commit_until

    def has_committed(self, participant: str) -> bool:
        """Return whether a participant has an unrevealed commitment in the current round."""
        pending = self.pending.get(participant)
        return pending is not None and pending.round == self.current.round

    def check_round(self, round_number: int, action: Action, now: int) -> None:
        """Check that an action on a round is allowed; see the task."""
        raise NotImplementedError

    def check_commit(self, participant: str, round_number: int, now: int) -> None:
        """Check that a participant may commit to its update at block time ``now``.

        Raises
        ------
        InvalidTransition
            With the name of the custom error that the contract would answer.
        """
        self.check_has_commitments()
        self.check_round(round_number, Action.COMMIT, now)
        if participant not in self.admitted:
            refuse("NotAdmitted", f"{participant} is not admitted to the task")
        self.check_selected(participant, round_number)
        if self.last_round_of.get(participant) == round_number:
            refuse("AlreadyCommitted", f"{participant} has committed in round {round_number}")

    def check_selected(self, participant: str, round_number: int) -> None:
        """Check that a participant is selected for the current round; see the task."""
        raise NotImplementedError

    def check_has_commitments(self) -> None:
        """Check that this is a task with commitments.

        Raises
        ------
        InvalidTransition
            NoCommitments.
        """
        if not self.parameters.commit_seconds:
            refuse("NoCommitments", "in this task nobody commits to an update before it submits")

    def check_committed(self, participant: str) -> None:
        """Check that a participant has committed in the current round, if it has to.

        Raises
        ------
        InvalidTransition
            NotCommitted.
        """
        has_acted = self.last_round_of.get(participant) == self.current.round
        if self.parameters.commit_seconds and not has_acted:
            refuse("NotCommitted", f"{participant} did not commit in round {self.current.round}")

    def _apply_committed(self, record: UpdateCommitted) -> None:
        self.check_commit(record.participant, record.round, record.timestamp)
        self.pending[record.participant] = record
        self.last_round_of[record.participant] = record.round
        self.rounds[record.round].commitments.append(record)
        count = self.num_committed + 1
        is_last = count == self.parameters.target_updates
        self.committing = Committing(record.round, count, record.timestamp if is_last else 0)

    @property
    def _committing(self) -> Committing:
        number = self.current.round
        return self.committing if self.committing.round == number else Committing(number)
