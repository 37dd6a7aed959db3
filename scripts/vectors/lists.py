"""Vectors of lists of updates, and of what the replay of a task with them accepts and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import rfc8785
from eth_account import Account

from scripts.vectors.blobs import parts_of
from scripts.vectors.documents import AGGREGATOR
from scripts.vectors.ledger_records import (
    ALICE,
    BOB,
    CAROL,
    CREATED,
    PARAMETERS,
    SECOND,
    THIRD,
    WORDS,
    Record,
    aborted,
    admitted,
    at,
    deposited,
    finalized,
    opened,
    proposed,
    replay_of,
    submitted,
)
from tests import reference as ref

CHAIN_ID, LEDGER, ROUND, MAX_WEIGHT = 31337, "0x" + "1e" * 20, 3, 1000
LIST_SECONDS = 40
_TASK = WORDS[1]
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_PARAMETERS = PARAMETERS | {"list_seconds": LIST_SECONDS, "target_updates": 3}
_CREATED = ("TaskCreated", CREATED[0][1] | {"parameters": _PARAMETERS})


def key_of(number: int) -> tuple[int, str]:
    """Return a private key and its address."""
    key = 1000 + number
    return key, str(Account.from_key(key.to_bytes(32)).address).lower()


def sign(key: int, update: dict[str, Any], **place: Any) -> dict[str, Any]:
    """Return an update with the signature of a key for a round of a ledger on a chain."""
    where = {"chain_id": CHAIN_ID, "ledger": LEDGER, "round": ROUND, **place}
    message = ref.update_message(where["round"], update)
    signing_hash = ref.signing_hash(where["chain_id"], where["ledger"], message)
    signed = Account.from_key(key.to_bytes(32)).unsafe_sign_hash(signing_hash)
    vs = signed.s | (signed.v - 27) << 255
    return update | {"r": f"{signed.r:064x}", "vs": f"{vs:064x}"}


def make_lists() -> Any:
    """Return lists with their parts, bytes that are none, and entries with what they are worth."""
    return {
        "chain_id": CHAIN_ID,
        "ledger": LEDGER,
        "round": ROUND,
        "max_weight": MAX_WEIGHT,
        "cases": [
            _case("one entry", 1),
            _case("a whole chunk of entries", 4),
            _case("two chunks of entries", 5, round_number=2**32 - 1),
        ],
        "refused": list(_make_refused()),
        "entries": list(_make_entries()),
    }


def _update(number: int, **changes: Any) -> dict[str, Any]:
    return {"digest": WORDS[5 + number], "cid_digest": WORDS[6], "weight": 10 + number, **changes}


def _case(name: str, count: int, round_number: int = ROUND) -> dict[str, Any]:
    listed = []
    for number in range(count):
        key, address = key_of(number)
        signed = sign(key, _update(number), round=round_number)
        listed.append({"participant": address, **signed})
    entries = [ref.list_entry(entry["participant"], entry) for entry in listed]
    header = rfc8785.dumps(ref.list_header(ref.list_metadata(_TASK, round_number), count))
    parts = ref.blob_parts(header, b"".join(entries), 1024)
    data = ref.join_parts(*parts)
    return {
        "name": name,
        "list": {"task": _TASK, "round": round_number, "entries": listed},
        "parts": parts_of(*parts),
        "bytes": len(data),
        "digest": ref.digest(data).hex(),
    }


def _make_refused() -> Iterator[dict[str, Any]]:
    key, address = key_of(0)
    data = ref.list_entry(address, sign(key, _update(0)))
    text = rfc8785.dumps(ref.list_header(ref.list_metadata(_TASK, ROUND), 1))

    def parts(reason: str, header: bytes, payload: bytes = data, size: int = 1024) -> Any:
        return {"reason": reason, "parts": parts_of(*ref.blob_parts(header, payload, size))}

    def changed(reason: str, change: Callable[[dict[str, Any]], object]) -> Any:
        header = json.loads(text)
        change(header)
        return parts(reason, rfc8785.dumps(header))

    yield parts("no entries", text, b"")
    yield parts("an entry that is a byte short", text, data[:-1])
    yield parts("an entry that is a byte long", text, data + b"\0")
    yield parts("an entry more than its header says", text, data * 2)
    yield parts("a header of two chunks", text, data, 2048)
    yield parts("a space before the header", b" " + text)
    yield parts("an entry count with a fraction", text.replace(b"[1,256]", b"[1.0,256]"))
    yield parts("not JSON", b"safetensors")
    yield parts("an empty object", b"{}")
    yield changed("no metadata", lambda h: h.pop("__metadata__"))
    yield changed("a metadata key too many", lambda h: h["__metadata__"].update(note="x"))
    yield changed("another kind", lambda h: h["__metadata__"].update(kind="report"))
    yield changed("a round with a sign", lambda h: h["__metadata__"].update(round="+3"))
    yield changed("a round of 2^32", lambda h: h["__metadata__"].update(round=str(2**32)))
    yield changed("a task of 63 digits", lambda h: h["__metadata__"].update(task="a" * 63))
    for name in sorted(ref.list_metadata(_TASK, ROUND)):
        yield changed(f"no {name}", lambda h, name=name: h["__metadata__"].pop(name))
    yield changed("another type", lambda h: h["entries"].update(dtype="I8"))
    yield changed("another shape", lambda h: h["entries"].update(shape=[256]))
    yield changed("a tensor of another name", lambda h: h.update(updates=h.pop("entries")))


def _make_entries() -> Iterator[dict[str, Any]]:
    """Yield entries in hexadecimal, and whether they are genuine."""
    key, address = key_of(0)
    usual = sign(key, _update(0))

    def entry(name: str, is_genuine: bool, who: str = address, **signed: Any) -> Any:
        data = ref.list_entry(who, usual | signed)
        return {"name": name, "is_genuine": is_genuine, "entry": data.hex()}

    def patched(name: str, at_byte: int, byte: int) -> Any:
        data = bytearray(ref.list_entry(address, usual))
        data[at_byte] = byte
        return {"name": name, "is_genuine": False, "entry": data.hex()}

    yield entry("a genuine one", True)
    yield entry("the largest weight", True, **sign(key, _update(0, weight=MAX_WEIGHT)))
    yield entry("a weight above it", False, **sign(key, _update(0, weight=MAX_WEIGHT + 1)))
    yield entry("no weight", False, **sign(key, _update(0, weight=0)))
    yield entry("no digest", False, **sign(key, _update(0, digest="00" * 32)))
    yield entry("no CID digest", False, **sign(key, _update(0, cid_digest="00" * 32)))
    yield entry("of somebody else", False, who=key_of(1)[1])
    yield entry("signed by somebody else", False, **sign(key_of(1)[0], _update(0)))
    yield entry("for another round", False, **sign(key, _update(0), round=4))
    yield entry("for another ledger", False, **sign(key, _update(0), ledger="0x" + "1f" * 20))
    yield entry("on another chain", False, **sign(key, _update(0), chain_id=1))
    yield entry("of another update", False, digest=WORDS[9])
    yield entry("with another weight", False, weight=11)
    s = int(usual["vs"], 16) & (2**255 - 1)
    parity = 1 - (int(usual["vs"], 16) >> 255)
    other = (_ORDER - s) & (2**255 - 1) | parity << 255
    yield entry("the other form of its signature", False, vs=f"{other:064x}")
    yield entry("no signature", False, r="00" * 32, vs="00" * 32)
    yield patched("a byte before the participant", 11, 1)
    yield patched("a weight of 2^32 and more", 3 * 32 + 27, 1)
    yield patched("something in the first word of padding", 6 * 32, 1)
    yield patched("something in the last byte", 255, 1)


def listed(seconds: int, first: int, count: int, **changes: Any) -> Record:
    """Return the record of a list."""
    values = {"round": 1, "aggregator": AGGREGATOR, "first": first, "count": count}
    values |= {"digest": WORDS[11], "cid_digest": WORDS[12]}
    return at(seconds, "UpdatesListed", **(values | changes))


_OPEN = [
    _CREATED,
    *CREATED[1:],
    opened(0, 1, 0),
    *(admitted(1, who) for who in (ALICE, BOB)),
    *(deposited(1, who) for who in (AGGREGATOR, SECOND)),
]
_LISTED = [*_OPEN, listed(2, 0, 3)]
_PROPOSED = [*_LISTED, proposed(101)]
_SUCCEEDED = {"participant": ALICE, "successor": CAROL}

_ACCEPTED: list[tuple[str, list[Record]]] = [
    ("a list in the last second for it", [*_OPEN, listed(LIST_SECONDS, 0, 1)]),
    ("a list of each aggregator", [*_LISTED, listed(3, 3, 1, aggregator=SECOND)]),
    ("an update behind a list, and a list behind it", [*_LISTED, submitted(3, 3, ALICE)]),
    (
        "more updates than the target, and still no end",
        [*_LISTED, submitted(3, 3, ALICE), submitted(100, 4, BOB), proposed(101)],
    ),
    ("a proposal when the time is over", _PROPOSED),
    (
        "a list of the next round",
        [*_PROPOSED, finalized(121), opened(121, 2, 1), listed(122, 0, 2, round=2)],
    ),
    ("as many participants as the target", [*_OPEN, admitted(2, CAROL)]),
    (
        "somebody removed while they list",
        [*_LISTED, at(3, "ParticipantRemoved", participant=ALICE), admitted(3, CAROL)],
    ),
    ("a successor while they list", [*_LISTED, at(3, "ParticipantSucceeded", **_SUCCEEDED)]),
    ("somebody admitted in an expired round", [*_OPEN, admitted(101, CAROL)]),
    (
        "somebody admitted when the model is final",
        [*_PROPOSED, finalized(121), opened(121, 2, 1), admitted(121, CAROL)],
    ),
    ("too few updates in lists and records", [*_OPEN, aborted(101), opened(101, 2, 0)]),
]

_REFUSED: list[tuple[str, str, list[Record]]] = [
    ("ListsOver", "a list a second late", [*_OPEN, listed(LIST_SECONDS + 1, 0, 1)]),
    (
        "UnexpectedPhase",
        "a list after collection",
        [*_OPEN, submitted(2, 0, BOB), listed(101, 1, 1)],
    ),
    ("UnexpectedRound", "a list of the next round", [*_OPEN, listed(2, 0, 1, round=2)]),
    ("NotAggregator", "a list of a participant", [*_OPEN, listed(2, 0, 1, aggregator=ALICE)]),
    ("BondTooLow", "a list without a bond", [*_OPEN, listed(2, 0, 1, aggregator=THIRD)]),
    ("AlreadyListed", "a second list", [*_LISTED, listed(3, 3, 1)]),
    ("ParameterOutOfRange", "a list of nothing", [*_OPEN, listed(2, 0, 0)]),
    ("ParameterOutOfRange", "a list of more than the target", [*_OPEN, listed(2, 0, 4)]),
    ("UnexpectedSequence", "a list that leaves a gap", [*_OPEN, listed(2, 1, 1)]),
    (
        "UnexpectedSequence",
        "a list over another",
        [*_LISTED, listed(3, 2, 1, aggregator=SECOND)],
    ),
    ("UnexpectedSequence", "an update within a list", [*_LISTED, submitted(3, 2, ALICE)]),
    ("ZeroDigest", "a list without a digest", [*_OPEN, listed(2, 0, 1, digest="00" * 32)]),
    ("ZeroDigest", "a list without a CID", [*_OPEN, listed(2, 0, 1, cid_digest="00" * 32)]),
    ("UnexpectedPhase", "a proposal in the last second", [*_LISTED, proposed(100)]),
    (
        "TooManyParticipants",
        "one participant more than the target",
        [*_OPEN, admitted(2, CAROL), admitted(2, SECOND)],
    ),
    ("AdmissionsFrozen", "somebody admitted too late", [*_LISTED, admitted(101, CAROL)]),
    (
        "AdmissionsFrozen",
        "somebody removed while a model is proposed",
        [*_PROPOSED, at(102, "ParticipantRemoved", participant=ALICE)],
    ),
    (
        "AdmissionsFrozen",
        "a successor while a model is proposed",
        [*_PROPOSED, at(102, "ParticipantSucceeded", **_SUCCEEDED)],
    ),
]


def make_replay() -> Any:
    """Return sequences of records with the refusal of the last one, if it is refused."""
    return replay_of(_CREATED, _ACCEPTED, _REFUSED)
