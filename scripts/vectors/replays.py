"""Vectors of what the replay of a ledger accepts and refuses, and of logs that are no record."""

from __future__ import annotations

from typing import Any

from scripts.vectors.documents import AGGREGATOR
from tests import reference as ref

START = 1_700_000_000
ALICE, BOB = "0x" + "0a" * 20, "0x" + "0b" * 20
WORDS = [f"{n:02x}" * 32 for n in range(16)]
NO_WORD = "00" * 32
PARAMETERS = {
    "registry": "0x" + "e1" * 20,
    "aggregator": AGGREGATOR,
    "manifest_digest": WORDS[1],
    "manifest_cid_digest": WORDS[2],
    "genesis_digest": WORDS[3],
    "genesis_cid_digest": WORDS[4],
    "num_rounds": 2,
    "min_updates": 1,
    "target_updates": 2,
    "max_weight": 10,
    "collect_seconds": 100,
    "aggregate_seconds": 50,
    "challenge_seconds": 20,
}

Record = tuple[str, dict[str, Any]]


def _at(seconds: int, event: str, **values: Any) -> Record:
    return event, {**values, "timestamp": START + seconds}


def _created(seconds: int = 0) -> Record:
    return _at(seconds, "TaskCreated", coordinator="0x" + "c0" * 20, parameters=PARAMETERS)


def _opened(seconds: int, number: int, base_round: int) -> Record:
    return _at(seconds, "RoundOpened", round=number, base_round=base_round)


def _admitted(seconds: int, participant: str) -> Record:
    return _at(seconds, "ParticipantAdmitted", participant=participant)


def _submitted(seconds: int, sequence: int, participant: str, **changes: Any) -> Record:
    values = {"round": 1, "participant": participant, "sequence": sequence, "digest": WORDS[5]}
    values |= {"cid_digest": WORDS[6], "weight": 10} | changes
    return _at(seconds, "UpdateSubmitted", **values)


def _proposed(seconds: int, **changes: Any) -> Record:
    values = {"round": 1, "model_digest": WORDS[7], "model_cid_digest": WORDS[8]}
    values |= {"report_digest": WORDS[9], "report_cid_digest": WORDS[10], "report_bytes": 341}
    return _at(seconds, "ModelProposed", **(values | changes))


def _finalized(seconds: int, number: int = 1, model_digest: str = WORDS[7]) -> Record:
    return _at(seconds, "RoundFinalized", round=number, model_digest=model_digest)


def _aborted(seconds: int, number: int = 1) -> Record:
    return _at(seconds, "RoundAborted", round=number)


def _stopped(seconds: int) -> Record:
    return _at(seconds, "TaskStopped")


_OPEN = [_created(), _opened(0, 1, 0), _admitted(1, ALICE), _admitted(1, BOB)]
_ONE = [*_OPEN, _submitted(2, 0, ALICE)]
_TWO = [*_ONE, _submitted(3, 1, BOB)]
_PROPOSED = [*_TWO, _proposed(4)]
_SECOND = [*_PROPOSED, _finalized(24), _opened(24, 2, 1)]
_STOPPED = [*_ONE, _aborted(3), _stopped(3)]
_FINISHED = [
    *_SECOND,
    _submitted(25, 0, BOB, round=2),
    _proposed(125, round=2),
    _finalized(145, 2),
]

_ACCEPTED: list[tuple[str, list[Record]]] = [
    ("a task of two rounds", _FINISHED),
    ("an update in the last second", [*_OPEN, _submitted(100, 0, ALICE)]),
    ("a proposal in the first second after collection", [*_ONE, _proposed(101)]),
    ("a proposal in the last second", [*_ONE, _proposed(150)]),
    ("an expired round", [*_OPEN, _aborted(101), _opened(101, 2, 0)]),
    ("an expired round with an update", [*_ONE, _aborted(151), _opened(151, 2, 0)]),
    ("an expired second round", [*_SECOND, _aborted(125, 2), _opened(125, 3, 1)]),
    ("an expired round that is stopped", [*_OPEN, _aborted(101), _stopped(101)]),
    ("a stop after the proposal", [*_PROPOSED, _aborted(5), _stopped(5)]),
    ("an admission after the end", [*_STOPPED, _at(4, "ParticipantRemoved", participant=BOB)]),
    ("back again", [*_OPEN, _at(2, "ParticipantRemoved", participant=BOB), _admitted(3, BOB)]),
    ("removed after the update", [*_ONE, _at(2, "ParticipantRemoved", participant=ALICE)]),
    ("a proposal whose report has no bytes", [*_TWO, _proposed(4, report_bytes=0)]),
]

