"""What a ledger keeps of a dispute: who may challenge, which moves follow, and what they lead to.

What one move makes of a dispute is in :mod:`fl_chain.protocol.dispute`.
"""

from __future__ import annotations

from fl_chain.protocol.committee import NOBODY, refuse
from fl_chain.protocol.constants import NO_VALUES
from fl_chain.protocol.dispute import (
    Dispute,
    Stage,
    answer_value,
    open_dispute,
    select_part,
    split_part,
)
from fl_chain.protocol.phases import Action
from fl_chain.protocol.records import (
    ChallengeFailed,
    Fault,
    PartSelected,
    PartSplit,
    ProposalChallenged,
    ProposalRejected,
    Question,
    ValueAnswered,
)
from fl_chain.protocol.timing import TimedTask

ANYBODY = ""
"""In place of an address: that of whoever did it."""


class DisputingTask(TimedTask):
    """What :class:`fl_chain.protocol.round.Task` knows about the dispute of its round."""

    def check_challenge(self, round_number: int, question: int, position: int, now: int) -> None:
        """Check that the proposed model may be challenged at block time ``now``.

        Raises
        ------
        InvalidTransition
            UnexpectedRound, UnexpectedPhase, NoDisputes or ParameterOutOfRange.
        """
        self.check_round(round_number, Action.CHALLENGE, now)
        if not self.parameters.bond or not self.parameters.challenge_seconds:
            refuse("NoDisputes", "a task without bonds, or without a challenge window, has none")
        has_values = self.parameters.fraction_shift != NO_VALUES
        limits: dict[int, int] = {
            Question.HEADER: self.parameters.header_chunks,
            Question.VALUE: self.parameters.num_values if has_values else 0,
            Question.STATUS: self.current.num_updates,
        }
        if position >= limits.get(question, 0):
            refuse("ParameterOutOfRange", f"there is nothing at position {position}")

    def _apply_move(
        self, record: ProposalChallenged | ValueAnswered | PartSelected | PartSplit
    ) -> None:
        window = self.parameters.challenge_seconds
        if isinstance(record, ProposalChallenged):
            what = record.question, record.position
            self.check_challenge(record.round, *what, record.timestamp)
            self.dispute = open_dispute(record, window)
            return
        self.check_round(record.round, Action.MOVE, record.timestamp)
        match record:
            case ValueAnswered():
                number, shift = self.current.num_updates, self.parameters.fraction_shift
                self.dispute = answer_value(self.dispute, record, number, shift, window)
                self.claimed_parts = record.parts
            case PartSelected():
                self.dispute = select_part(self.dispute, record, self.claimed_parts, window)
            case PartSplit():
                self.dispute = split_part(self.dispute, record, window)
                self.claimed_parts = record.parts

    def _apply_challenge_failed(self, record: ChallengeFailed) -> None:
        self.check_round(record.round, Action.MOVE, record.timestamp)
        dispute = self.dispute
        if (record.challenger, record.beneficiary) != (dispute.challenger, self.proposal.proposer):
            refuse("UnexpectedProposal", f"{record.challenger} did not challenge this proposal")
        if record.amount != self.parameters.bond:
            refuse("UnexpectedAmount", f"{record.challenger} sent {self.parameters.bond} wei")
        is_late = record.timestamp > dispute.until
        if record.fault == Fault.SILENCE:
            is_due = is_late and dispute.stage == Stage.SPLIT
        else:
            is_shown = dispute.stage == Stage.ASKED and dispute.question != Question.VALUE
            is_due = not is_late and (is_shown or dispute.stage == Stage.SINGLE)
            is_due = is_due and record.fault == Fault.FALSE_CHALLENGE
        if not is_due:
            refuse("MissingRecord", f"the challenge of round {record.round} has not failed")
        self.committee.pay(record.beneficiary, record.amount // 2)
        until = record.timestamp + self.parameters.challenge_seconds
        self.dispute = Dispute(round=record.round, until=until)

    def _check_rejection(self, fault: int, now: int) -> str:
        """Check that a proposal may be rejected; return who has half of the bond, or ANYBODY."""
        if ProposalRejected in self.due and fault == Fault.OVERRULED:
            return NOBODY
        if fault == Fault.OMISSION:
            self.check_round(self.current.round, Action.PROVE_OMISSION, now)
            return ANYBODY
        stage, is_late = self.dispute.stage, now > self.dispute.until
        is_wrong = fault == Fault.WRONG_MODEL and stage == Stage.SINGLE and not is_late
        is_silent = fault == Fault.SILENCE and stage not in (Stage.NONE, Stage.SPLIT) and is_late
        if not is_wrong and not is_silent:
            refuse("MissingRecord", "a proposal is rejected for nothing")
        return self.dispute.challenger

    def _end_dispute(self) -> None:
        """Give the deposit of a challenge back: it was right, or is beside the point now."""
        if self.dispute.stage != Stage.NONE:
            self.committee.pay(self.dispute.challenger, self.parameters.bond)
        self.dispute = Dispute()
