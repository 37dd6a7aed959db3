"""Vectors of what the replay of a task with masked updates accepts and refuses."""

from __future__ import annotations

from typing import Any

from scripts.vectors.ledger_records import (
    AGGREGATOR,
    ALICE,
    BOB,
    COMMITTEE,
    CREATED,
    OVERRULED,
    PARAMETERS,
    SECOND,
    THIRD,
    WORDS,
    Record,
    aborted,
    admitted,
    at,
    attested,
    deposited,
    opened,
    proposed,
    rejected,
    replay_of,
    slashed,
    stopped,
    submitted,
    succeeded,
)

CAROL = "0x" + "0c" * 20
DAVE = "0x" + "0d" * 20
SEED_SECONDS, COMMIT_SECONDS, UNMASK_SECONDS = 30, 30, 40
OPENS = 2 * SEED_SECONDS
_PARAMETERS = PARAMETERS | {
    **{"commit_seconds": COMMIT_SECONDS, "target_updates": 3, "min_updates": 2},
    **{"sample_rate": 2**32 - 1, "seed_seconds": SEED_SECONDS, "unmask_seconds": UNMASK_SECONDS},
    "fraction_shift": 2**32 - 1,
}
_CREATED = ("TaskCreated", CREATED[0][1] | {"parameters": _PARAMETERS})


def shared(seconds: int, participant: str, **changes: Any) -> Record:
    """Return the record of a share bundle."""
    values = {"round": 1, "participant": participant, "commitment": WORDS[13]}
    return at(seconds, "UpdateCommitted", **(values | changes))


def apart(seconds: int, participant: str, positions: int = 4, **changes: Any) -> Record:
    """Return the record of who shares no mask with a participant."""
    values = {"round": 1, "participant": participant, "positions": positions}
    return at(seconds, "PeersApart", **(values | changes))


def unmasked(seconds: int, participant: str, **changes: Any) -> Record:
    """Return the record of what a participant told."""
    values = {"round": 1, "participant": participant, "cid_digest": WORDS[14]}
    return at(seconds, "UpdateUnmasked", **(values | changes))


_BEGUN = [
    _CREATED,
    *CREATED[1:],
    opened(0, 1, 0, OPENS),
    *(admitted(1, who) for who in (ALICE, BOB, CAROL)),
    *(deposited(1, who) for who in COMMITTEE),
]
_TWO = [*_BEGUN, shared(60, ALICE), shared(61, BOB)]
_ALL = [*_TWO, shared(62, CAROL)]
"""Collection is from second 62 to 162."""
_FULL = [*_ALL, *(submitted(63 + i, i, who) for i, who in enumerate((ALICE, BOB, CAROL)))]
"""Unmasking is from second 65 to 105."""
_LATE = [*_ALL, submitted(63, 0, ALICE), submitted(64, 1, BOB)]
"""Time ends collection: unmasking is from second 163 to 202."""
_TOLD = [*_FULL, *(unmasked(66 + i, who) for i, who in enumerate((ALICE, BOB, CAROL)))]
_OTHER = {"model_digest": WORDS[15]}
_REJECTED = [
    *_TOLD,
    proposed(68),
    attested(69, SECOND, **_OTHER),
    attested(69, THIRD, **_OTHER),
    rejected(69),
    slashed(69, AGGREGATOR, OVERRULED),
]
_REJECTED_LATE = [
    *_FULL,
    proposed(106),
    attested(107, SECOND, **_OTHER),
    attested(107, THIRD, **_OTHER),
    rejected(107),
    slashed(107, AGGREGATOR, OVERRULED),
]
_SUCCEEDED = [*_FULL, succeeded(66, ALICE, DAVE)]

