"""Vectors of seeds, of whom they select, and of what the replay of a sampled task accepts."""

from __future__ import annotations

from typing import Any

from scripts.vectors.documents import AGGREGATOR
from scripts.vectors.ledger_records import (
    ALICE,
    BOB,
    CAROL,
    COMMITTEE,
    CREATED,
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
    paused,
    proposed,
    slashed,
    stopped,
    submitted,
    succeeded,
)
from tests import reference as ref

SEED_SECONDS = 30
HALF = 2**31
MANIFEST = WORDS[1]
SECRETS = {aggregator: f"{0x10 + seat:02x}" * 32 for seat, aggregator in enumerate(COMMITTEE)}
"""Aggregator to the secret that it reveals in round 2; in round 1 it reveals the hash of that."""
FIRST = {who: ref.keccak(bytes.fromhex(secret)).hex() for who, secret in SECRETS.items()}
TIPS = {who: ref.keccak(bytes.fromhex(secret)).hex() for who, secret in FIRST.items()}
_PARAMETERS = PARAMETERS | {"sample_rate": HALF, "seed_seconds": SEED_SECONDS}
_CREATED = ("TaskCreated", CREATED[0][1] | {"parameters": _PARAMETERS})


def make_seeds() -> Any:
    """Return seeds, each of one that differs in one argument, and whom they select."""
    usual: dict[str, Any] = {"former_seed": MANIFEST, "round": 1, "secrets": FIRST}
    alone = {AGGREGATOR: FIRST[AGGREGATOR]}
    changes: list[tuple[str, dict[str, Any]]] = [
        ("all have revealed", {}),
        ("the same in another order", {"secrets": dict(reversed(FIRST.items()))}),
        ("after another round", {"former_seed": WORDS[2]}),
        ("of another round", {"round": 2}),
        ("one has revealed", {"secrets": alone}),
        ("another has revealed the same", {"secrets": {SECOND: FIRST[AGGREGATOR]}}),
        ("two with the same secret", {"secrets": alone | {SECOND: FIRST[AGGREGATOR]}}),
        ("nobody has revealed", {"secrets": {}}),
        ("the largest round", {"round": 2**32 - 1}),
    ]
    cases = []
    for name, change in changes:
        values = usual | change
        secrets = values["secrets"]
        word = ref.seed(values["former_seed"], values["round"], secrets).hex()
        listed = [{"aggregator": who, "secret": secret} for who, secret in secrets.items()]
        values = values | {"secrets": listed, "num_secrets": len(listed)}
        cases.append({"name": name, **values, "seed": word})
    lots = []
    seed = cases[0]["seed"]
    for index in range(16):
        name = "0x" + f"{0xA0 + index:02x}" * 20
        number = ref.lot(seed, name)
        # At its own number a participant is not selected, one above it is.
        for rate in (number, number + 1, 1, HALF, 2**32 - 1):
            lots.append(
                {"seed": seed, "name": name, "sample_rate": rate, "is_selected": number < rate}
            )
    return {"count": len(cases), "cases": cases, "lot_count": len(lots), "lots": lots}


def seeds_committed(seconds: int, aggregator: str, tip: str = "") -> Record:
    """Return the record of a commitment to secrets."""
    return at(seconds, "SeedsCommitted", aggregator=aggregator, tip=tip or TIPS[aggregator])


def seed_revealed(seconds: int, aggregator: str, **changes: Any) -> Record:
    """Return the record of the secret of round 1."""
    values = {"round": 1, "aggregator": aggregator, "secret": FIRST.get(aggregator)}
    return at(seconds, "SeedRevealed", **(values | changes))


def _selected(secrets: dict[str, str], names: tuple[str, ...] = (ALICE, BOB, CAROL)) -> list[str]:
    """Return whom the seed of round 1 selects, in order."""
    seed = ref.seed(MANIFEST, 1, secrets).hex()
    return [name for name in names if ref.lot(seed, name) < HALF]


_ALL = _selected(FIRST)
_IN = _ALL[0]
_OUT = next(name for name in (ALICE, BOB, CAROL) if name not in _ALL)
_NO_SECRET_IN = _selected({})[0]