_CUT_SHORT: list[tuple[str, list[Record]]] = [
    ("no first round", [_created()]),
    ("a finalized round without the next", [*_PROPOSED, _finalized(24)]),
    ("an aborted round without the next", [*_OPEN, _aborted(101)]),
    ("an aborted round without the stop", [*_OPEN, _aborted(2)]),
]

_REFUSED: list[tuple[str, str, list[Record]]] = [
    ("CreatedTwice", "a second creation", [*_OPEN, _created(2)]),
    ("TimeReversed", "a record older than the one before", [*_OPEN, _submitted(0, 0, ALICE)]),
    ("MissingRecord", "no round after the creation", [_created(), _admitted(0, ALICE)]),
    ("MissingRecord", "a first round a second late", [_created(), _opened(1, 1, 0)]),
    ("MissingRecord", "a stop without an abort", [*_OPEN, _stopped(2)]),
    ("MissingRecord", "a next round instead of a stop", [*_ONE, _aborted(2), _opened(2, 2, 0)]),
    ("MissingRecord", "a stop in a later second", [*_ONE, _aborted(2), _stopped(3)]),
    ("MissingRecord", "a stop after a final model", [*_PROPOSED, _finalized(24), _stopped(24)]),
    ("UnexpectedRound", "a first round 2", [_created(), _opened(0, 2, 0)]),
    ("UnexpectedRound", "a round that nothing made due", [*_ONE, _opened(3, 2, 0)]),
    (
        "UnexpectedRound",
        "base round 1 of an aborted round",
        [*_OPEN, _aborted(101), _opened(101, 2, 1)],
    ),
    (
        "UnexpectedRound",
        "base round 0 after a final model",
        [*_PROPOSED, _finalized(24), _opened(24, 2, 0)],
    ),
    ("UnexpectedRound", "an update of the next round", [*_OPEN, _submitted(2, 0, ALICE, round=2)]),
    ("UnexpectedRound", "a proposal of another round", [*_TWO, _proposed(4, round=2)]),
    ("UnexpectedRound", "a final model of another round", [*_PROPOSED, _finalized(24, 2)]),
    ("UnexpectedRound", "an abort of another round", [*_SECOND, _aborted(30, 1)]),
    ("UnexpectedPhase", "an update a second late", [*_OPEN, _submitted(101, 0, ALICE)]),
    ("UnexpectedPhase", "an update beyond the target", [*_TWO, _submitted(3, 2, ALICE)]),
    ("UnexpectedPhase", "an update after the proposal", [*_PROPOSED, _submitted(5, 2, ALICE)]),
    ("UnexpectedPhase", "a proposal while updates come in", [*_ONE, _proposed(100)]),
    ("UnexpectedPhase", "a proposal a second late", [*_ONE, _proposed(151)]),
    ("UnexpectedPhase", "a proposal without updates", [*_OPEN, _proposed(101)]),
    ("UnexpectedPhase", "a second proposal", [*_PROPOSED, _proposed(5)]),
    ("UnexpectedPhase", "a final model without a proposal", [*_TWO, _finalized(30)]),
    ("UnexpectedPhase", "an update after the stop", [*_STOPPED, _submitted(4, 1, BOB)]),
    (
        "UnexpectedPhase",
        "an update after the last round",
        [*_FINISHED, _submitted(146, 1, ALICE, round=2)],
    ),
    ("NotAdmitted", "an update of a stranger", [*_OPEN, _submitted(2, 0, AGGREGATOR)]),
    (
        "NotAdmitted",
        "an update after the removal",
        [*_OPEN, _at(2, "ParticipantRemoved", participant=ALICE), _submitted(2, 0, ALICE)],
    ),
    (
        "NotAdmitted",
        "a removal of a stranger",
        [*_OPEN, _at(2, "ParticipantRemoved", participant=AGGREGATOR)],
    ),
    ("AlreadyAdmitted", "a second admission", [*_OPEN, _admitted(2, ALICE)]),
    ("AlreadySubmitted", "a second update", [*_ONE, _submitted(3, 1, ALICE)]),
    ("WeightOutOfRange", "weight 0", [*_OPEN, _submitted(2, 0, ALICE, weight=0)]),
    ("WeightOutOfRange", "weight 11 of 10", [*_OPEN, _submitted(2, 0, ALICE, weight=11)]),
    ("UnexpectedSequence", "a first update number 1", [*_OPEN, _submitted(2, 1, ALICE)]),
    ("UnexpectedSequence", "a second update number 0", [*_ONE, _submitted(3, 0, BOB)]),
    ("ZeroDigest", "an update without digest", [*_OPEN, _submitted(2, 0, ALICE, digest=NO_WORD)]),
    (
        "ZeroDigest",
        "an update without CID digest",
        [*_OPEN, _submitted(2, 0, ALICE, cid_digest=NO_WORD)],
    ),
    *[
        ("ZeroDigest", f"a proposal without {name}", [*_TWO, _proposed(4, **{name: NO_WORD})])
        for name in ("model_digest", "model_cid_digest", "report_digest", "report_cid_digest")
    ],
    ("ChallengeWindowOpen", "a final model a second early", [*_PROPOSED, _finalized(23)]),
    (
        "UnexpectedModel",
        "a final model not proposed",
        [*_PROPOSED, _finalized(24, model_digest=WORDS[11])],
    ),
    ("TaskOver", "an abort after the stop", [*_STOPPED, _aborted(4)]),
    ("TaskOver", "an abort after the last round", [*_FINISHED, _aborted(146, 2)]),
]


