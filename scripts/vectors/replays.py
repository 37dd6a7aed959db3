"""Vectors of what the replay of a ledger accepts and refuses, and of logs that are no record."""

from __future__ import annotations

from typing import Any

from scripts.vectors.documents import AGGREGATOR
from scripts.vectors.ledger_records import (
    AGAINST,
    ALICE,
    BOB,
    CAROL,
    CREATED,
    EQUIVOCATED,
    EQUIVOCATION,
    FINISHED,
    LATE,
    NO_WORD,
    NOBODY,
    ONE,
    OPEN,
    OTHER,
    OVERRULED,
    PROPOSED,
    REJECTED,
    SECOND,
    SECOND_PROPOSED,
    SECOND_ROUND,
    SILENCE,
    START,
    STOPPED,
    THIRD,
    TWO,
    UNBONDED,
    WORDS,
    Record,
    aborted,
    admitted,
    appointed,
    at,
    attested,
    claimed,
    created,
    deposited,
    finalized,
    opened,
    paused,
    proposed,
    rejected,
    slashed,
    stopped,
    submitted,
    succeeded,
    withdrawn,
)
from scripts.vectors.replay_disputes import DISPUTES, REFUSED_MOVES
from tests import reference as ref

_ACCEPTED: list[tuple[str, list[Record]]] = [
    ("a task of two rounds", FINISHED),
    (
        "a successor that submits in the next round",
        [
            *ONE,
            succeeded(3, ALICE, CAROL),
            submitted(3, 1, BOB),
            proposed(4),
            *SECOND_ROUND[-2:],
            submitted(25, 0, CAROL, round=2),
        ],
    ),
    (
        "a successor that submits in place of who did not",
        [*ONE, succeeded(3, BOB, CAROL), submitted(4, 1, CAROL)],
    ),
    ("a successor after the end of the task", [*FINISHED, succeeded(146, ALICE, CAROL)]),
    ("an update in the last second", [*OPEN, submitted(100, 0, ALICE)]),
    ("a proposal in the first second after collection", [*ONE, proposed(101)]),
    ("a proposal in the last second", [*ONE, proposed(250)]),
    ("a proposal of the second aggregator", [*ONE, proposed(150, proposer=SECOND)]),
    ("a proposal of the third aggregator", [*ONE, proposed(200, proposer=THIRD)]),
    ("a proposal at the target", [*TWO, proposed(3)]),
    ("a second turn after the target", [*TWO, proposed(53, proposer=SECOND)]),
    (
        "who let its turn pass loses its bond once there is a result",
        [
            *LATE,
            slashed(73, AGGREGATOR, SILENCE),
            finalized(73),
            opened(73, 2, 1),
            deposited(74, AGGREGATOR),
        ],
    ),
    (
        "silence found by a quorum",
        [
            *LATE,
            attested(54, THIRD),
            slashed(54, AGGREGATOR, SILENCE),
            finalized(54),
            opened(54, 2, 1),
        ],
    ),
    (
        "who attests later was not silent",
        [*LATE, attested(54, AGGREGATOR), finalized(54), opened(54, 2, 1)],
    ),
    (
        "two of whom nothing was heard",
        [
            *TWO,
            proposed(103, proposer=THIRD),
            slashed(123, AGGREGATOR, SILENCE),
            slashed(123, SECOND, SILENCE),
            finalized(123),
            opened(123, 2, 1),
        ],
    ),
    ("a quorum", [*PROPOSED, attested(5, SECOND), finalized(5), opened(5, 2, 1)]),
    (
        "a quorum in the last round",
        [*FINISHED[:-1], attested(126, THIRD, round=2), finalized(126, 2)],
    ),
    ("no quorum for either", [*PROPOSED, attested(5, SECOND, **OTHER)]),
    ("against both digests", [*PROPOSED, attested(5, SECOND, report_digest=NO_WORD)]),
    ("a rejected proposal", REJECTED),
    ("a proposal after a rejection", SECOND_PROPOSED),
    ("no proposal after a rejection", [*REJECTED, aborted(158), opened(158, 2, 0)]),
    (
        "an attestation that counts again for the next proposal",
        [
            *SECOND_PROPOSED,
            attested(58, THIRD, **OTHER),
            finalized(58, 1, WORDS[12]),
            opened(58, 2, 1),
        ],
    ),
    (
        "an equivocation of before the proposal, which never counted there",
        [*SECOND_PROPOSED, slashed(58, THIRD, EQUIVOCATION, ALICE)],
    ),
    ("a bond again after a rejection", [*REJECTED, deposited(7, AGGREGATOR)]),
    ("an equivocation that counted for the proposal", EQUIVOCATED),
    (
        "a quorum without an equivocator",
        [
            *EQUIVOCATED,
            attested(7, SECOND),
            attested(7, THIRD),
            finalized(7),
            opened(7, 2, 1),
        ],
    ),
    (
        "an equivocator that is overruled",
        [
            *EQUIVOCATED,
            attested(7, SECOND, **OTHER),
            attested(7, THIRD, **OTHER),
            rejected(7),
            slashed(7, AGGREGATOR, OVERRULED, amount=0),
        ],
    ),
    (
        "an equivocation that counted against the proposal",
        [
            *PROPOSED,
            attested(5, SECOND, **OTHER),
            slashed(6, SECOND, EQUIVOCATION, ALICE),
            attested(7, THIRD),
            finalized(7),
            opened(7, 2, 1),
        ],
    ),
    ("an equivocation shown later", [*SECOND_ROUND, slashed(30, AGGREGATOR, EQUIVOCATION, ALICE)]),
    (
        "half a bond for who showed it",
        [*EQUIVOCATED, claimed(7, ALICE, 50)],
    ),
    *DISPUTES,
    ("a bond of an odd amount", [*UNBONDED, deposited(2, SECOND, 2**96 - 1)]),
    ("bonds after the end", [*FINISHED, withdrawn(165, THIRD), claimed(165, THIRD)]),
    ("bonds after a stop", [*STOPPED, withdrawn(23, THIRD), withdrawn(23, SECOND)]),
    (
        "a pause before the next round",
        [*OPEN, paused(2, 200), aborted(101), opened(101, 2, 0, 200)],
    ),
    (
        "a pause that is over before the next round",
        [*OPEN, paused(2, 50), aborted(101), opened(101, 2, 0)],
    ),
    (
        "a pause made longer, then ended",
        [
            *OPEN,
            paused(2, 200),
            aborted(101),
            opened(101, 2, 0, 200),
            paused(102, 300),
            paused(250, 250),
            submitted(250, 0, ALICE, round=2),
        ],
    ),
    ("a pause while updates come in", [*OPEN, paused(2, 90), submitted(3, 0, ALICE)]),
    ("an expired round", [*OPEN, aborted(101), opened(101, 2, 0)]),
    ("an expired round with an update", [*ONE, aborted(251), opened(251, 2, 0)]),
    ("an expired second round", [*SECOND_ROUND, aborted(125, 2), opened(125, 3, 1)]),
    ("an expired round that is stopped", [*OPEN, aborted(101), stopped(101)]),
    ("a stop after the proposal", [*PROPOSED, aborted(5), stopped(5)]),
    ("an admission after the end", [*STOPPED, at(4, "ParticipantRemoved", participant=BOB)]),
    ("back again", [*OPEN, at(2, "ParticipantRemoved", participant=BOB), admitted(3, BOB)]),
    ("removed after the update", [*ONE, at(2, "ParticipantRemoved", participant=ALICE)]),
]

