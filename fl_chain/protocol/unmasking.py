"""The part of a task's state that is about masked updates: who told the seeds of its group.

What is told, and what comes out, is in :mod:`fl_chain.privacy.masking`; the record is what all of a
group agree on, so that everybody is asked for the same.
"""

from __future__ import annotations

from fl_chain.protocol.committee import refuse
from fl_chain.protocol.committing import CommittingTask
from fl_chain.protocol.phases import Action
from fl_chain.protocol.records import PeersApart, UpdateSubmitted, UpdateUnmasked
from fl_chain.protocol.state import Unmasking


class UnmaskingTask(CommittingTask):
    """What :class:`fl_chain.protocol.round.Task` knows about masks; nothing without them."""

    def has_unmasked(self, participant: str) -> bool:
        """Return whether a participant has told its seeds of the current round."""
        told = self.rounds[self.current.round].unmaskings
        return any(record.participant == participant for record in told)

    def has_entered(self, participant: str) -> bool:
        """Return whether an update of the current round is on record under this very key."""
        updates = self.rounds[self.current.round].updates
        return any(record.participant == participant for record in updates)

    def check_is_masked(self) -> None:
        """Check that this is a task with masked updates.

        Raises
        ------
        InvalidTransition
            NoMasks.
        """
        if not self.is_masked:
            refuse("NoMasks", "in this task updates are not masked")

    def check_unmask(self, participant: str, round_number: int, now: int) -> None:
        """Check that a participant may tell its seeds at block time ``now``.

        Raises
        ------
        InvalidTransition
            With the name of the custom error that the contract would answer.
        """
        self.check_is_masked()
        self.check_round(round_number, Action.UNMASK, now)
        if not self.has_entered(participant):
            refuse("NotSubmitted", f"{participant} has no update in round {round_number}")
        if self.has_unmasked(participant):
            refuse("AlreadyUnmasked", f"{participant} has told its seeds of round {round_number}")

    def _apply_apart(self, record: PeersApart) -> None:
        self.check_is_masked()
        if not record.positions:
            refuse("MissingRecord", f"{record.participant} declares nobody apart")
        # Of any weight: that of its update is looked at with the record that comes next.
        self.check_submit(
            record.participant, record.round, self.parameters.max_weight, record.timestamp
        )
        self.rounds[record.round].apart[record.participant] = record.positions
        self.due = (UpdateSubmitted,)

    def _check_due_update(self, record: UpdateSubmitted) -> None:
        """Check that an update that is due is of whoever declared somebody apart just before."""
        last = next(reversed(self.rounds[self.current.round].apart), "")
        if self.due and record.participant != last:
            refuse("MissingRecord", f"the masked update of {last} is due")
        self.due = ()

    def _apply_unmasked(self, record: UpdateUnmasked) -> None:
        self.check_unmask(record.participant, record.round, record.timestamp)
        if not any(record.cid_digest):
            refuse("ZeroDigest", "the reveal has a zero digest")
        self.rounds[record.round].unmaskings.append(record)
        count = self._unmasking.num_unmasked + 1
        is_last = count == self.current.num_updates
        self.unmasking = Unmasking(record.round, count, record.timestamp if is_last else 0)
