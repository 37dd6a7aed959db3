"""Openings show one chunk below a digest, and nothing else passes for one."""

from __future__ import annotations

from typing import Any

import pytest

from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.opening import Opening, open_chunk, verify_opening
from tests import golden
from tests import reference as ref

VECTORS = golden.load("digest/openings.json")


def content_of(length: int) -> bytes:
    return bytes((7 * i + i // 251) % 256 for i in range(length))


def is_accepted(case: dict[str, Any]) -> bool:
    opening = Opening(
        bytes.fromhex(case["chunk"]), tuple(bytes.fromhex(sibling) for sibling in case["proof"])
    )
    return verify_opening(bytes.fromhex(case["root"]), case["index"], case["num_chunks"], opening)


@pytest.mark.parametrize("length", sorted({case["length"] for case in VECTORS["cases"]}))
def test_every_opening_of_the_vectors_is_made_and_accepted(length: int) -> None:
    content = content_of(length)
    for case in VECTORS["cases"]:
        if case["length"] == length:
            opening = open_chunk(content, case["index"])
            assert opening.chunk == content[1024 * case["index"] :][:1024]
            assert [sibling.hex() for sibling in opening.proof] == case["proof"]
            root = bytes.fromhex(case["root"])
            assert root == compute_digest(content)
            assert verify_opening(root, case["index"], case["num_chunks"], opening)


@pytest.mark.parametrize("case", **golden.named(VECTORS["refused"], "reason"))
def test_what_is_no_opening_is_refused(case: dict[str, Any]) -> None:
    assert not is_accepted(case)


@pytest.mark.parametrize("case", VECTORS["same_path"])
def test_places_with_the_same_path_have_the_same_openings(case: dict[str, Any]) -> None:
    assert is_accepted(case)


def test_the_vectors_are_whole() -> None:
    for kind in ("cases", "same_path", "refused"):
        assert len(VECTORS[kind]) == VECTORS["count" if kind == "cases" else f"{kind}_count"]


def test_two_places_of_one_tree_never_have_the_same_path() -> None:
    for size in range(1, 130):
        assert len({ref.turns(index, size) for index in range(size)}) == size


def test_in_a_tree_of_another_size_only_the_same_path_opens() -> None:
    """Every place of every tree up to 17 chunks against every other, all chunks full."""
    places = [(index, size) for size in range(1, 18) for index in range(size)]
    for index, size in places:
        content = content_of(1024 * size)
        root, opening = compute_digest(content), open_chunk(content, index)
        own = ref.turns(index, size)
        for other, claimed in places:
            same = ref.turns(other, claimed) == own
            assert verify_opening(root, other, claimed, opening) == same


@pytest.mark.parametrize(("length", "index"), [(0, 0), (1, 1), (1, -1), (1024, 1), (1025, 2)])
def test_a_chunk_that_does_not_exist_cannot_be_opened(length: int, index: int) -> None:
    with pytest.raises(ValueOutOfRange, match=f"chunk {index} is not one"):
        open_chunk(bytes(length), index)


def test_a_negative_index_is_refused() -> None:
    content = content_of(3 * 1024)
    assert not verify_opening(compute_digest(content), -1, 3, open_chunk(content, 2))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_hash_of_another_length_is_refused(size: int) -> None:
    content = content_of(2 * 1024)
    opening = Opening(content[:1024], (bytes(size),))
    assert not verify_opening(compute_digest(content), 0, 2, opening)


def test_a_view_of_content_opens_like_its_bytes() -> None:
    content = content_of(2500)
    assert open_chunk(memoryview(content), 2) == open_chunk(content, 2)
