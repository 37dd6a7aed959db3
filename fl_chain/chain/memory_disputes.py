"""What the moves of a dispute emit on a ledger without a chain node; see memory.py.

It looks at openings, records and claims as contracts/ledger/Disputes.sol does, in the same order.
"""

from __future__ import annotations

from fl_chain.protocol.actions import (
    AnswerHeader,
    AnswerStatus,
    AnswerValue,
    Challenge,
    ConcludeDispute,
    DecideUpdate,
    ProveOmission,
    SelectPart,
    SplitPart,
    UpdateRecord,
)
from fl_chain.protocol.committee import refuse
from fl_chain.protocol.dispute import Stage, check_move, hash_parts
from fl_chain.protocol.opening import Opening, verify_opening
from fl_chain.protocol.parts import Contribution
from fl_chain.protocol.phases import Action
from fl_chain.protocol.places import (
    LANE_BYTES,
    VALUE_BYTES,
    Place,
    locate_header,
    locate_lane,
    locate_status,
    locate_value,
)
from fl_chain.protocol.records import (
    BondSlashed,
    ChallengeFailed,
    Fault,
    LedgerRecord,
    PartSelected,
    PartSplit,
    ProposalChallenged,
    ProposalRejected,
    Question,
    UpdateSubmitted,
    ValueAnswered,
)
from fl_chain.protocol.report import STATUSES
from fl_chain.protocol.round import Task

DisputeAction = (
    Challenge
    | AnswerHeader
    | AnswerStatus
    | AnswerValue
    | SelectPart
    | SplitPart
    | DecideUpdate
    | ConcludeDispute
    | ProveOmission
)


def carry_out_dispute(
    task: Task, sender: str, action: DisputeAction, now: int
) -> list[LedgerRecord]:
    """Return what a move emits.

    Raises
    ------
    InvalidTransition
        With the contract's custom error.
    """
    return _Move(task, sender, now).carry_out(action)


