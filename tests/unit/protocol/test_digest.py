"""Digests are those of RFC 6962 over chunks of 1,024 bytes."""

from __future__ import annotations

import hashlib

import pytest

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.digest import compute_digest, parse_digest
from tests import golden

VECTORS = golden.load("digest/digest.json")


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "length"))
def test_the_digest_of_content_of_any_length_is_the_golden_one(case: dict[str, object]) -> None:
    length = case["length"]
    assert isinstance(length, int)
    content = bytes((7 * i + i // 251) % 256 for i in range(length))
    assert compute_digest(content).hex() == case["digest"]
    assert compute_digest(memoryview(content)).hex() == case["digest"]


def test_one_chunk_is_a_leaf_and_two_are_a_node() -> None:
    left, right = b"a" * 1024, b"b"
    leaves = [hashlib.sha256(b"\0" + chunk).digest() for chunk in (left, right)]
    assert compute_digest(left) == leaves[0]
    assert compute_digest(left + right) == hashlib.sha256(b"\1" + b"".join(leaves)).digest()


def test_a_node_never_passes_for_a_leaf() -> None:
    """The two child hashes of a tree, taken as content, have another digest than the tree."""
    leaves = [hashlib.sha256(b"\0" + chunk).digest() for chunk in (b"a" * 1024, b"b")]
    assert compute_digest(b"".join(leaves)) != compute_digest(b"a" * 1024 + b"b")


@pytest.mark.parametrize("length", [0, 1, 1023, 1024, 1025, 3 * 1024])
def test_trailing_zeros_change_the_digest(length: int) -> None:
    assert compute_digest(bytes(length)) != compute_digest(bytes(length + 1))


def test_a_digest_is_written_as_64_digits() -> None:
    assert parse_digest("0f" * 32) == b"\x0f" * 32


@pytest.mark.parametrize(
    "text",
    ["", "0f" * 31, "0f" * 33, "0F" * 32, "0x" + "0f" * 31, "0g" * 32, "0f" * 31 + " 0", "٣" * 64],
)
def test_any_other_text_is_no_digest(text: str) -> None:
    with pytest.raises(MalformedBlob, match="64 lower-case"):
        parse_digest(text)
