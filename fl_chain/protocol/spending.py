"""The part of a task's state that is about privacy budgets: what each participant has spent.

Every update on record costs its participant the same, and who could not pay for one more takes no
part any more. Costs are integers in 2^-32 of zero-concentrated differential privacy (rho): Bun and
Steinke 2016 (arXiv:1605.02065), of which those of several releases add up.
"""

from __future__ import annotations

from fl_chain.protocol.committee import refuse
from fl_chain.protocol.records import (
    ParticipantAdmitted,
    ParticipantRemoved,
    ParticipantSucceeded,
)
from fl_chain.protocol.seeding import SeedingTask


class SpendingTask(SeedingTask):
    """What :class:`fl_chain.protocol.round.Task` knows about budgets; nothing without one."""

    @property
    def has_budget(self) -> bool:
        """Whether updates cost their participants anything."""
        return self.parameters.privacy_cost > 0

    def spent(self, participant: str) -> int:
        """Return what the updates of a participant cost together."""
        return self.privacy_spent.get(participant, 0)

    def updates_left(self, participant: str) -> int | None:
        """Return how many more updates a participant can pay for; None if they cost nothing."""
        if not self.has_budget:
            return None
        left = self.parameters.privacy_budget - self.spent(participant)
        return left // self.parameters.privacy_cost

    def can_pay(self, participant: str) -> bool:
        """Return whether a participant can pay for one more update."""
        return self.updates_left(participant) != 0

    def check_budget(self, participant: str) -> None:
        """Check that a participant can pay for one more update.

        Raises
        ------
        InvalidTransition
            PrivacyBudgetExceeded.
        """
        if not self.can_pay(participant):
            refuse(
                "PrivacyBudgetExceeded",
                f"{participant} has spent {self.spent(participant)} of its privacy budget of"
                f" {self.parameters.privacy_budget}, and an update costs"
                f" {self.parameters.privacy_cost}",
            )

    def _charge(self, participant: str) -> None:
        if self.has_budget:
            spent = self.spent(participant) + self.parameters.privacy_cost
            self.privacy_spent[participant] = spent

    def _apply_admission(
        self, record: ParticipantAdmitted | ParticipantRemoved | ParticipantSucceeded
    ) -> None:
        super()._apply_admission(record)
        if isinstance(record, ParticipantSucceeded) and record.participant in self.privacy_spent:
            self.privacy_spent[record.successor] = self.privacy_spent.pop(record.participant)