_ACCEPTED: list[tuple[str, list[Record]]] = [
    ("a proposal as soon as all have told", [*_TOLD, proposed(68)]),
    ("a proposal once time is over, though nobody told", [*_FULL, proposed(106)]),
    ("a proposal after one of two told", [*_LATE, unmasked(170, BOB), proposed(203)]),
    ("something told in the first second", [*_FULL, unmasked(65, CAROL)]),
    ("something told in the last second", [*_FULL, unmasked(105, CAROL)]),
    ("something told in the last second after time ended it", [*_LATE, unmasked(202, ALICE)]),
    ("peers that are apart", [*_ALL, apart(63, ALICE), submitted(63, 0, ALICE)]),
    (
        "everybody is apart",
        [*_ALL, apart(63, BOB, 2**127 - 1), submitted(63, 0, BOB), submitted(63, 1, ALICE)],
    ),
    (
        "a removed participant tells",
        [*_FULL, at(66, "ParticipantRemoved", participant=ALICE), unmasked(66, ALICE)],
    ),
    ("a former key tells", [*_SUCCEEDED, unmasked(66, ALICE)]),
    (
        "a second proposal right after a rejection",
        [*_REJECTED, proposed(120, proposer=SECOND, **_OTHER)],
    ),
    (
        "a second proposal after a rejection, where time ended unmasking",
        [*_REJECTED_LATE, proposed(158, proposer=SECOND, **_OTHER)],
    ),
    ("an abort when the last turn is over", [*_FULL, aborted(256), opened(256, 2, 0, 286)]),
    ("an abort with too few updates", [*_ALL, aborted(163), opened(163, 2, 0, 193)]),
    ("a stop while they tell", [*_FULL, aborted(66), stopped(66)]),
    (
        "the next round begins anew",
        [
            *_TOLD,
            aborted(219),
            opened(219, 2, 0, 249),
            *(shared(249, who, round=2) for who in (ALICE, BOB, CAROL)),
            submitted(250, 0, ALICE, round=2),
            submitted(250, 1, BOB, round=2),
            unmasked(350, ALICE, round=2),
        ],
    ),
]

_REFUSED: list[tuple[str, str, list[Record]]] = [
    ("UnexpectedPhase", "something told while they submit", [*_LATE, unmasked(162, BOB)]),
    ("UnexpectedPhase", "something told a second late", [*_FULL, unmasked(106, BOB)]),
    ("UnexpectedPhase", "something told after all have", [*_TOLD, unmasked(69, BOB)]),
    (
        "UnexpectedPhase",
        "something told after a proposal",
        [*_TOLD, proposed(68), unmasked(68, BOB)],
    ),
    (
        "UnexpectedPhase",
        "something told after a rejection, where all had told",
        [*_REJECTED, unmasked(70, BOB)],
    ),
    (
        "UnexpectedPhase",
        "something told after a rejection, where time ended unmasking",
        [*_REJECTED_LATE, unmasked(108, BOB)],
    ),
    ("UnexpectedRound", "something told about another round", [*_FULL, unmasked(66, BOB, round=2)]),
    ("NotSubmitted", "something told by a stranger", [*_FULL, unmasked(66, AGGREGATOR)]),
    ("NotSubmitted", "something told by who shared alone", [*_LATE, unmasked(163, CAROL)]),
    ("NotSubmitted", "something told under a new key", [*_SUCCEEDED, unmasked(66, DAVE)]),
    ("AlreadyUnmasked", "something told twice", [*_FULL, unmasked(66, BOB), unmasked(66, BOB)]),
    ("ZeroDigest", "nothing told", [*_FULL, unmasked(66, BOB, cid_digest="00" * 32)]),
    ("UnexpectedPhase", "an update after the others told", [*_LATE, submitted(163, 2, CAROL)]),
    ("NotCommitted", "an update without a bundle", [*_TWO, submitted(91, 0, CAROL)]),
    ("UnexpectedPhase", "a proposal while they tell", [*_FULL, proposed(104)]),
    ("OutOfTurn", "a proposal out of turn", [*_FULL, proposed(154, proposer=SECOND)]),
    ("MissingRecord", "nobody is apart", [*_ALL, apart(63, ALICE, 0)]),
    ("MissingRecord", "peers apart without an update", [*_ALL, apart(63, ALICE), shared(63, BOB)]),
    (
        "MissingRecord",
        "peers apart before an update of another",
        [*_ALL, apart(63, ALICE), submitted(63, 0, BOB)],
    ),
    (
        "MissingRecord",
        "peers apart a second before the update",
        [*_ALL, apart(63, ALICE), submitted(64, 0, ALICE)],
    ),
    ("NotAdmitted", "peers apart for a stranger", [*_ALL, apart(63, AGGREGATOR)]),
    ("AlreadySubmitted", "peers apart after the update", [*_LATE, apart(65, ALICE)]),
    ("UnexpectedPhase", "peers apart while they share", [*_TWO, apart(62, ALICE)]),
]


def make_replay() -> Any:
    """Return sequences of records with the refusal of the last one, if it is refused."""
    return replay_of(_CREATED, _ACCEPTED, _REFUSED)
