"""Vectors of the digest and of canonical JSON."""

from __future__ import annotations

import json
from typing import Any

import rfc8785

from tests import reference as ref


def digest_content(length: int) -> bytes:
    """Return the content that the digest vectors name by its length."""
    return bytes((7 * i + i // 251) % 256 for i in range(length))


def make_digest() -> Any:
    """Return lengths around every border of a chunk and of a power of two of chunks."""
    lengths = [0, 1, 2, 1023, 1024, 1025, 2047, 2048, 2049, 3072, 4096, 4097, 5 * 1024 + 7]
    lengths += [7 * 1024, 8 * 1024, 8 * 1024 + 1, 100_000]
    return {
        "content": "byte i of the content is (7 i + floor(i / 251)) mod 256",
        "cases": [
            {"length": length, "digest": ref.digest(digest_content(length)).hex()}
            for length in lengths
        ],
    }


def make_canonical_json() -> Any:
    """Return values with their one encoding, and texts that must be refused."""
    values: dict[str, Any] = {
        "an empty object": {},
        "an empty array": [],
        "an empty string": "",
        "zero": 0,
        "minus one": -1,
        "true": True,
        "the largest integer": 2**53 - 1,
        "the smallest integer": -(2**53) + 1,
        "keys are sorted by code unit, upper case first": {"b": 1, "a": 2, "B": 3, "10": 4, "9": 5},
        "nested values": {"z": [1, [2, {"y": []}], {"x": {"w": False}}], "a": {}},
        "text beyond ASCII is not escaped": {"name": "é ü 漢 🜚"},
        "control characters have the shortest escapes": '\b\t\n\f\r"\\/\x00\x1f\x7f',
    }
    refused = [
        ("a space", '{"a": 1}'),
        ("a trailing line feed", '{"a":1}\n'),
        ("a leading space", ' {"a":1}'),
        ("unsorted keys", '{"b":1,"a":2}'),
        ("a repeated key", '{"a":1,"a":1}'),
        ("a repeated key with another value", '{"a":1,"a":2}'),
        ("a fraction", "1.5"),
        ("an integer spelled as a fraction", "1.0"),
        ("an exponent", "1e2"),
        ("minus zero", "-0"),
        ("a leading zero", "01"),
        ("a plus sign", "+1"),
        ("NaN", "NaN"),
        ("an infinity", "-Infinity"),
        ("null", "null"),
        ("null inside", '{"a":null}'),
        ("an integer of 54 bits", str(2**53)),
        ("a negative integer of 54 bits", str(-(2**53))),
        ("an integer of 5,000 digits", "9" * 5000),
        ("a needless escape", '"\\u0061"'),
        ("an escaped slash", '"\\/"'),
        ("an upper-case escape", '"\\u001F"'),
        ("a long escape where a short one exists", '"\\u000a"'),
        ("a raw control character", '"\n"'),
        ("text beyond ASCII that is escaped", '"\\u00e9"'),
        ("a lone surrogate", '"\\ud800"'),
        ("a key beyond ASCII", '{"é":1}'),
        ("a byte order mark", "\ufeff{}"),
        ("a comment", "{}//"),
        ("a trailing comma", "[1,]"),
        ("single quotes", "{'a':1}"),
        ("two values", "{}{}"),
        ("no value", ""),
        ("an unfinished object", '{"a":1'),
        ("nesting of 17 levels below the top", "[" * 18 + "]" * 18),
        ("nesting of 100,000 levels", "[" * 100_000),
    ]
    refused_bytes = [
        ("a byte that is not UTF-8", b'"\xff"'),
        ("an overlong UTF-8 sequence", b'"\xc0\xaf"'),
        ("a surrogate in UTF-8", b'"\xed\xa0\x80"'),
        ("UTF-16", "{}".encode("utf-16-le")),
    ]
    deepest = "[" * 17 + "]" * 17
    return {
        "cases": [
            {"name": name, "value": value, "hex": rfc8785.dumps(value).hex()}
            for name, value in values.items()
        ]
        + [{"name": "the deepest nesting", "value": json.loads(deepest), "hex": _hex(deepest)}],
        "refused": [{"reason": reason, **_repeated(text)} for reason, text in refused]
        + [
            {"reason": "half a million escaped quotes", "hex": _hex('\\"'), "times": 500_000},
            {"reason": "a million quotes", "hex": _hex('"'), "times": 1_000_000},
        ]
        + [{"reason": reason, "hex": data.hex()} for reason, data in refused_bytes],
    }


def _hex(text: str) -> str:
    return text.encode().hex()


def _repeated(text: str) -> dict[str, Any]:
    """Write long runs of one character as such."""
    if len(text) > 1000 and len(set(text)) == 1:
        return {"hex": _hex(text[0]), "times": len(text)}
    return {"hex": _hex(text)}
