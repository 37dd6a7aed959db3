"""Who is admitted to a task, and in which round each submitted last."""

from __future__ import annotations

from fl_chain.protocol.committee import refuse
from fl_chain.protocol.records import ParticipantAdmitted, ParticipantRemoved, ParticipantSucceeded


class Admissions:
    """The participants of a task under the keys that they have now."""

    def __init__(self) -> None:
        self.admitted: set[str] = set()
        self.last_round_of: dict[str, int] = {}
        """Participant to the round of its last update or commitment, or of the key before it."""
        self.inherited_rounds: dict[str, int] = {}
        """Successor to the round that moved along with its admission; 0 if there was none."""

    def apply(
        self, record: ParticipantAdmitted | ParticipantRemoved | ParticipantSucceeded
    ) -> None:
        """Admit, remove, or move an admission to a successor.

        Raises
        ------
        InvalidTransition
            AlreadyAdmitted, NotAdmitted or SuccessorAdmitted.
        """
        participant = record.participant
        if isinstance(record, ParticipantAdmitted):
            if participant in self.admitted:
                refuse("AlreadyAdmitted", f"{participant} is admitted twice")
            self.admitted.add(participant)
            return
        if participant not in self.admitted:
            refuse("NotAdmitted", f"{participant} was not admitted")
        self.admitted.discard(participant)
        if isinstance(record, ParticipantSucceeded):
            self._succeed(participant, record.successor)

    def _succeed(self, participant: str, successor: str) -> None:
        if successor in self.admitted:
            refuse("SuccessorAdmitted", f"{successor} is admitted twice")
        self.admitted.add(successor)
        # Or the two could submit twice in one round.
        inherited = self.last_round_of.get(participant, 0)
        self.last_round_of[successor] = self.inherited_rounds[successor] = inherited
