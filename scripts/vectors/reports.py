"""Vectors of round reports: canonical ones, and ones that each break one rule."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import rfc8785

from scripts.vectors.blobs import parts_of
from scripts.vectors.measurements import TOTAL_LIMIT, TOTALS
from tests import reference as ref

TASK, BASE, MODEL = "ab" * 32, "cd" * 32, "ef" * 32
STATUSES = [0, 1, 2, 0, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11]


_RAW = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"
_DAG = "bafybeib3aguc7zvmz7k4ktw7sozxgjjmzvnmtanrcxpumtpgujzplqlvmm"
_REWARDS = [("0x" + "0a" * 20, 5), ("0x" + "00" * 20, 0), ("0x" + "0c" * 20, 2**40)]


def make_report() -> Any:
    """Return reports with their parts and digests, and bytes that are none."""
    return {
        "reasons": ["included", *ref.REASONS],
        "cases": [
            _case("every status", STATUSES),
            _case("one update", [0], round_number=3, total_weight=1),
            _case("nothing included", [6, 1], total_weight=0),
            _case("the largest numbers", [0, 0], round_number=2**32 - 1, total_weight=2**53 - 1),
            _case("round 0", [0], round_number=0),
            _case("several chunks of updates", [i % 14 for i in range(2500)]),
            _case("totals of measurements", STATUSES, totals=TOTALS),
            _case("rewards", [0, 4, 0], rewards=_REWARDS),
            _case(
                "the largest rewards", [0] * 1024, rewards=[("0x" + "ff" * 20, 2**96 - 1)] * 1024
            ),
            _case("rewards of a chunk of updates and one", [0] * 1025, rewards=_REWARDS[:1] * 1025),
            _case("a difference of one block", [0], difference=_RAW),
            _case("a difference of several blocks", [0] * 2500, totals=TOTALS, difference=_DAG),
            _case("totals of nothing included", [6, 1], total_weight=0, totals=_NOTHING),
            _case(
                "the largest totals",
                [0] * 2500,
                round_number=2**32 - 1,
                total_weight=2**53 - 1,
                totals=dict.fromkeys(TOTALS, TOTAL_LIMIT - 1),
            ),
        ],
        "refused": list(make_refused_reports()),
    }


def _case(
    name: str,
    statuses: list[int],
    round_number: int = 3,
    total_weight: int = 1001,
    totals: dict[str, int] | None = None,
    rewards: list[tuple[str, int]] | None = None,
    difference: str | None = None,
) -> dict[str, Any]:
    metadata = ref.report_metadata(TASK, round_number, BASE, MODEL, total_weight, totals)
    metadata |= {"difference": difference} if difference else {}
    header = rfc8785.dumps(ref.report_header(metadata, len(statuses), rewards is not None))
    data = ref.report_data(statuses, rewards)
    parts = ref.blob_parts(header, data, ref.REPORT_HEADER_BYTES)
    return {
        "name": name,
        "report": {
            "task": TASK,
            "round": round_number,
            "base_model": BASE,
            "model": MODEL,
            "total_weight": total_weight,
            "statuses": statuses,
            **({"totals": totals} if totals else {}),
            **({"difference": difference} if difference else {}),
            **({"rewards": [list(reward) for reward in rewards]} if rewards else {}),
        },
        "parts": parts_of(*parts),
        "bytes": len(ref.join_parts(*parts)),
        "digest": ref.digest(ref.join_parts(*parts)).hex(),
    }


def _refused_rewards() -> Iterator[Any]:
    metadata = ref.report_metadata(TASK, 3, BASE, MODEL, 1001)
    good, data = ref.report_header(metadata, 3, True), ref.report_data([0, 4, 0], _REWARDS)

    def case(reason: str, header: dict[str, Any], payload: bytes) -> Any:
        return {
            "reason": reason,
            "parts": parts_of(*ref.blob_parts(rfc8785.dumps(header), payload, 1024)),
        }

    def resized(size: int) -> dict[str, Any]:
        tensor = {"data_offsets": [3, 3 + size], "dtype": "U8", "shape": [size]}
        return {**good, "~reward": tensor}

    size = len(data) - 3
    yield case("rewards behind something else than zeros", good, data[:3] + b"\1" + data[4:])
    yield case("a reward too few", resized(size - 32), data[:-32])
    yield case("a reward too many", resized(size + 32), data + bytes(32))
    yield case("half a reward too few", resized(size - 16), data[:-16])
    yield case("rewards that begin at once", resized(96), data[:3] + data[1024:])
    yield case("rewards that the header does not name", ref.report_header(metadata, 3), data)
    yield case("rewards that are not there", good, data[:3])
    yield case("statuses without a shape", {**good, "status": {}}, data)


def make_refused_reports() -> Iterator[dict[str, Any]]:
    """Yield bytes that no encoder writes, with the reason."""
    good = ref.report_header(ref.report_metadata(TASK, 3, BASE, MODEL, 1001), len(STATUSES))
    data = bytes(STATUSES)
    text = rfc8785.dumps(good)
    pad = 1016 - len(text)

    def parts(reason: str, header: bytes, payload: bytes = data, size: int = 1024) -> Any:
        return {"reason": reason, "parts": parts_of(*ref.blob_parts(header, payload, size))}

    def raw(reason: str, prefix: int, padding: int, payload: bytes = data) -> Any:
        length = prefix.to_bytes(8, "little")
        return {"reason": reason, "parts": parts_of(length, text, padding, payload)}

    def changed(
        reason: str, change: Callable[[dict[str, Any]], object], payload: bytes = data
    ) -> Any:
        header = json.loads(text)
        change(header)
        return parts(reason, rfc8785.dumps(header), payload)

    for status in (14, 15, 128, 255):
        yield parts(f"a status of {status}", text, data[:-1] + bytes([status]))
    yield parts("a status too few", text, data[:-1])
    yield parts("a status too many", text, data + b"\0")
    yield parts("no statuses at all", text, b"")
    empty = {"data_offsets": [0, 0], "dtype": "U8", "shape": [0]}
    yield changed("a report about no updates", lambda h: h.update(status=empty), b"")
    yield parts("a header of two chunks", text, data, 2048)
    yield raw("a header length of zero", 0, pad)
    yield raw("a header length of 2^64 - 1", 2**64 - 1, pad)
    yield raw("a header length one short", 1015, pad)
    yield raw("a header that ends off the chunk border", 1015, pad - 1, data + b"\0")
    yield raw("a header without padding", len(text), 0, data + bytes(1000))
    yield parts("a space before the header", b" " + text)
    yield parts("a space within the header", text.replace(b":", b": ", 1))
    yield parts("padding by line feeds", text + b"\n" * pad)
    yield parts("padding by zero bytes", text + b"\0" * pad)
    yield from _refused_rewards()
    metadata, status = text[1:-1].split(b',"status":')
    yield parts("unsorted keys", b'{"status":' + status + b"," + metadata + b"}")
    yield parts("a repeated key", text[:-1] + b',"status":' + status + b"}")
    yield parts("a number with a fraction", text.replace(b'"shape":[14]', b'"shape":[14.0]'))
    yield parts("an escaped letter", text.replace(b'"status"', b'"st\\u0061tus"'))
    yield parts("not JSON", b"safetensors")
    yield parts("a JSON array", b"[]")
    yield parts("a JSON string", b'"report"')
    yield parts("an empty object", b"{}")
    yield changed("no metadata", lambda h: h.pop("__metadata__"))
    yield changed("metadata that is a string", lambda h: h.update(__metadata__="report"))
    yield changed("metadata that is an array", lambda h: h.update(__metadata__=[]))
    yield changed("a metadata key too many", lambda h: h["__metadata__"].update(note="x"))
    for key in sorted(good["__metadata__"]):
        yield changed(f"no {key}", lambda h, key=key: h["__metadata__"].pop(key))
        yield changed(f"{key} is a number", lambda h, key=key: h["__metadata__"].update({key: 1}))
        yield changed(f"{key} is a list", lambda h, key=key: h["__metadata__"].update({key: ["1"]}))
    for reason, key, value in _METADATA:
        yield changed(reason, lambda h, k=key, v=value: h["__metadata__"].update({k: v}))
    for reason, change in _TENSORS:
        yield changed(f"{reason} (tensor status)", lambda h, c=change: h["status"].update(c))
    for key in ("data_offsets", "dtype", "shape"):
        yield changed(f"no {key}", lambda h, key=key: h["status"].pop(key))
    yield changed("no tensor", lambda h: h.pop("status"))
    yield changed("a tensor that is a list", lambda h: h.update(status=[]))
    yield changed("a tensor of another name", lambda h: h.update(statuses=h.pop("status")))
    for key in TOTALS:
        said = {k: str(value) for k, value in TOTALS.items() if k != key}
        yield changed(f"totals without {key}", lambda h, s=said: h["__metadata__"].update(s))
        for value in ("-1", "", "1.5", "007", str(TOTAL_LIMIT)):
            lied = {k: str(v) for k, v in TOTALS.items()} | {key: value}
            change = f"a total of {key} that is {value!r}"
            yield changed(change, lambda h, s=lied: h["__metadata__"].update(s))
    second = {"data_offsets": [9, 10], "dtype": "U8", "shape": [1]}
    yield changed("a second tensor", lambda h: h.update(why=second), data + b"\0")


_NOTHING = dict.fromkeys(TOTALS, 0)
_METADATA: list[tuple[str, str, str]] = [
    ("another format version", "format", "fl_chain/2"),
    ("the kind of a manifest", "kind", "manifest"),
    ("the kind of a model", "kind", "model"),
    ("a round with a leading zero", "round", "03"),
    ("a round with a sign", "round", "-3"),
    ("an empty round", "round", ""),
    ("a round in other digits", "round", "٣"),
    ("a round of 2^32", "round", str(2**32)),
    ("a total weight with a leading zero", "total_weight", "01001"),
    ("a negative total weight", "total_weight", "-1"),
    ("a total weight with a plus sign", "total_weight", "+1001"),
    ("a total weight with a fraction", "total_weight", "1001.0"),
    ("an empty total weight", "total_weight", ""),
    ("a total weight of 2^53", "total_weight", str(2**53)),
    ("a total weight of 500 digits", "total_weight", "1" * 500),
    ("a task in upper case", "task", "AB" * 32),
    ("a base model with a prefix", "base_model", "0x" + "cd" * 31),
    ("a model of 63 digits", "model", "e" * 63),
    ("a difference without a CID", "difference", ""),
    ("a difference by a digest", "difference", "ab" * 32),
    ("a difference by a CID in upper case", "difference", _RAW.upper()),
    ("a difference by a CID of version 0", "difference", "Qm" + "a" * 44),
]
_TENSORS: list[tuple[str, dict[str, Any]]] = [
    ("signed bytes", {"dtype": "I8"}),
    ("truth values", {"dtype": "BOOL"}),
    ("a dtype that is a number", {"dtype": 8}),
    ("two dimensions", {"shape": [3, 3]}),
    ("no dimensions", {"shape": []}),
    ("a shape that does not fit", {"shape": [8]}),
    ("a shape that is true", {"shape": [True]}),
    ("a shape that is a number", {"shape": 9}),
    ("a hole before the data", {"data_offsets": [1, 10]}),
    ("offsets that do not fit the shape", {"data_offsets": [0, 8]}),
    ("a key too many", {"stride": [1]}),
]
