"""The part of a task's state that is about commitments: how far a round has got with them."""

from __future__ import annotations

from fl_chain.protocol.committee import refuse
from fl_chain.protocol.phases import Action
from fl_chain.protocol.records import UpdateCommitted
from fl_chain.protocol.spending import SpendingTask
from fl_chain.protocol.state import Committing


class CommittingTask(SpendingTask):
    """What :class:`fl_chain.protocol.round.Task` knows about commitments; nothing without them."""

    def has_committed(self, participant: str) -> bool:
        """Return whether a participant has an unrevealed commitment in the current round."""
        pending = self.pending.get(participant)
        return pending is not None and pending.round == self.current.round

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
        self.check_budget(participant)

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

    def check_submit(self, participant: str, round_number: int, weight: int, now: int) -> None:
        """Check that a participant may submit an update at block time ``now``.

        Raises
        ------
        InvalidTransition
            With the name of the custom error that the contract would answer.
        """
        self.check_round(round_number, Action.SUBMIT, now)
        if participant not in self.admitted:
            refuse("NotAdmitted", f"{participant} is not admitted to the task")
        if not self.parameters.commit_seconds:  # or it was checked before the commitment
            self.check_selected(participant, round_number)
        self.check_committed(participant)
        has_acted = self.last_round_of.get(participant) == round_number
        if has_acted and not self.has_committed(participant):
            refuse("AlreadySubmitted", f"{participant} has submitted in round {round_number}")
        self.check_budget(participant)
        if not 1 <= weight <= self.parameters.max_weight:
            refuse("WeightOutOfRange", f"weight {weight} is not 1 to {self.parameters.max_weight}")

    def draw_members(self) -> frozenset[str]:
        """Return who can commit in the current round, and so has a place in its groups."""
        able = filter(self.can_pay, filter(self.is_selected, self.admitted))
        return frozenset(able)

    def _apply_committed(self, record: UpdateCommitted) -> None:
        self.check_commit(record.participant, record.round, record.timestamp)
        self.pending[record.participant] = record
        self.last_round_of[record.participant] = record.round
        history = self.rounds[record.round]
        if self.is_masked and not history.commitments:
            history.drawn = self.draw_members()
            history.seed = self.seed
        history.commitments.append(record)
        count = self.num_committed + 1
        is_last = count == self.parameters.target_updates
        self.committing = Committing(record.round, count, record.timestamp if is_last else 0)
