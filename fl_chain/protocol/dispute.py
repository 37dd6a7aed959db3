"""Disputes about a proposed model: whose move it is, what is claimed, who loses.

The proposer must be able to show what it vouches for. Which move a stage allows, until when, and
what follows, is here; whether what is shown is right, the contract looks at itself
(contracts/ledger/Disputes.sol). :class:`fl_chain.protocol.round.Task` replays both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from eth_hash.auto import keccak

from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.committee import NOBODY, refuse
from fl_chain.protocol.parts import (
    Contribution,
    UpdateRange,
    add_parts,
    step_value,
    unpack_part,
)
from fl_chain.protocol.records import (
    PartSelected,
    PartSplit,
    ProposalChallenged,
    Question,
    ValueAnswered,
)

WORD_BYTES = 32


class Stage(IntEnum):
    """Whose move it is; the numbers are those of contracts/libraries/Questions.sol."""

    NONE = 0
    ASKED = 1
    """The proposer answers what was asked."""
    SPLIT = 2
    """The challenger selects the part that it takes for wrong."""
    SELECTED = 3
    """The proposer splits the selected part."""
    SINGLE = 4
    """One update is left: the proposer, or anybody, shows what it contributes."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute; of a challenge that failed, round and time stay. The fields are the contract's."""

    round: int = 0
    challenger: str = NOBODY
    until: int = 0
    """Last second of the move that is awaited; after a challenge that failed, the first second at
    which the model may become final."""
    question: int = Question.NONE
    stage: int = Stage.NONE
    position: int = 0
    first: int = 0
    """The updates in dispute begin with this one,"""
    count: int = 0
    """and are so many."""
    weight: int = 0
    """Their total weight as the proposer claims it,"""
    sum: int = 0
    """and their sum of weight times lane."""
    parts_hash: bytes = bytes(WORD_BYTES)
    """keccak256 of the parts that the proposer claims last."""

    @property
    def updates(self) -> UpdateRange:
        """The updates in dispute."""
        return UpdateRange(self.first, self.count)

    @property
    def claim(self) -> Contribution:
        """What the proposer claims of them, once a part was selected."""
        return Contribution(self.weight, self.sum)


def open_dispute(record: ProposalChallenged, window: int) -> Dispute:
    """Return the dispute that a challenge begins; ``window`` is challenge_seconds."""
    return Dispute(
        round=record.round,
        challenger=record.challenger,
        until=record.timestamp + window,
        question=record.question,
        stage=Stage.ASKED,
        position=record.position,
    )


def check_move(dispute: Dispute, stage: Stage, question: Question, now: int) -> None:
    """Check that a move is the one that is awaited, and in time.

    Raises
    ------
    InvalidTransition
        UnexpectedMove or MoveOver.
    """
    if (dispute.stage, dispute.question) != (stage, question):
        refuse("UnexpectedMove", f"the dispute about {dispute.question} is at {dispute.stage}")
    if now > dispute.until:
        refuse("MoveOver", f"the time for this move ended at {dispute.until}")


def answer_value(
    dispute: Dispute, record: ValueAnswered, num_updates: int, shift: int, window: int
) -> Dispute:
    """Return the dispute after the first claims, which lead to the proposed value.

    Raises
    ------
    InvalidTransition
        UnexpectedMove, MoveOver, PartsOutOfRange or WrongAnswer.
    """
    check_move(dispute, Stage.ASKED, Question.VALUE, record.timestamp)
    updates = UpdateRange(0, num_updates)
    total = _add(record.parts, updates)
    if total.weight == 0 or step_value(record.base_value, total, shift) != record.proposed_value:
        refuse("WrongAnswer", "the claims do not lead to the proposed value")
    return replace(
        dispute,
        count=updates.count,
        parts_hash=hash_parts(record.parts),
        stage=Stage.SPLIT,
        until=record.timestamp + window,
    )


def select_part(
    dispute: Dispute, record: PartSelected, parts: tuple[int, ...], window: int
) -> Dispute:
    """Return the dispute about one of the parts that were claimed last.

    Raises
    ------
    InvalidTransition
        UnexpectedMove, MoveOver, WrongAnswer or ParameterOutOfRange.
    """
    check_move(dispute, Stage.SPLIT, Question.VALUE, record.timestamp)
    if hash_parts(parts) != dispute.parts_hash:
        refuse("WrongAnswer", "these are not the parts that were claimed last")
    if record.part >= dispute.updates.num_parts:
        refuse("ParameterOutOfRange", f"there is no part {record.part}")
    part, claim = dispute.updates.part(record.part), unpack_part(parts[record.part])
    return replace(
        dispute,
        first=part.first,
        count=part.count,
        weight=claim.weight,
        sum=claim.sum,
        stage=Stage.SINGLE if part.count == 1 else Stage.SELECTED,
        until=record.timestamp + window,
    )


def split_part(dispute: Dispute, record: PartSplit, window: int) -> Dispute:
    """Return the dispute after further claims, which add up to what was claimed.

    Raises
    ------
    InvalidTransition
        UnexpectedMove, MoveOver, PartsOutOfRange or WrongAnswer.
    """
    check_move(dispute, Stage.SELECTED, Question.VALUE, record.timestamp)
    if _add(record.parts, dispute.updates) != dispute.claim:
        refuse("WrongAnswer", "the parts do not add up to what was claimed")
    return replace(
        dispute,
        parts_hash=hash_parts(record.parts),
        stage=Stage.SPLIT,
        until=record.timestamp + window,
    )


def hash_parts(parts: tuple[int, ...]) -> bytes:
    """Return what the contract remembers of claims."""
    return bytes(keccak(b"".join(word.to_bytes(WORD_BYTES) for word in parts)))


def _add(parts: tuple[int, ...], updates: UpdateRange) -> Contribution:
    try:
        return add_parts(parts, updates)
    except ValueOutOfRange as error:
        refuse("PartsOutOfRange", error.message)