_CUT_SHORT: list[tuple[str, list[Record]]] = [
    ("no committee", [created()]),
    ("no first round", CREATED),
    ("silence without the final model", [*LATE, slashed(73, AGGREGATOR, SILENCE)]),
    ("a quorum without the final model", [*PROPOSED, attested(5, SECOND)]),
    ("a quorum against without the rejection", AGAINST),
    ("a rejection without the slashing", [*AGAINST, rejected(6)]),
    ("a finalized round without the next", [*PROPOSED, finalized(24)]),
    ("an aborted round without the next", [*OPEN, aborted(101)]),
    ("an aborted round without the stop", [*OPEN, aborted(2)]),
]

_REFUSED: list[tuple[str, str, list[Record]]] = [
    ("NotAdmitted", "a successor of a stranger", [*OPEN, succeeded(2, CAROL, BOB)]),
    ("SuccessorAdmitted", "a successor that is admitted", [*OPEN, succeeded(2, ALICE, BOB)]),
    (
        "AlreadySubmitted",
        "an update of a successor after that of its predecessor",
        [*ONE, succeeded(3, ALICE, CAROL), submitted(4, 1, CAROL)],
    ),
    (
        "NotAdmitted",
        "an update of who was succeeded",
        [*OPEN, succeeded(2, ALICE, CAROL), submitted(3, 0, ALICE)],
    ),
    ("CreatedTwice", "a second creation", [*OPEN, created(2)]),
    ("TimeReversed", "a record older than the one before", [*OPEN, submitted(0, 0, ALICE)]),
    ("MissingRecord", "no round after the creation", [*CREATED, admitted(0, ALICE)]),
    ("MissingRecord", "a first round a second late", [*CREATED, opened(1, 1, 0)]),
    ("MissingRecord", "a first round without a committee", [created(), opened(0, 1, 0)]),
    ("MissingRecord", "an aggregator appointed later", [*OPEN, appointed(2, 4, ALICE)]),
    (
        "MissingRecord",
        "more time after a quorum",
        [*PROPOSED, attested(5, SECOND), finalized(6)],
    ),
    (
        "MissingRecord",
        "another attestation after a quorum",
        [*PROPOSED, attested(5, SECOND), attested(5, THIRD)],
    ),
    *REFUSED_MOVES,
    ("MissingRecord", "a final model in spite of silence", [*LATE, finalized(73)]),
    (
        "MissingRecord",
        "silence of one whose turn comes after",
        [*LATE, slashed(73, THIRD, SILENCE)],
    ),
    (
        "MissingRecord",
        "silence for somebody's good",
        [*LATE, slashed(73, AGGREGATOR, SILENCE, ALICE)],
    ),
    (
        "ChallengeWindowOpen",
        "silence a second too early",
        [*LATE, slashed(72, AGGREGATOR, SILENCE)],
    ),
    ("MissingRecord", "a rejection without a quorum", [*PROPOSED, rejected(5)]),
    ("MissingRecord", "a final model where a rejection is due", [*AGAINST, finalized(6)]),
    (
        "MissingRecord",
        "a slashing of somebody else",
        [*AGAINST, rejected(6), slashed(6, SECOND, OVERRULED)],
    ),
    (
        "MissingRecord",
        "a slashing for another fault",
        [*AGAINST, rejected(6), slashed(6, AGGREGATOR, EQUIVOCATION)],
    ),
    (
        "MissingRecord",
        "a slashing for somebody's good",
        [*AGAINST, rejected(6), slashed(6, AGGREGATOR, OVERRULED, ALICE)],
    ),
    (
        "MissingRecord",
        "a slashing for no fault",
        [*OPEN, slashed(2, AGGREGATOR, OVERRULED, ALICE)],
    ),
    (
        "MissingRecord",
        "an equivocation shown by nobody",
        [*OPEN, slashed(2, AGGREGATOR, EQUIVOCATION)],
    ),
    ("UnexpectedProposal", "a rejection of somebody else", [*AGAINST, rejected(6, SECOND)]),
    (
        "MissingRecord",
        "a rejection for another fault",
        [*AGAINST, rejected(6, fault=EQUIVOCATION)],
    ),
    (
        "UnexpectedAmount",
        "a slashing of half a bond",
        [*OPEN, slashed(2, AGGREGATOR, EQUIVOCATION, ALICE, 50)],
    ),
    (
        "UnexpectedTime",
        "a round that ignores the pause",
        [*OPEN, paused(2, 200), aborted(101), opened(101, 2, 0)],
    ),
    (
        "UnexpectedTime",
        "a round that opens late without a pause",
        [*OPEN, aborted(101), opened(101, 2, 0, 102)],
    ),
    ("UnexpectedTime", "a pause that ends before it begins", [*OPEN, paused(2, 1)]),
    ("UnexpectedTime", "a pause of 2^32 seconds", [*OPEN, paused(2, 2**32 + 2)]),
    (
        "UnexpectedPhase",
        "an update before the round opens",
        [
            *OPEN,
            paused(2, 200),
            aborted(101),
            opened(101, 2, 0, 200),
            submitted(199, 0, ALICE, round=2),
        ],
    ),
    ("UnexpectedPhase", "an attestation without a proposal", [*TWO, attested(4, SECOND)]),
    (
        "UnexpectedPhase",
        "an update after a rejection",
        [
            *ONE,
            proposed(101),
            attested(102, SECOND, **OTHER),
            attested(102, THIRD, **OTHER),
            rejected(102),
            slashed(102, AGGREGATOR, OVERRULED),
            submitted(102, 1, BOB),
        ],
    ),
    (
        "UnexpectedRound",
        "an attestation to another round",
        [*PROPOSED, attested(5, SECOND, round=2)],
    ),
    ("ParameterOutOfRange", "seat 2 first", [created(), appointed(0, 2, SECOND)]),
    ("ParameterOutOfRange", "two seats for one", [*CREATED, appointed(0, 4, SECOND)]),
    ("ParameterOutOfRange", "a seat for nobody", [*CREATED, appointed(0, 4, NOBODY)]),
    ("ParameterOutOfRange", "a deposit of nothing", [*OPEN, deposited(2, SECOND, 0)]),
    ("ParameterOutOfRange", "a bond of 2^96", [*OPEN, deposited(2, SECOND, 2**96 - 100)]),
    ("NotAggregator", "a deposit of a stranger", [*OPEN, deposited(2, ALICE)]),
    ("NotAggregator", "a proposal of a stranger", [*TWO, proposed(4, proposer=ALICE)]),
    ("NotAggregator", "an attestation of a stranger", [*PROPOSED, attested(5, ALICE)]),
    (
        "NotAggregator",
        "an equivocation of a stranger",
        [*OPEN, slashed(2, ALICE, EQUIVOCATION, BOB, 0)],
    ),
    (
        "BondTooLow",
        "a proposal without a bond",
        [*UNBONDED, submitted(2, 0, ALICE), submitted(2, 1, BOB), proposed(3)],
    ),
    (
        "BondTooLow",
        "an attestation without a bond",
        [
            *UNBONDED,
            deposited(2, AGGREGATOR),
            submitted(2, 0, ALICE),
            submitted(2, 1, BOB),
            proposed(3),
            attested(3, SECOND),
        ],
    ),
    ("OutOfTurn", "a second aggregator a second early", [*ONE, proposed(149, proposer=SECOND)]),
    (
        "OutOfTurn",
        "the first of the round before",
        [*SECOND_ROUND, submitted(25, 0, BOB, round=2), proposed(125, round=2)],
    ),
    (
        "AggregatorBarred",
        "a second try after a rejection",
        [*REJECTED, deposited(7, AGGREGATOR), proposed(8)],
    ),
    (
        "AggregatorBarred",
        "a bond after an equivocation",
        [*EQUIVOCATED, deposited(7, AGGREGATOR)],
    ),
    (
        "AggregatorBarred",
        "an equivocation shown twice",
        [*EQUIVOCATED, slashed(7, AGGREGATOR, EQUIVOCATION, ALICE, 0)],
    ),
    (
        "OutOfTurn",
        "a proposal in the second of the rejection",
        [
            *PROPOSED[:-1],
            proposed(53, proposer=SECOND),
            attested(54, AGGREGATOR, **OTHER),
            attested(54, THIRD, **OTHER),
            rejected(54, SECOND),
            slashed(54, SECOND, OVERRULED),
            proposed(54, **OTHER),
        ],
    ),
    (
        "AlreadyAttested",
        "a third result in one round",
        [*SECOND_PROPOSED, attested(58, THIRD)],
    ),
    (
        "AlreadyAttested",
        "a second attestation",
        [*PROPOSED, attested(5, SECOND, **OTHER), attested(6, SECOND, **OTHER)],
    ),
    ("AlreadyAttested", "an attestation of the proposer", [*PROPOSED, attested(5, AGGREGATOR)]),
    (
        "AlreadyAttested",
        "a proposal of what was attested against",
        [*REJECTED, proposed(57, proposer=SECOND)],
    ),
    ("BondLocked", "a bond withdrawn before the end", [*SECOND_ROUND, withdrawn(60, THIRD)]),
    ("BondLocked", "a bond withdrawn a second early", [*FINISHED, withdrawn(164, THIRD)]),
    (
        "NothingToPay",
        "a bond withdrawn twice",
        [*FINISHED, withdrawn(165, THIRD), withdrawn(165, THIRD)],
    ),
    ("NothingToPay", "half a bond withdrawn", [*FINISHED, withdrawn(165, THIRD, 50)]),
    ("NothingToPay", "a bond of a stranger", [*FINISHED, withdrawn(165, ALICE)]),
    ("NothingToPay", "a payout before it is due", [*OPEN, claimed(2, THIRD)]),
    ("NothingToPay", "a payout of too much", [*EQUIVOCATED, claimed(7, ALICE, 51)]),
    ("TaskOver", "a pause after the end", [*FINISHED, paused(146, 200)]),
    ("MissingRecord", "a stop without an abort", [*OPEN, stopped(2)]),
    ("MissingRecord", "a next round instead of a stop", [*ONE, aborted(2), opened(2, 2, 0)]),
    ("MissingRecord", "a stop in a later second", [*ONE, aborted(2), stopped(3)]),
    ("MissingRecord", "a stop after a final model", [*PROPOSED, finalized(24), stopped(24)]),
    ("UnexpectedRound", "a first round 2", [*CREATED, opened(0, 2, 0)]),
    ("UnexpectedRound", "a round that nothing made due", [*ONE, opened(3, 2, 0)]),
    (
        "UnexpectedRound",
        "base round 1 of an aborted round",
        [*OPEN, aborted(101), opened(101, 2, 1)],
    ),
    (
        "UnexpectedRound",
        "base round 0 after a final model",
        [*PROPOSED, finalized(24), opened(24, 2, 0)],
    ),
    ("UnexpectedRound", "an update of the next round", [*OPEN, submitted(2, 0, ALICE, round=2)]),
    ("UnexpectedRound", "a proposal of another round", [*TWO, proposed(4, round=2)]),
    ("UnexpectedRound", "a final model of another round", [*PROPOSED, finalized(24, 2)]),
    ("UnexpectedRound", "an abort of another round", [*SECOND_ROUND, aborted(30, 1)]),
    ("UnexpectedPhase", "an update a second late", [*OPEN, submitted(101, 0, ALICE)]),
    ("UnexpectedPhase", "an update beyond the target", [*TWO, submitted(3, 2, ALICE)]),
    ("UnexpectedPhase", "an update after the proposal", [*PROPOSED, submitted(5, 2, ALICE)]),
    ("UnexpectedPhase", "a proposal while updates come in", [*ONE, proposed(100)]),
    ("UnexpectedPhase", "a proposal a second late", [*ONE, proposed(251)]),
    ("UnexpectedPhase", "a proposal without updates", [*OPEN, proposed(101)]),
    ("UnexpectedPhase", "a second proposal", [*PROPOSED, proposed(5)]),
    ("UnexpectedPhase", "a final model without a proposal", [*TWO, finalized(30)]),
    ("UnexpectedPhase", "an update after the stop", [*STOPPED, submitted(4, 1, BOB)]),
    (
        "UnexpectedPhase",
        "an update after the last round",
        [*FINISHED, submitted(146, 1, ALICE, round=2)],
    ),
    ("NotAdmitted", "an update of a stranger", [*OPEN, submitted(2, 0, AGGREGATOR)]),
    (
        "NotAdmitted",
        "an update after the removal",
        [*OPEN, at(2, "ParticipantRemoved", participant=ALICE), submitted(2, 0, ALICE)],
    ),
    (
        "NotAdmitted",
        "a removal of a stranger",
        [*OPEN, at(2, "ParticipantRemoved", participant=AGGREGATOR)],
    ),
    ("AlreadyAdmitted", "a second admission", [*OPEN, admitted(2, ALICE)]),
    ("AlreadySubmitted", "a second update", [*ONE, submitted(3, 1, ALICE)]),
    ("WeightOutOfRange", "weight 0", [*OPEN, submitted(2, 0, ALICE, weight=0)]),
    ("WeightOutOfRange", "weight 11 of 10", [*OPEN, submitted(2, 0, ALICE, weight=11)]),
    ("UnexpectedSequence", "a first update number 1", [*OPEN, submitted(2, 1, ALICE)]),
    ("UnexpectedSequence", "a second update number 0", [*ONE, submitted(3, 0, BOB)]),
    ("ZeroDigest", "an update without digest", [*OPEN, submitted(2, 0, ALICE, digest=NO_WORD)]),
    (
        "ZeroDigest",
        "an update without CID digest",
        [*OPEN, submitted(2, 0, ALICE, cid_digest=NO_WORD)],
    ),
    *[
        ("ZeroDigest", f"a proposal without {name}", [*TWO, proposed(4, **{name: NO_WORD})])
        for name in ("model_digest", "model_cid_digest", "report_digest", "report_cid_digest")
    ],
    ("ChallengeWindowOpen", "a final model a second early", [*PROPOSED, finalized(23)]),
    (
        "UnexpectedModel",
        "a final model not proposed",
        [*PROPOSED, finalized(24, model_digest=WORDS[11])],
    ),
    ("TaskOver", "an abort after the stop", [*STOPPED, aborted(4)]),
    ("TaskOver", "an abort after the last round", [*FINISHED, aborted(146, 2)]),
]


