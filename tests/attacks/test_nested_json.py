"""Deeply nested JSON: a parser that recurses too deep kills the process instead of refusing.

Caught by: the nesting check of canonical JSON, and the interpreter's recursion limit, which stays
where it was although a dependency raises it to 100,000 (enough to overflow the C stack).
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.canonical_json import decode_json

BOMBS = [
    b"[" * 10**6,
    b'{"a":' * 10**5,
    b"[" * 10**5 + b"]" * 10**5,
    b'["' + b"\\" * 9 + b"[" * 10**6,
]


@pytest.mark.parametrize(
    "bomb", BOMBS, ids=["arrays", "objects", "closed", "after a broken string"]
)
@pytest.mark.parametrize("limit", [1000, 100_000])
def test_nested_json_is_refused_whatever_the_recursion_limit(bomb: bytes, limit: int) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        with pytest.raises(MalformedBlob):
            decode_json(bomb)
    finally:
        sys.setrecursionlimit(before)


def test_brackets_in_strings_do_not_count() -> None:
    assert decode_json(b'["' + b"[" * 100 + b'\\\\"]') == ["[" * 100 + "\\"]


def test_no_dependency_leaves_the_recursion_limit_raised() -> None:
    script = (
        "import sys; before = sys.getrecursionlimit();"
        "import fl_chain.roles.participant, fl_chain.roles.services, web3;"
        "sys.exit(sys.getrecursionlimit() != before)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
