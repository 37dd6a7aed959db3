"""Vectors of commitments, and of what the replay of a task with them accepts and refuses."""

from __future__ import annotations

from typing import Any

from scripts.vectors.documents import AGGREGATOR
from scripts.vectors.ledger_records import (
    ALICE,
    BOB,
    CREATED,
    PARAMETERS,
    WORDS,
    Record,
    aborted,
    admitted,
    at,
    deposited,
    finalized,
    opened,
    paused,
    proposed,
    replay_of,
    stopped,
    submitted,
)
from tests import reference as ref

COMMIT_SECONDS = 30
CAROL = "0x" + "0c" * 20
_PARAMETERS = PARAMETERS | {"commit_seconds": COMMIT_SECONDS, "target_updates": 3, "min_updates": 2}
_CREATED = ("TaskCreated", CREATED[0][1] | {"parameters": _PARAMETERS})


def make_commitments() -> Any:
    """Return commitments that differ in one argument each."""
    usual = {
        "chain_id": 31337,
        "ledger": "0x" + "1e" * 20,
        "round": 3,
        "participant": ALICE,
        "digest": WORDS[5],
        "cid_digest": WORDS[6],
        "weight": 701,
        "salt": "5a" * 32,
    }
    changes: list[tuple[str, dict[str, Any]]] = [
        ("a commitment", {}),
        ("on another chain", {"chain_id": 1}),
        ("to another ledger", {"ledger": "0x" + "1f" * 20}),
        ("for another round", {"round": 4}),
        ("of another participant", {"participant": BOB}),
        ("to another update", {"digest": WORDS[7]}),
        ("to the same update elsewhere", {"cid_digest": WORDS[7]}),
        ("with digests exchanged", {"digest": WORDS[6], "cid_digest": WORDS[5]}),
        ("with another weight", {"weight": 702}),
        ("with another salt", {"salt": "5b" * 32}),
        ("the largest numbers", {"chain_id": 2**53 - 1, "round": 2**32 - 1, "weight": 2**32 - 1}),
    ]
    cases = []
    for name, change in changes:
        values = usual | change
        word = ref.commitment(values["chain_id"], values["ledger"], values)
        cases.append({"name": name, **values, "commitment": word.hex()})
    return {"count": len(cases), "cases": cases}


def committed(seconds: int, participant: str, **changes: Any) -> Record:
    """Return the record of a commitment; the replay can not tell what it is to."""
    values = {"round": 1, "participant": participant, "commitment": WORDS[13]}
    return at(seconds, "UpdateCommitted", **(values | changes))


_OPEN = [
    _CREATED,
    *CREATED[1:],
    opened(0, 1, 0),
    *(admitted(1, who) for who in (ALICE, BOB, CAROL)),
    deposited(1, AGGREGATOR),
]
_TWO = [*_OPEN, committed(2, ALICE), committed(3, BOB)]
_ALL = [*_TWO, committed(4, CAROL)]
_REVEALED = [*_TWO, submitted(31, 0, BOB), submitted(32, 1, ALICE)]

_ACCEPTED: list[tuple[str, list[Record]]] = [
    ("a proposal as soon as all who committed have revealed", [*_REVEALED, proposed(32)]),
    (
        "a round that is final, and the next",
        [
            *_REVEALED,
            proposed(32),
            finalized(52),
            opened(52, 2, 1),
            committed(52, ALICE, round=2),
            committed(82, CAROL, round=2),
            submitted(83, 0, CAROL, round=2),
        ],
    ),
    ("a commitment in the last second", [*_OPEN, committed(30, ALICE)]),
    ("a reveal in the second of the last commitment", [*_ALL, submitted(4, 0, CAROL)]),
    ("a reveal in the first second after committing", [*_TWO, submitted(31, 0, ALICE)]),
    ("a reveal in the last second", [*_TWO, submitted(130, 0, ALICE)]),
    ("a reveal in the last second after the target", [*_ALL, submitted(104, 0, ALICE)]),
    (
        "who committed and did not reveal is not waited for",
        [*_ALL, submitted(5, 0, ALICE), submitted(5, 1, BOB), proposed(105)],
    ),
    ("too few commitments", [*_OPEN, committed(2, ALICE), aborted(31), opened(31, 2, 0)]),
    (
        "a commitment again after a round with too few",
        [
            *_OPEN,
            committed(2, ALICE),
            aborted(31),
            opened(31, 2, 0),
            committed(31, ALICE, round=2),
        ],
    ),
    ("enough commitments and too few reveals", [*_TWO, aborted(131), opened(131, 2, 0)]),
    (
        "a round that opens later commits later",
        [
            *_OPEN,
            paused(2, 200),
            aborted(31),
            opened(31, 2, 0, 200),
            committed(230, ALICE, round=2),
        ],
    ),
    ("a stop while they commit", [*_TWO, aborted(5), stopped(5)]),
    ("the same commitment twice", [*_OPEN, committed(2, ALICE), committed(2, BOB)]),
]

