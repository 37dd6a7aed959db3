"""What the moves of a dispute emit on a ledger without a chain node; see memory.py.

It looks at openings, records and claims as contracts/ledger/Disputes.sol does, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable

from fl_chain.protocol.actions import (
    AnswerHeader,
    AnswerStatus,
    AnswerValue,
    Challenge,
    ConcludeDispute,
    DecideListedUpdate,
    DecideUpdate,
    ListRecord,
    PayRewards,
    ProveOmission,
    SelectPart,
    SplitPart,
    UpdateRecord,
)
from fl_chain.protocol.attestation import Signature
from fl_chain.protocol.committee import refuse
from fl_chain.protocol.dispute import Stage, check_move, hash_parts
from fl_chain.protocol.opening import Opening, verify_opening
from fl_chain.protocol.parts import MOST_PARTS, Contribution
from fl_chain.protocol.phases import Action
from fl_chain.protocol.places import (
    LANE_BYTES,
    VALUE_BYTES,
    Place,
    locate_entry,
    locate_header,
    locate_lane,
    locate_rewards,
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
    RewardsPaid,
    UpdatesListed,
    UpdateSubmitted,
    ValueAnswered,
)
from fl_chain.protocol.report import STATUSES
from fl_chain.protocol.rewards import decode_rewards, make_row
from fl_chain.protocol.round import Task
from fl_chain.protocol.signed_update import compute_update_message
from fl_chain.protocol.update_list import ENTRY_BYTES, ListEntry, decode_entry

DisputeAction = (
    Challenge
    | AnswerHeader
    | AnswerStatus
    | AnswerValue
    | SelectPart
    | SplitPart
    | DecideUpdate
    | DecideListedUpdate
    | ConcludeDispute
    | ProveOmission
)


Recover = Callable[[bytes, Signature], str]
"""Returns who signed a message for the ledger, empty if nobody did."""


def carry_out_dispute(
    task: Task, sender: str, action: DisputeAction, now: int, recover: Recover
) -> list[LedgerRecord]:
    """Return what a move emits.

    Raises
    ------
    InvalidTransition
        With the contract's custom error.
    """
    return _Move(task, sender, now, recover).carry_out(action)


def pay_rewards(task: Task, action: PayRewards, now: int) -> RewardsPaid:
    """Return what paying a part of a round's rewards emits.

    Raises
    ------
    InvalidTransition
        With the contract's custom error.
    """
    said = action.report_digest, action.num_updates
    task.check_payroll(action.round, *said, action.part)
    place = locate_rewards(action.num_updates, action.part)
    _require(action.report_digest, place, action.report)
    rows = [make_row(reward) for reward in decode_rewards(action.report.chunk)]
    filled = tuple(rows + [0] * (MOST_PARTS - len(rows)))
    task.check_total(action.round, filled)
    return RewardsPaid(action.round, action.part, filled, now)


class _Move:
    """One move of somebody at some time."""

    def __init__(self, task: Task, sender: str, now: int, recover: Recover) -> None:
        self.task = task
        self.recover = recover
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
            case DecideListedUpdate():
                return self._decide_listed(action)

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
        truth: Contribution | None = Contribution(0, 0)
        if self._status(dispute.first, action.report) == 0:
            truth = self._contribution(record.weight, record.digest, action.update)
        return self._compare(truth)

    def _decide_listed(self, action: DecideListedUpdate) -> list[LedgerRecord]:
        check_move(self.dispute, Stage.SINGLE, Question.VALUE, self.now)
        sequence = self.dispute.first
        truth: Contribution | None = Contribution(0, 0)
        if self._status(sequence, action.report) == 0:
            truth = None
            data = self._require_entry(action.round, sequence, action.list, action.entry)
            entry = decode_entry(data)
            if entry is not None and self._is_genuine(action.round, entry):
                update = entry.update
                truth = self._contribution(update.weight, update.digest, action.update)
        return self._compare(truth)

    def _compare(self, truth: Contribution | None) -> list[LedgerRecord]:
        """Decide by what an update contributes; None is nothing that could be included."""
        if truth == self.dispute.claim:
            return self._fail(Fault.FALSE_CHALLENGE)
        return self._reject(Fault.WRONG_MODEL, self.dispute.challenger)

    def _contribution(self, weight: int, digest: bytes, opening: Opening) -> Contribution:
        place = locate_lane(self.task.parameters, self.dispute.position)
        _require(digest, place, opening)
        return Contribution(weight, weight * _read(opening.chunk, place.offset, LANE_BYTES))

    def _require_entry(
        self, round_number: int, sequence: int, record: ListRecord, opening: Opening
    ) -> bytes:
        lists = self.task.rounds[round_number].lists
        what = (record.digest, record.cid_digest, record.timestamp)
        listed = UpdatesListed(round_number, record.aggregator, record.first, record.count, *what)
        position = sequence - record.first
        if listed not in lists or not 0 <= position < record.count:
            refuse("UnknownList", f"update {sequence} is in no such list")
        place = locate_entry(record.count, position)
        _require(record.digest, place, opening)
        return opening.chunk[place.offset : place.offset + ENTRY_BYTES]

    def _is_genuine(self, round_number: int, entry: ListEntry) -> bool:
        update = entry.update
        what = (update.digest, update.cid_digest, update.weight)
        if not 1 <= update.weight <= self.task.parameters.max_weight or not all(map(any, what[:2])):
            return False
        signer = self.recover(compute_update_message(round_number, *what), update.signature)
        return signer == entry.participant and signer in self.task.members

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
        place = self._locate_status(action.sequence)
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
        if submitted not in updates:
            refuse("UnknownRecord", f"update {sequence} is another one")

    def _status(self, sequence: int, opening: Opening) -> int:
        place = self._locate_status(sequence)
        _require(self.task.proposal.report_digest, place, opening)
        return _read(opening.chunk, place.offset, 1, is_signed=False)

    def _locate_status(self, sequence: int) -> Place:
        has_rewards = bool(self.task.parameters.reward)
        return locate_status(self.task.current.num_updates, sequence, has_rewards)

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