_BEGUN = [
    _CREATED,
    *CREATED[1:],
    opened(0, 1, 0, 2 * SEED_SECONDS),
    *(admitted(1, who) for who in (ALICE, BOB, CAROL)),
    *(deposited(1, who) for who in COMMITTEE),
]
_TWO = [*_BEGUN, seeds_committed(2, AGGREGATOR), seeds_committed(3, SECOND)]
_FIXED = [*_TWO, seeds_committed(4, THIRD)]
_OPEN = [*_FIXED, *(seed_revealed(5 + seat, who) for seat, who in enumerate(COMMITTEE))]
"""Round 1 is open from second 7 on."""
_WITHHELD = [*_FIXED, seed_revealed(5, SECOND), seed_revealed(5, THIRD)]
"""The first aggregator does not reveal, and round 1 opens at second 34."""
_WITHHELD_IN = _selected({who: FIRST[who] for who in (SECOND, THIRD)})[0]
_IN_OF_TWO = _selected({who: FIRST[who] for who in (AGGREGATOR, SECOND)})[0]
_ENDED = [*_OPEN, aborted(108), opened(108, 2, 0, 138)]

_ACCEPTED: list[tuple[str, list[Record]]] = [
    ("an update as soon as all have revealed", [*_OPEN, submitted(7, 0, _IN)]),
    (
        "an update when the time to reveal is over",
        [*_BEGUN, submitted(60, 0, _NO_SECRET_IN)],
    ),
    ("a tip in the last second before secrets are fixed", [*_BEGUN, seeds_committed(29, THIRD)]),
    ("another tip before secrets are fixed", [*_TWO, seeds_committed(4, SECOND, WORDS[7])]),
    ("a secret in the first second", [*_TWO, seed_revealed(30, SECOND)]),
    ("a secret in the last second", [*_TWO, seed_revealed(59, SECOND)]),
    ("a secret in the second of the last tip", [*_FIXED, seed_revealed(4, THIRD)]),
    (
        "the next secret in the next round",
        [*_ENDED, seed_revealed(108, THIRD, round=2, secret=SECRETS[THIRD])],
    ),
    ("a tip while the round is open", [*_OPEN, seeds_committed(7, AGGREGATOR, WORDS[7])]),
    (
        "who has no tip acts",
        [
            *_TWO,
            seed_revealed(30, SECOND),
            seed_revealed(30, AGGREGATOR),
            submitted(60, 0, _IN_OF_TWO),
            proposed(260, proposer=THIRD),
        ],
    ),
    (
        "a first tip in an open round is due in the next",
        [
            *_BEGUN,
            submitted(60, 0, _NO_SECRET_IN),
            seeds_committed(61, AGGREGATOR),
            proposed(161),
        ],
    ),
    (
        "who withholds is silent",
        [
            *_WITHHELD,
            submitted(34, 0, _WITHHELD_IN),
            proposed(185, proposer=SECOND),
            attested(185, THIRD),
            slashed(185, AGGREGATOR, 5),
            at(185, "RoundFinalized", round=1, model_digest=WORDS[7]),
            opened(185, 2, 1, 215),
        ],
    ),
    (
        "a pause beyond the secrets",
        [
            *(*_FIXED, paused(5, 200)),
            *(seed_revealed(6, who) for who in COMMITTEE),
            submitted(200, 0, _IN),
        ],
    ),
    (
        "a pause that ends takes no time from the secrets",
        [*_BEGUN, paused(5, 200), paused(6, 6), submitted(60, 0, _NO_SECRET_IN)],
    ),
    (
        "who changes its key keeps its lot",
        [*_OPEN, succeeded(7, _IN, "0x" + "1f" * 20), submitted(7, 0, "0x" + "1f" * 20)],
    ),
    ("a stop while they reveal", [*_FIXED, aborted(5), stopped(5)]),
]