def make_replay() -> Any:
    """Return sequences of records with the refusal of the last one, if it is refused."""

    def case(name: str, error: str, is_cut_short: bool, records: list[Record]) -> dict[str, Any]:
        listed = [{"event": event, "values": values} for event, values in records[1:]]
        first = records[0][1]["timestamp"]
        assert first == START  # noqa: S101 - every case begins with the one creation
        return {"name": name, "error": error, "is_cut_short": is_cut_short, "records": listed}

    first = {"event": "TaskCreated", "values": created()[1]}
    return {
        "created": first,
        "cases": [
            *[case(name, "", False, records) for name, records in _ACCEPTED],
            *[case(name, "", True, records) for name, records in _CUT_SHORT],
            *[case(name, error, False, records) for error, name, records in _REFUSED],
        ],
    }


def make_refused_logs() -> Any:
    """Return logs that are no record."""
    opened_topics = [topic.hex() for topic in ref.abi_log(*opened(0, 1, 0))[0]]
    opened_data = ref.abi_log(*opened(0, 1, 0))[1].hex()
    admitted_topics, admitted_data = ref.abi_log(*admitted(1, ALICE))
    who, when = admitted_topics[1].hex(), admitted_data.hex()
    kind = admitted_topics[0].hex()
    stopped_topics, stopped_data = ref.abi_log(*stopped(2))
    created_topics, created_data = ref.abi_log(*created())
    anonymous = ref.keccak(b"ParticipantAdmitted(address)").hex()
    refused: list[tuple[str, list[str], str]] = [
        ("no topics", [], when),
        ("an unknown topic 0", [anonymous, who], when),
        ("a topic 0 of 31 bytes", [kind[:-2], who], when),
        ("a topic too few", [kind], when),
        ("a topic too many", [kind, who, who], when),
        ("an argument in the data that belongs in a topic", [kind], who + when),
        (
            "an argument in a topic that belongs in the data",
            [*opened_topics, opened_data[:64]],
            opened_data[64:],
        ),
        ("a topic of 20 bytes", [kind, who[24:]], when),
        ("no data", [kind, who], ""),
        ("half a word of data", [kind, who], when[32:]),
        ("a byte too many", [kind, who], when + "00"),
        ("a word too many", [kind, who], when + NO_WORD),
        ("an address with padding that is not zero", [kind, "01" + who[2:]], when),
        ("an address of 21 bytes", [kind, who[:22] + "01" + who[24:]], when),
        ("an address padded on the right", [kind, who[24:] + who[:24]], when),
        ("a time of 41 bits", [kind, who], f"{2**40:064x}"),
        ("a round of 33 bits", [opened_topics[0], f"{2**32:064x}"], opened_data),
        ("a base round that is negative", opened_topics, "ff" * 32 + opened_data[64:]),
        ("a stop with a topic", [stopped_topics[0].hex(), who], stopped_data.hex()),
        (
            "a truth value of 2",
            [topic.hex() for topic in created_topics],
            created_data[:-288].hex() + f"{2:064x}" + created_data[-256:].hex(),
        ),
        (
            "a parameter of 33 bits",
            [topic.hex() for topic in created_topics],
            created_data[:-192].hex() + f"{2**32:064x}" + created_data[-160:].hex(),
        ),
        (
            "a registry with padding that is not zero",
            [topic.hex() for topic in created_topics],
            "80" + created_data[1:].hex(),
        ),
    ]
    return {
        "refused": [
            {"reason": reason, "topics": topics, "data": data} for reason, topics, data in refused
        ]
    }
