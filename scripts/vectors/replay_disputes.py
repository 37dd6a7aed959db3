"""Disputes that the replay of a ledger accepts, and moves that it refuses."""

from __future__ import annotations

from scripts.vectors.documents import AGGREGATOR
from scripts.vectors.ledger_records import (
    ALICE,
    ANSWERED,
    ASKED,
    BOB,
    OMISSION,
    PARTS,
    PROPOSED,
    SECOND,
    SILENCE,
    SINGLE,
    TWO,
    WRONG_MODEL,
    Record,
    aborted,
    answered,
    attested,
    challenged,
    claimed,
    failed,
    finalized,
    opened,
    part,
    rejected,
    selected,
    slashed,
    split,
    stopped,
)

DISPUTES: list[tuple[str, list[Record]]] = [
    ("a value in dispute", ASKED),
    ("a dispute down to one update", SINGLE),
    (
        "a wrong update",
        [
            *SINGLE,
            rejected(8, fault=WRONG_MODEL),
            slashed(8, AGGREGATOR, WRONG_MODEL, ALICE),
            claimed(9, ALICE, 150),
        ],
    ),
    ("a right update", [*SINGLE, failed(8), claimed(9, AGGREGATOR, 50)]),
    ("a window that begins again", [*SINGLE, failed(8), finalized(28), opened(28, 2, 1)]),
    ("another challenge", [*SINGLE, failed(8), challenged(9, 1, 0, BOB)]),
    ("a right header", [*PROPOSED, challenged(5, 1, 0), failed(25)]),
    ("a status", [*PROPOSED, challenged(5, 3, 1), failed(6)]),
    (
        "a proposer that answers nothing",
        [*ASKED, rejected(26, fault=SILENCE), slashed(26, AGGREGATOR, SILENCE, ALICE)],
    ),
    (
        "nobody who shows the update",
        [*SINGLE, rejected(28, fault=SILENCE), slashed(28, AGGREGATOR, SILENCE, ALICE)],
    ),
    ("a challenger that selects nothing", [*ANSWERED, failed(27, SILENCE)]),
    (
        "a quorum in a dispute",
        [*ANSWERED, attested(7, SECOND), finalized(7), opened(7, 2, 1), claimed(8, ALICE)],
    ),
    ("a stop in a dispute", [*ANSWERED, aborted(7), stopped(7), claimed(8, ALICE)]),
    (
        "an omission",
        [
            *PROPOSED,
            rejected(5, fault=OMISSION),
            slashed(5, AGGREGATOR, OMISSION, BOB),
            claimed(6, BOB, 50),
        ],
    ),
    (
        "a dispute about negative numbers that saturate",
        [*ASKED, answered(6, [part(1, -(2**40)), part(1, 5)], -9, -(2**31)), selected(7, 0)],
    ),
]
"""Moves that are accepted."""

REFUSED_MOVES: list[tuple[str, str, list[Record]]] = [
    ("UnexpectedPhase", "a final model in a dispute", [*ASKED, finalized(24)]),
    ("UnexpectedPhase", "a challenge in a dispute", [*ASKED, challenged(6)]),
    ("UnexpectedPhase", "a challenge of nothing", [*TWO, challenged(5)]),
    ("UnexpectedPhase", "an omission in a dispute", [*ASKED, rejected(6, fault=OMISSION)]),
    ("UnexpectedPhase", "an answer to nothing", [*PROPOSED, answered(5, PARTS)]),
    ("ParameterOutOfRange", "a value beyond the model", [*PROPOSED, challenged(5, 2, 8)]),
    ("ParameterOutOfRange", "a chunk beyond the header", [*PROPOSED, challenged(5, 1, 1)]),
    ("ParameterOutOfRange", "an update that there is not", [*PROPOSED, challenged(5, 3, 2)]),
    ("ParameterOutOfRange", "a question of no kind", [*PROPOSED, challenged(5, 0, 0)]),
    ("ParameterOutOfRange", "a part that there is not", [*ANSWERED, selected(7, 2)]),
    ("WrongAnswer", "claims that lead elsewhere", [*ASKED, answered(6, PARTS)]),
    ("WrongAnswer", "claims without weight", [*ASKED, answered(6, [part(0, 5)], 100, 228)]),
    (
        "PartsOutOfRange",
        "a claim about an update that there is not",
        [*ASKED, answered(6, [*PARTS, part(0, 1)], 100, 228)],
    ),
    ("UnexpectedMove", "a selection before the answer", [*ASKED, selected(6, 0)]),
    ("UnexpectedMove", "a second answer", [*ANSWERED, answered(7, PARTS, 100, 228)]),
    ("UnexpectedMove", "an update that is split", [*SINGLE, split(8, PARTS)]),
    (
        "UnexpectedMove",
        "an answer to another question",
        [*PROPOSED, challenged(5, 3, 0), answered(6, PARTS, 100, 228)],
    ),
    ("MoveOver", "an answer a second too late", [*ASKED, answered(26, PARTS, 100, 228)]),
    ("MoveOver", "a selection a second too late", [*ANSWERED, selected(27, 0)]),
    ("MissingRecord", "silence in the last second", [*ASKED, rejected(25, fault=SILENCE)]),
    ("MissingRecord", "a challenger that has time", [*ANSWERED, failed(26, SILENCE)]),
    ("MissingRecord", "a challenger that need not move", [*ASKED, failed(26, SILENCE)]),
    ("MissingRecord", "a proposer that need not move", [*ANSWERED, rejected(27, fault=SILENCE)]),
    ("MissingRecord", "a value that was not shown", [*ASKED, failed(6)]),
    ("MissingRecord", "a decision before the end", [*ASKED, rejected(6, fault=WRONG_MODEL)]),
    ("MissingRecord", "a decision too late", [*SINGLE, rejected(28, fault=WRONG_MODEL)]),
    ("MissingRecord", "a right update too late", [*SINGLE, failed(28)]),
    ("MissingRecord", "a challenge that fails for nothing", [*SINGLE, failed(8, OMISSION)]),
    (
        "MissingRecord",
        "a wrong update for somebody else's good",
        [*SINGLE, rejected(8, fault=WRONG_MODEL), slashed(8, AGGREGATOR, WRONG_MODEL, BOB)],
    ),
    ("UnexpectedAmount", "half a deposit", [*SINGLE, failed(8, amount=50)]),
    ("UnexpectedProposal", "a deposit of somebody else", [*SINGLE, failed(8, challenger=BOB)]),
    ("UnexpectedProposal", "a stranger's gain", [*SINGLE, failed(8, beneficiary=BOB)]),
    (
        "UnexpectedRound",
        "a rejection in another round",
        [*PROPOSED, ("ProposalRejected", {**rejected(5)[1], "round": 2})],
    ),
    (
        "ChallengeWindowOpen",
        "a model that is final before the window has begun again",
        [*SINGLE, failed(8), finalized(27)],
    ),
    (
        "NothingToPay",
        "the deposit of a failed challenge",
        [*SINGLE, failed(8), claimed(9, ALICE)],
    ),
]
"""Records of which the last one is refused, with this error."""