def make_replay() -> Any:
    """Return sequences of records with the refusal of the last one, if it is refused."""

    def case(name: str, error: str, is_cut_short: bool, records: list[Record]) -> dict[str, Any]:
        listed = [{"event": event, "values": values} for event, values in records[1:]]
        first = records[0][1]["timestamp"]
        assert first == START  # noqa: S101 - every case begins with the one creation
        return {"name": name, "error": error, "is_cut_short": is_cut_short, "records": listed}

    created = {"event": "TaskCreated", "values": _created()[1]}
    return {
        "created": created,
        "cases": [
            *[case(name, "", False, records) for name, records in _ACCEPTED],
            *[case(name, "", True, records) for name, records in _CUT_SHORT],
            *[case(name, error, False, records) for error, name, records in _REFUSED],
        ],
    }


def make_refused_logs() -> Any:
    """Return logs that are no record."""
    opened = [topic.hex() for topic in ref.abi_log(*_opened(0, 1, 0))[0]]
    opened_data = ref.abi_log(*_opened(0, 1, 0))[1].hex()
    admitted, admitted_data = ref.abi_log(*_admitted(1, ALICE))
    who, when = admitted[1].hex(), admitted_data.hex()
    kind = admitted[0].hex()
    stopped, stopped_data = ref.abi_log(*_stopped(2))
    created, created_data = ref.abi_log(*_created())
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
            [*opened, opened_data[:64]],
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
        ("a round of 33 bits", [opened[0], f"{2**32:064x}"], opened_data),
        ("a base round that is negative", opened, "ff" * 32 + opened_data[64:]),
        ("a stop with a topic", [stopped[0].hex(), who], stopped_data.hex()),
        (
            "a parameter of 33 bits",
            [topic.hex() for topic in created],
            created_data[:-64].hex() + f"{2**32:064x}" + created_data[-32:].hex(),
        ),
        (
            "an aggregator with padding that is not zero",
            [topic.hex() for topic in created],
            created_data[:32].hex() + "80" + created_data[33:].hex(),
        ),
    ]
    return {
        "refused": [
            {"reason": reason, "topics": topics, "data": data} for reason, topics, data in refused
        ]
    }
