"""Canonical JSON: RFC 8785 on the subset without fractions.

Objects with ASCII keys, arrays, strings, booleans and integers of at most 53 bits: on these,
RFC 8785 is sorted keys, no white space and the shortest escapes. Two parties who agree on the
values therefore agree on the bytes.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from fl_chain.errors import MalformedBlob

JsonValue = Any
"""``dict``, ``list``, ``str``, ``bool`` or ``int``, nested."""

MAX_INTEGER = 2**53 - 1
_MAX_DEPTH = 16
_QUOTE = ord('"')
# A string, finished or not, or a bracket. Possessive, and no quote ever fails to match: an
# expression that gave up on one would begin again at the next, in quadratic time.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?|[][{}]', re.DOTALL)


def encode_json(value: JsonValue) -> bytes:
    r"""Return the one encoding of ``value``.

    Raises
    ------
    MalformedBlob
        A float, None, a key that is not ASCII text, an integer above 53 bits, a lone surrogate,
        or deeper nesting than 16.

    Examples
    --------
    >>> encode_json({"b": [1, True], "a": "é"})
    b'{"a":"\xc3\xa9","b":[1,true]}'
    """
    _check(value, 0)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedBlob("canonical JSON has no lone surrogates") from None


def decode_json(data: bytes) -> JsonValue:
    """Return the value whose one encoding is ``data``.

    Raises
    ------
    MalformedBlob
        ``data`` is not JSON, or not in canonical form.
    """
    _check_nesting(data)
    try:
        value = json.loads(data.decode("utf-8"), parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise MalformedBlob("not canonical JSON") from None
    if encode_json(value) != data:
        raise MalformedBlob("JSON, but not in canonical form")
    return value


def _check_nesting(data: bytes) -> None:
    """Refuse deep nesting before parsing: a parser that recurses may overflow the C stack."""
    depth = 0
    for token in _TOKEN.finditer(data):
        first = data[token.start()]
        if first == _QUOTE:
            continue
        depth += 1 if first in b"[{" else -1
        if depth > _MAX_DEPTH + 1:  # the innermost level may be an empty container
            raise MalformedBlob(f"canonical JSON nests at most {_MAX_DEPTH} levels")


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def _check(value: JsonValue, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise MalformedBlob(f"canonical JSON nests at most {_MAX_DEPTH} levels")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise MalformedBlob("keys of canonical JSON are ASCII text")
            _check(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, depth + 1)
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise MalformedBlob("integers of canonical JSON have at most 53 bits")
    elif not isinstance(value, str):
        raise MalformedBlob(f"canonical JSON has no {type(value).__name__}")