_REFUSED: list[tuple[str, str, list[Record]]] = [
    ("UnexpectedPhase", "a commitment a second late", [*_OPEN, committed(31, ALICE)]),
    ("UnexpectedPhase", "a commitment after the target", [*_ALL, committed(4, ALICE)]),
    ("UnexpectedPhase", "a commitment while they reveal", [*_TWO, committed(31, CAROL)]),
    (
        "UnexpectedPhase",
        "a commitment after the stop",
        [*_OPEN, aborted(2), stopped(2), committed(3, ALICE)],
    ),
    (
        "UnexpectedPhase",
        "a commitment before the round opens",
        [
            *_OPEN,
            paused(2, 200),
            aborted(31),
            opened(31, 2, 0, 200),
            committed(199, ALICE, round=2),
        ],
    ),
    ("UnexpectedRound", "a commitment of the next round", [*_OPEN, committed(2, ALICE, round=2)]),
    ("NotAdmitted", "a commitment of a stranger", [*_OPEN, committed(2, AGGREGATOR)]),
    ("AlreadyCommitted", "a second commitment", [*_TWO, committed(4, ALICE)]),
    ("UnexpectedPhase", "a reveal while they commit", [*_TWO, submitted(30, 0, ALICE)]),
    (
        "UnexpectedPhase",
        "a reveal with too few commitments",
        [*_OPEN, committed(2, ALICE), submitted(31, 0, ALICE)],
    ),
    ("UnexpectedPhase", "a reveal a second late", [*_TWO, submitted(131, 0, ALICE)]),
    (
        "UnexpectedPhase",
        "a reveal a second late after the target",
        [*_ALL, submitted(105, 0, ALICE)],
    ),
    ("NotCommitted", "an update without a commitment", [*_TWO, submitted(31, 0, CAROL)]),
    (
        "NotCommitted",
        "an update with a commitment of the round before",
        [
            *_OPEN,
            committed(2, ALICE),
            aborted(31),
            opened(31, 2, 0),
            committed(31, BOB, round=2),
            committed(31, CAROL, round=2),
            submitted(62, 0, ALICE, round=2),
        ],
    ),
    (
        "NotAdmitted",
        "a reveal after the removal",
        [*_TWO, at(5, "ParticipantRemoved", participant=ALICE), submitted(31, 0, ALICE)],
    ),
    (
        "AlreadySubmitted",
        "a second reveal",
        [*_ALL, submitted(5, 0, ALICE), submitted(5, 1, ALICE)],
    ),
    (
        "UnexpectedPhase",
        "an update after all have revealed",
        [*_REVEALED, submitted(32, 2, CAROL)],
    ),
    ("UnexpectedPhase", "a proposal while they commit", [*_TWO, proposed(30)]),
    (
        "UnexpectedPhase",
        "a proposal while they reveal",
        [*_ALL, submitted(5, 0, ALICE), submitted(5, 1, BOB), proposed(104)],
    ),
]


def make_replay() -> Any:
    """Return sequences of records with the refusal of the last one, if it is refused."""
    return replay_of(_CREATED, _ACCEPTED, _REFUSED)