_REFUSED: list[tuple[str, str, list[Record]]] = [
    ("NotSelected", "an update of one that is not selected", [*_OPEN, submitted(7, 0, _OUT)]),
    (
        "NotSelected",
        "an update of one that was admitted when secrets were fixed",
        [
            *(*_FIXED, admitted(5, "0x" + "0e" * 20)),
            *(seed_revealed(5 + seat, who) for seat, who in enumerate(COMMITTEE)),
            submitted(7, 0, "0x" + "0e" * 20),
        ],
    ),
    ("UnexpectedPhase", "an update before the round opens", [*_WITHHELD, submitted(33, 0, _IN)]),
    ("UnexpectedTime", "a first round that opens too early", [
        _CREATED, *CREATED[1:], opened(0, 1, 0, SEED_SECONDS)
    ]),
    ("UnexpectedTime", "a round that opens at once", [*_OPEN, aborted(108), opened(108, 2, 0)]),
    ("NotAggregator", "a tip of a participant", [*_BEGUN, seeds_committed(2, ALICE, WORDS[7])]),
    ("ZeroDigest", "a tip of zero", [*_BEGUN, seeds_committed(2, SECOND, "00" * 32)]),
    ("SeedsFixed", "a tip when secrets can be revealed", [*_TWO, seeds_committed(30, THIRD)]),
    ("SeedsFixed", "another tip after all have one", [*_FIXED, seeds_committed(4, THIRD)]),
    ("SeedsFixed", "a tip before a later round opens", [*_ENDED, seeds_committed(108, THIRD)]),
    (
        "TaskOver",
        "a tip after the stop",
        [*_OPEN, aborted(8), stopped(8), seeds_committed(9, THIRD)],
    ),
    ("NotAggregator", "a secret of a participant", [
        *_FIXED, seed_revealed(5, ALICE, secret=FIRST[THIRD])
    ]),
    ("SeedsNotFixed", "a secret too early", [*_TWO, seed_revealed(29, SECOND)]),
    ("UnexpectedPhase", "a secret when the round is open", [*_TWO, seed_revealed(60, SECOND)]),
    ("UnexpectedPhase", "a secret after the stop", [
        *_FIXED, aborted(5), stopped(5), seed_revealed(5, SECOND)
    ]),
    ("UnexpectedRound", "a secret of the next round", [*_FIXED, seed_revealed(5, SECOND, round=2)]),
    ("BondTooLow", "a secret without a bond", [
        *_BEGUN[:-1], seeds_committed(2, THIRD), seed_revealed(30, THIRD)
    ]),
    ("AggregatorBarred", "a secret after an equivocation", [
        *_FIXED, slashed(5, THIRD, 2, ALICE), seed_revealed(5, THIRD)
    ]),
    ("AlreadyRevealed", "a second secret", [
        *_FIXED, seed_revealed(5, THIRD), seed_revealed(6, THIRD, secret=SECRETS[THIRD])
    ]),
    ("WrongSecret", "another secret", [*_FIXED, seed_revealed(5, THIRD, secret=WORDS[7])]),
    ("WrongSecret", "the secret of somebody else", [
        *_FIXED, seed_revealed(5, THIRD, secret=FIRST[SECOND])
    ]),
    ("WrongSecret", "the secret of the round before", [
        *_ENDED, seed_revealed(108, THIRD, round=2)
    ]),
    ("WrongSecret", "a secret without a tip", [*_TWO, seed_revealed(30, THIRD)]),
    ("SeedWithheld", "a proposal of one that withheld", [
        *_WITHHELD, submitted(34, 0, _WITHHELD_IN), proposed(135)
    ]),
    ("SeedWithheld", "an attestation of one that withheld", [
        *_WITHHELD,
        submitted(34, 0, _WITHHELD_IN),
        proposed(185, proposer=SECOND),
        attested(185, AGGREGATOR),
    ]),
    ("SeedWithheld", "a proposal of one that withheld, with another tip", [
        *_WITHHELD,
        submitted(34, 0, _WITHHELD_IN),
        seeds_committed(35, AGGREGATOR, WORDS[7]),
        proposed(135),
    ]),
    ("MissingRecord", "who withholds and keeps its bond", [
        *_WITHHELD,
        submitted(34, 0, _WITHHELD_IN),
        proposed(185, proposer=SECOND),
        attested(185, THIRD),
        at(185, "RoundFinalized", round=1, model_digest=WORDS[7]),
    ]),
]  # fmt: skip


def make_replay() -> Any:
    """Return sequences of records with the refusal of the last one, if it is refused."""

    def case(name: str, error: str, records: list[Record]) -> dict[str, Any]:
        listed = [{"event": event, "values": values} for event, values in records[1:]]
        assert records[0] == _CREATED  # noqa: S101 - every case begins with the one creation
        return {"name": name, "error": error, "is_cut_short": False, "records": listed}

    return {
        "created": {"event": _CREATED[0], "values": _CREATED[1]},
        "cases": [
            *[case(name, "", records) for name, records in _ACCEPTED],
            *[case(name, error, records) for error, name, records in _REFUSED],
        ],
    }
