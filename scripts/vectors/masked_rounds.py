"""Vectors of masked rounds: seeds, shares, groups, containers, and a whole round."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import rfc8785

from scripts.vectors.blobs import parts_of
from scripts.vectors.documents import manifest
from scripts.vectors.masked_groups import MaskedGroups
from scripts.vectors.rounds import MAX_ABS, TENSORS, round_case
from tests import reference as ref
from tests import reference_masks as masks
from tests import reference_rules as rules
from tests.reference_masks import Record, Seat

Change = Callable[[dict[str, Any]], object]
"""Takes the entries of a header, to be changed."""

Aggregate = Callable[[list[list[int]], list[int]], tuple[list[int], int]]
"""Takes sums and weights of groups; returns numerators and divisor of the aggregate."""

ROUND, GROUP_SIZE = 3, 3
_SEED = hashlib.sha256(b"seed of the round").digest()
_TASK = "01" * 32
_CHANGES: dict[str, int] = {
    **{"commit_seconds": 30, "unmask_seconds": 40, "sample_rate": 2**32 - 1, "seed_seconds": 30},
    "min_updates": 3,
}


def _name_of(number: int) -> str:
    """Return the address of a member."""
    return "0x" + f"{number:02x}" * 20


# ------------------------------------------------------------------------------ a whole round


class _Round:
    """Round 3 of a task: by the mean in groups of 4, 4, 3 and 3, by the median in four of 3."""

    def __init__(self, is_robust: bool) -> None:
        count = 12 if is_robust else 14
        self.document = manifest() | {"encoding": manifest()["encoding"] | {"max_abs": MAX_ABS}}
        self.document["privacy"] |= {"mode": "masked", "group_size": GROUP_SIZE}
        self.document["rounds"] |= _CHANGES | {"target_updates": count}
        if is_robust:
            self.document |= {"rule": "median", "num_malicious": 1}
            self.document["rounds"]["min_updates"] = 3 * GROUP_SIZE
        self.task = ref.digest(rfc8785.dumps(self.document)).hex()
        self.bits = masks.ring_bits_of(GROUP_SIZE, self.document["rounds"]["max_weight"], MAX_ABS)
        self.members = [_name_of(number) for number in range(1, count + 1)]
        self.groups = MaskedGroups(self.task, ROUND, _SEED, self.members, GROUP_SIZE)
        self.silent = self._at(2, 2)
        """Tells nothing, so that its group is left out."""
        self.late = self.unpaired = self.liar = self.careless = ""
        self.left_out = [2]
        """Groups."""
        if not is_robust:
            self.late = self._at(0, 3)  # shares and does not enter
            self.unpaired = self._at(1, 3)  # two others cannot read its bundle
            self.liar = self._at(1, 2)  # what it pins as a reveal is none, and is not needed
            self.careless = self._at(3, 1)  # its update is none, so that its group is left out
            self.left_out = [2, 3]
        self.base_values = [0, 1000, -1000, 2**31 - 1, -(2**31), 5, -5, 123456789]
        self.base = ref.blob(ref.model_metadata(self.task), TENSORS, self.base_values)

    def _at(self, group: int, position: int) -> str:
        return self.groups.groups[group][position]

    def lanes(self, who: str) -> list[int]:
        index = self.members.index(who)
        lanes = [(7919 * index + 10729 * lane) % (2 * MAX_ABS + 1) - MAX_ABS for lane in range(6)]
        return [*lanes, MAX_ABS, -MAX_ABS]

    def weight(self, who: str) -> int:
        return 1000 - 7 * self.members.index(who)

    def weighted(self, who: str) -> list[int]:
        return [self.weight(who) * lane for lane in self.lanes(who)]

    def apart(self, who: str) -> list[int]:
        return [3] if self.unpaired and who in self.groups.groups[1][:2] else []

    def bundles(self) -> Iterator[dict[str, Any]]:
        """Yield what everybody shares."""
        for who in self.members:
            header, data = self.groups.share(who)
            if who == self.unpaired:  # to positions 0 and 1 it has nothing to say
                begin = len(data) - 3 * (1136 + 32)
                data = data[:begin] + bytes(2 * (1136 + 32)) + data[begin + 2 * (1136 + 32) :]
            yield {
                "participant": who,
                **_describe_secrets(self.groups, who),
                "bundle": masks.framed(header, data).hex(),
            }

    def updates(self) -> Iterator[dict[str, Any]]:
        """Yield what all but one submit."""
        for sequence, who in enumerate(who for who in self.members if who != self.late):
            apart = self.apart(who)
            lanes = self.groups.enter(who, self.weighted(who), self.bits, apart)
            said = ref.update_metadata(self.task, ROUND, ref.digest(self.base).hex(), who)
            blob = masks.masked_update(said, TENSORS, lanes, self.bits)
            blob = blob[:-1] if who == self.careless else blob
            yield {
                "sequence": sequence,
                "participant": who,
                "weight": self.weight(who),
                "apart": sum(2**position for position in apart),
                "digest": ref.digest(blob).hex(),
                "blob": blob.hex(),
                "outcome": self.outcome(who),
                "lanes": self.lanes(who),
            }

    def outcome(self, who: str) -> str:
        if who in (self.unpaired, self.careless):
            return "unpaired" if who == self.unpaired else "malformed"
        is_left_out = self.groups.seats[who].group in self.left_out
        return "group_left_out" if is_left_out else "included"

    def reveals(self) -> Iterator[dict[str, Any]]:
        """Yield what all of them tell but one."""
        for who in self.groups.entered:
            if who != self.silent:
                content = masks.framed(*self.groups.reveal(who))
                content = content[:-1] if who == self.liar else content
                is_one = who != self.liar
                yield {"participant": who, "is_reveal": is_one, "reveal": content.hex()}

    def describe_groups(self, included: list[str]) -> Iterator[dict[str, Any]]:
        """Yield what is on record of each group, what is asked for, and its sum."""
        for number, members in enumerate(self.groups.groups):
            record = self.groups.record(number)
            paid = [who for who in members if who in included]
            total = ref.weighted_sum([self.lanes(w) for w in paid], [self.weight(w) for w in paid])
            yield {
                "group": number,
                "members": members,
                **_describe(record),
                "sum": total if paid else None,
                "total_weight": sum(self.weight(who) for who in paid),
            }


def make_masked_aggregate() -> Any:
    """Return a round of a task with masked updates, from share bundles to the model."""

    def take_mean(sums: list[list[int]], weights: list[int]) -> tuple[list[int], int]:
        return ref.weighted_sum(sums, [1] * len(sums)), sum(weights)

    return _round_case(_Round(is_robust=False), take_mean)


def make_masked_robust_aggregate() -> Any:
    """Return a round in which each group counts as one update, of which a median is taken."""

    def take_median(sums: list[list[int]], weights: list[int]) -> tuple[list[int], int]:
        pairs = zip(sums, weights, strict=True)
        return rules.median([[ref.div_rhe(s, weight) for s in one] for one, weight in pairs], 1)

    return _round_case(_Round(is_robust=True), take_median)


def _round_case(made: _Round, aggregate: Aggregate) -> dict[str, Any]:
    bundles, updates, reveals = list(made.bundles()), list(made.updates()), list(made.reveals())
    valid = [entry for entry in updates if entry["outcome"] == "included"]
    groups = list(made.describe_groups([entry["participant"] for entry in valid]))
    paid = [entry for entry in groups if entry["sum"] is not None]
    tops, divisor = aggregate([e["sum"] for e in paid], [e["total_weight"] for e in paid])
    pairs = zip(made.base_values, tops, strict=True)
    values = [ref.next_value(value, top, 9, divisor) for value, top in pairs]
    model = ref.blob(ref.model_metadata(made.task), TENSORS, values)
    base, digest = ref.digest(made.base).hex(), ref.digest(model).hex()
    statuses = [ref.STATUS[entry["outcome"]] for entry in updates]
    total_weight = sum(entry["weight"] for entry in valid)
    report = ref.report(ref.report_metadata(made.task, ROUND, base, digest, total_weight), statuses)
    case = round_case(made.document, made.base, updates, (model, values), report)
    return case | {
        "seed": _SEED.hex(),
        "members": made.members,
        "ring_bits": made.bits,
        "bundles": bundles,
        "reveals": reveals,
        "groups": groups,
    }


def _describe(record: Record) -> dict[str, Any]:
    """Describe what is on record of a group, and what follows."""
    return {
        "sharers": sorted(record.sharers),
        "entered": [
            {"position": position, "apart": sorted(record.entered[position])}
            for position in sorted(record.entered)
        ],
        "survivors": masks.survivors(record),
        "questions": [
            {"low": low, "high": high, "carrier": carrier}
            for (low, high), carrier in masks.questions(record).items()
        ],
    }


# ------------------------------------------------------------------------ what it is made of


def make_masks() -> Any:
    """Return masks, shares, what shares tell, groups and survivors."""
    return {
        "masks": [
            _mask(bytes(range(32)), 0, 0, 32, 3),
            _mask(bytes(range(32)), 0, 1, 32, 3),
            _mask(bytes(range(32)), 0, 1, 16, 3),
            _mask(bytes(32), 62, 126, 16, 33),
            _mask(b"\xff" * 32, 126, 126, 32, 17),
        ],
        "shares": [_shares(size) for size in (3, 4, 5, 16)],
        "dealings": list(_dealings(5)),
        "groups": [
            _groups(count, size)
            for count, size in ((0, 3), (1, 3), (5, 3), (6, 3), (10, 3), (11, 4), (13, 64))
        ],
        "records": [{"size": record.size, **_describe(record)} for record in _records()],
    }


def _mask(seed: bytes, low: int, high: int, ring_bits: int, count: int) -> dict[str, Any]:
    where = Seat(_TASK, 2, 3, _name_of(1), 4, low)
    label = where.place + bytes([low, high])
    return {
        "task": _TASK,
        "round": where.round,
        "group": where.group,
        "seed": seed.hex(),
        "low": low,
        "high": high,
        "ring_bits": ring_bits,
        "lanes": masks.mask(seed, label, count, ring_bits),
    }


def _shares(size: int) -> dict[str, Any]:
    needed = masks.threshold(size)
    secret = hashlib.sha256(f"secret of {size}".encode()).digest()
    drawn = hashlib.shake_256(f"coefficients of {size}".encode()).digest(32 * (needed - 1))
    return {
        "secret": secret.hex(),
        "coefficients": [drawn[at : at + 32].hex() for at in range(0, len(drawn), 32)],
        "threshold": needed,
        "shares": [masks.share(secret, drawn, position).hex() for position in range(size)],
    }


def _dealings(size: int) -> Iterator[dict[str, Any]]:
    """Yield what the last member of a group commits to, shares told, and the seed they tell."""
    dealt = _shares(size)
    needed, secret = dealt["threshold"], bytes.fromhex(dealt["secret"])
    honest = [secret, *map(bytes.fromhex, dealt["shares"])]
    lie = hashlib.sha256(b"lie").digest()
    lowest, highest = range(needed), range(size - needed, size)
    for reason, liar, told, is_known in (
        ("the lowest positions tell", None, lowest, True),
        ("the highest positions tell", None, highest, True),
        ("all tell", None, range(size), True),
        ("a false share of which nobody has told", 1 + size - 1, lowest, False),
        ("a false share that is told", 1, lowest, False),
        ("a false share that is told beyond the threshold", 1 + size - 1, range(size), False),
        ("another seed than the one committed to", 0, lowest, False),
    ):
        values = [lie if column == liar else value for column, value in enumerate(honest)]
        yield {
            "reason": reason,
            "size": size,
            "commitments": [hashlib.sha256(value).hexdigest() for value in values],
            "shares": [{"position": i, "share": values[1 + i].hex()} for i in told],
            "seed": secret.hex() if is_known else None,
        }


def _groups(count: int, group_size: int) -> dict[str, Any]:
    members = [_name_of(number) for number in range(1, count + 1)]
    return {
        "seed": _SEED.hex(),
        "members": members,
        "group_size": group_size,
        "groups": masks.draw(_SEED, members, group_size),
    }


def _records() -> Iterator[Record]:
    """Yield groups in which members drop out, or are apart."""
    everybody = range(4)
    yield Record(4, everybody, {i: [] for i in everybody})
    yield Record(4, everybody, {i: [] for i in (0, 1, 3)})
    yield Record(4, [0, 1, 3], {i: [] for i in (0, 1, 3)})
    yield Record(4, [0, 1, 2], {i: [] for i in everybody})  # 3 enters and has not shared
    yield Record(4, everybody, {0: [], 3: []})
    yield Record(4, everybody, {0: [3], 1: [3], 2: [], 3: []})
    yield Record(4, everybody, {0: [], 1: [], 2: [], 3: [0, 1]})
    yield Record(4, everybody, {0: [1], 1: [2], 2: [3], 3: [0]})
    yield Record(4, everybody, {0: [0, 5], 1: [], 2: [3]})
    yield Record(3, range(3), {0: [], 1: [], 2: []})
    yield Record(3, range(3), {0: [1], 1: [], 2: []})
    yield Record(2, range(2), {0: [], 1: []})
    yield Record(5, range(5), {0: [], 1: [0], 2: [], 3: [], 4: []})
    yield Record(5, range(5), {0: [4], 1: [4], 2: [], 3: [], 4: []})


# ------------------------------------------------------------------------------- containers


def make_bundles() -> Any:
    """Return share bundles with their parts, and bytes that are none."""
    groups, _ = _small_group(3)
    members = groups.groups[0]
    cases = [_bundle_case(groups, who) for who in members]
    header, data = groups.bundle(members[2])
    refused = list(_refuse(header, data, "commitments", "messages"))
    for reason, texts in (
        ("another size of the group", {"size": "4"}),
        ("another position", {"position": "1"}),
    ):
        refused.append(_changed(reason, header, data, _saying(**texts)))
    return {"cases": cases, "refused": refused}


def make_reveals() -> Any:
    """Return reveals with their parts, and bytes that are none."""
    groups, members = _small_group(4)
    for who in members:
        groups.share(who)
    for who in members[:3]:
        groups.enter(who, [0], 32)
    cases = [_reveal_case(groups, who) for who in members[:3]]
    seat, items = groups.seats[members[0]], groups.tell(members[0])
    header, data = groups.reveal(members[0])
    rows = [data[at : at + 35] for at in range(0, len(data), 35)]
    refused = list(_refuse(header, data, "items"))
    refused += _refuse_members(header, data)
    count = len(items)
    for reason, other in (
        ("items in another order", b"".join(reversed(rows))),
        ("an item twice", rows[0] + rows[0] + b"".join(rows[2:])),
        ("a low position above the high one", bytes([1, 0]) + data[2:]),
        ("a position outside of the group", data[:-35] + bytes([3, 4]) + rows[-1][2:]),
        ("neither share nor seed", data[:2] + b"\2" + data[3:]),
    ):
        refused.append(_refused(reason, masks.reveal_header(seat, count), other))
    refused.append(_refused("nothing told", masks.reveal_header(seat, 0), b""))
    more = {(low, high): items[0, 0] for low in range(4) for high in range(low, 4)}
    whole = masks.reveal_items(more)
    many = masks.reveal_header(seat, len(more) + 1)
    refused.append(_refused("more items than the group has seeds", many, whole + whole[-35:]))
    return {"cases": cases, "refused": refused}


def _small_group(size: int) -> tuple[MaskedGroups, list[str]]:
    members = [_name_of(number) for number in range(1, size + 1)]
    return MaskedGroups(_TASK, 2, _SEED, members, size), members


def _bundle_case(groups: MaskedGroups, who: str) -> dict[str, Any]:
    header, data = groups.share(who)
    parts = ref.blob_parts(header, data, 1024)
    return {
        **_describe_seat(groups.seats[who]),
        **_describe_secrets(groups, who),
        "parts": parts_of(*parts),
        "bytes": len(ref.join_parts(*parts)),
    }


def _reveal_case(groups: MaskedGroups, who: str) -> dict[str, Any]:
    header, data = groups.reveal(who)
    items = [
        {"low": low, "high": high, "is_seed": is_seed, "value": value.hex()}
        for (low, high), (is_seed, value) in sorted(groups.tell(who).items())
    ]
    parts = parts_of(*ref.blob_parts(header, data, 1024))
    return {**_describe_seat(groups.seats[who]), "items": items, "parts": parts}


def _describe_secrets(groups: MaskedGroups, who: str) -> dict[str, Any]:
    return {
        "secret": groups.key_of(who).secret.hex(),
        "seeds": [seed.hex() for seed in groups.seeds_of(who)],
        "own_shares": [share.hex() for share in groups.own_shares_of(who)],
    }


def _describe_seat(seat: Seat) -> dict[str, Any]:
    return {
        "task": seat.task,
        "round": seat.round,
        "group": seat.group,
        "participant": seat.participant,
        "size": seat.size,
        "position": seat.position,
    }


def _refused(reason: str, header: bytes, data: bytes, size: int = 1024) -> dict[str, Any]:
    return {"reason": reason, "parts": parts_of(*ref.blob_parts(header, data, size))}


def _changed(reason: str, header: bytes, data: bytes, change: Change) -> dict[str, Any]:
    entries = json.loads(header)
    change(entries)
    return _refused(reason, rfc8785.dumps(entries), data)


def _saying(**texts: Any) -> Change:
    return lambda entries: entries["__metadata__"].update(texts)


def _lacking(key: str) -> Change:
    return lambda entries: entries["__metadata__"].pop(key)


def _retype(name: str, entries: dict[str, Any]) -> None:
    entries[name]["dtype"] = "I8"


def _drop(name: str, entries: dict[str, Any]) -> None:
    del entries[name]


def _refuse(header: bytes, data: bytes, *tensors: str) -> Iterator[dict[str, Any]]:
    """Yield what is wrong with the frame of any container."""

    def changed(reason: str, change: Change) -> dict[str, Any]:
        return _changed(reason, header, data, change)

    yield _refused("a byte short", header, data[:-1])
    yield _refused("a byte long", header, data + b"\0")
    yield _refused("no data", header, b"")
    yield _refused("a header of two chunks", header, data, 2048)
    yield _refused("a space before the header", b" " + header, data)
    yield changed("no metadata", lambda entries: entries.pop("__metadata__"))
    yield changed("another kind", _saying(kind="update"))
    yield changed("a tensor too many", lambda entries: entries.update(x=entries[tensors[0]]))
    for name in tensors:
        yield changed(f"{name} of another type", partial(_retype, name))
        yield changed(f"no {name}", partial(_drop, name))


def _refuse_members(header: bytes, data: bytes) -> Iterator[dict[str, Any]]:
    """Yield containers whose header names nobody who could be a member."""
    yield _refused("not JSON", b"safetensors", data)
    yield _refused("an empty object", b"{}", data)
    for reason, texts in (
        ("a metadata key too many", {"note": "x"}),
        ("another format", {"format": "fl_chain/2"}),
        ("a task of 63 digits", {"task": "a" * 63}),
        ("a round of 2^32", {"round": str(2**32)}),
        ("a group with a sign", {"group": "+0"}),
        ("a position with a zero before it", {"position": "00"}),
        ("a position outside of the group", {"position": "4"}),
        ("a group of 2", {"size": "2"}),
        ("a group of 128", {"size": "128"}),
        ("an address in capitals", {"participant": "0x" + "AB" * 20}),
    ):
        yield _changed(reason, header, data, _saying(**texts))
    yield _changed("a position that is a number", header, data, _saying(position=0))
    for key in sorted(json.loads(header)["__metadata__"]):
        yield _changed(f"no {key}", header, data, _lacking(key))


MAKERS: dict[str, Callable[[], Any]] = {
    "aggregate/masked_round.json": make_masked_aggregate,
    "aggregate/masked_robust_round.json": make_masked_robust_aggregate,
    "masks/masks.json": make_masks,
    "masks/bundles.json": make_bundles,
    "masks/reveals.json": make_reveals,
}