class _Move:
    """One move of somebody at some time."""

    def __init__(self, task: Task, sender: str, now: int) -> None:
        self.task = task
        self.dispute = task.dispute
        self.sender = sender
        self.now = now

    def carry_out(self, action: DisputeAction) -> list[LedgerRecord]:
        match action:
            case Challenge():
                return self._challenge(action)
            case ProveOmission():
                return self._prove_omission(action)
        self.task.check_round(action.round, Action.MOVE, self.now)
        match action:
            case ConcludeDispute():
                return self._conclude()
            case AnswerHeader():
                return self._answer_header(action)
            case AnswerStatus():
                return self._answer_status(action)
            case AnswerValue():
                return self._answer_value(action)
            case SelectPart():
                check_move(self.dispute, Stage.SPLIT, Question.VALUE, self.now)
                if self.sender != self.dispute.challenger:
                    refuse("NotChallenger", f"{self.sender} did not challenge")
                if hash_parts(action.parts) != self.dispute.parts_hash:
                    refuse("WrongAnswer", "these are not the parts that were claimed last")
                return [PartSelected(action.round, action.part, self.now)]
            case SplitPart():
                check_move(self.dispute, Stage.SELECTED, Question.VALUE, self.now)
                self._require_proposer()
                return [PartSplit(action.round, action.parts, self.now)]
            case DecideUpdate():
                return self._decide(action)

    def _challenge(self, action: Challenge) -> list[LedgerRecord]:
        task, bond = self.task, self.task.parameters.bond
        task.check_round(action.round, Action.CHALLENGE, self.now)
        if bond and task.parameters.challenge_seconds and action.wei != bond:
            refuse("UnexpectedDeposit", f"a challenge costs {bond} wei, not {action.wei}")
        question, position = action.question, action.position
        return [ProposalChallenged(action.round, self.sender, question, position, self.now)]

    def _answer_header(self, action: AnswerHeader) -> list[LedgerRecord]:
        check_move(self.dispute, Stage.ASKED, Question.HEADER, self.now)
        place = locate_header(self.task.parameters, self.dispute.position)
        _require(self.task.parameters.genesis_digest, place, action.genesis)
        _require(self._model_digest, place, action.proposed)
        if action.genesis.chunk != action.proposed.chunk:
            refuse("WrongAnswer", "the header is not that of the genesis model")
        return self._fail(Fault.FALSE_CHALLENGE)

    def _answer_status(self, action: AnswerStatus) -> list[LedgerRecord]:
        check_move(self.dispute, Stage.ASKED, Question.STATUS, self.now)
        if self._status(self.dispute.position, action.report) >= len(STATUSES):
            refuse("WrongAnswer", "this is no status")
        return self._fail(Fault.FALSE_CHALLENGE)

    def _answer_value(self, action: AnswerValue) -> list[LedgerRecord]:
        check_move(self.dispute, Stage.ASKED, Question.VALUE, self.now)
        self._require_proposer()
        place = locate_value(self.task.parameters, self.dispute.position)
        base = _read_value(self.task.base_digest, place, action.base)
        proposed = _read_value(self._model_digest, place, action.proposed)
        return [ValueAnswered(action.round, base, proposed, action.parts, self.now)]

    def _decide(self, action: DecideUpdate) -> list[LedgerRecord]:
        dispute, record = self.dispute, action.record
        check_move(dispute, Stage.SINGLE, Question.VALUE, self.now)
        self._require_record(action.round, dispute.first, record)
        truth = Contribution(0, 0)
        if self._status(dispute.first, action.report) == 0:
            place = locate_lane(self.task.parameters, dispute.position)
            _require(record.digest, place, action.update)
            lane = _read(action.update.chunk, place.offset, LANE_BYTES)
            truth = Contribution(record.weight, record.weight * lane)
        if truth == dispute.claim:
            return self._fail(Fault.FALSE_CHALLENGE)
        return self._reject(Fault.WRONG_MODEL, dispute.challenger)

    def _conclude(self) -> list[LedgerRecord]:
        if self.now <= self.dispute.until:
            refuse("MoveNotOver", f"the time for this move ends at {self.dispute.until}")
        if self.dispute.stage == Stage.SPLIT:
            return self._fail(Fault.SILENCE)
        return self._reject(Fault.SILENCE, self.dispute.challenger)

    def _prove_omission(self, action: ProveOmission) -> list[LedgerRecord]:
        self.task.check_round(action.round, Action.PROVE_OMISSION, self.now)
        if action.sequence >= self.task.current.num_updates:
            refuse("ParameterOutOfRange", f"there is no update {action.sequence}")
        place = locate_status(self.task.current.num_updates, action.sequence)
        _require_opening(self.task.proposal.report_digest, place, action.report)
        chunk = action.report.chunk
        if place.offset < len(chunk) and chunk[place.offset] < len(STATUSES):
            refuse("NoOmission", f"update {action.sequence} has a status")
        return self._reject(Fault.OMISSION, self.sender)

    @property
    def _model_digest(self) -> bytes:
        proposal = self.task.rounds[self.task.current.round].proposal
        assert proposal is not None  # noqa: S101 - the phase says so
        return proposal.model_digest

    def _require_proposer(self) -> None:
        if self.sender != self.task.proposal.proposer:
            refuse("NotProposer", f"{self.sender} did not propose")

    def _require_record(self, round_number: int, sequence: int, record: UpdateRecord) -> None:
        updates = self.task.rounds[round_number].updates
        submitted = UpdateSubmitted(
            round_number,
            record.participant,
            sequence,
            record.digest,
            record.cid_digest,
            record.weight,
            record.timestamp,
        )
        if updates[sequence] != submitted:
            refuse("UnknownRecord", f"update {sequence} is another one")

    def _status(self, sequence: int, opening: Opening) -> int:
        place = locate_status(self.task.current.num_updates, sequence)
        _require(self.task.proposal.report_digest, place, opening)
        return _read(opening.chunk, place.offset, 1, is_signed=False)

    def _fail(self, fault: Fault) -> list[LedgerRecord]:
        parties = self.dispute.challenger, self.task.proposal.proposer
        bond, number = self.task.parameters.bond, self.task.current.round
        return [ChallengeFailed(number, *parties, bond, fault, self.now)]

    def _reject(self, fault: Fault, beneficiary: str) -> list[LedgerRecord]:
        proposer, number = self.task.proposal.proposer, self.task.current.round
        bond = self.task.committee.bond_of(proposer)
        return [
            ProposalRejected(number, proposer, fault, self.now),
            BondSlashed(proposer, beneficiary, bond, fault, self.now),
        ]


def _require(digest: bytes, place: Place, opening: Opening) -> None:
    """Require a chunk of content that ends where it should."""
    _require_opening(digest, place, opening)
    if len(opening.chunk) != place.length:
        refuse("WrongOpening", f"the content of {digest.hex()} is of another size")


def _require_opening(digest: bytes, place: Place, opening: Opening) -> None:
    if not verify_opening(digest, place.chunk, place.num_chunks, opening):
        refuse("WrongOpening", f"this is not chunk {place.chunk} of {digest.hex()}")


def _read_value(digest: bytes, place: Place, opening: Opening) -> int:
    _require(digest, place, opening)
    return _read(opening.chunk, place.offset, VALUE_BYTES)


def _read(chunk: bytes, offset: int, width: int, *, is_signed: bool = True) -> int:
    if offset + width > len(chunk):
        refuse("BeyondEnd", f"byte {offset} lies beyond the {len(chunk)} that were shown")
    return int.from_bytes(chunk[offset : offset + width], "little", signed=is_signed)
