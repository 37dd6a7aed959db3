"""Openings and steps of any size, against the recursive definitions and exact integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from fl_chain.aggregation.mean import WeightedSum
from fl_chain.aggregation.step import apply_step
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.opening import (
    Opening,
    find_unopenable_chunk,
    open_chunk,
    verify_opening,
)
from tests import reference as ref

HASHES = st.binary(min_size=32, max_size=32)


@st.composite
def contents(draw: st.DrawFn, least: int = 1) -> bytes:
    """Draw content of up to 20 chunks, no two of them alike."""
    length = draw(st.integers(least, 20 * 1024))
    salt = draw(st.integers(0, 255))
    return bytes((i // 1024 + salt + i) % 256 for i in range(length))


@st.composite
def openings(draw: st.DrawFn, least: int = 1) -> tuple[bytes, int, int, Opening]:
    """Draw a root, an index, the number of chunks, and the genuine opening."""
    content = draw(contents(least))
    num_chunks = -(-len(content) // 1024)
    index = draw(st.integers(0, num_chunks - 1))
    return compute_digest(content), index, num_chunks, open_chunk(content, index)


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(contents(), st.data())
def test_openings_are_the_paths_of_the_rfc(content: bytes, data: st.DataObject) -> None:
    entries = ref.chunks(content)
    index = data.draw(st.integers(0, len(entries) - 1))
    opening = open_chunk(content, index)
    assert opening.chunk == entries[index]
    assert list(opening.proof) == ref.audit_path(index, entries)
    assert verify_opening(ref.digest(content), index, len(entries), opening)


@given(openings(), st.data())
def test_one_bit_anywhere_is_noticed(
    genuine: tuple[bytes, int, int, Opening], data: st.DataObject
) -> None:
    root, index, num_chunks, opening = genuine
    match data.draw(st.sampled_from(["root", "chunk", "proof"])):
        case "root":
            root = flip(root, data.draw(st.integers(0, 255)))
        case "chunk":
            bit = data.draw(st.integers(0, 8 * len(opening.chunk) - 1))
            opening = replace(opening, chunk=flip(opening.chunk, bit))
        case "proof":
            assume(opening.proof)
            entry = data.draw(st.integers(0, len(opening.proof) - 1))
            siblings = list(opening.proof)
            siblings[entry] = flip(siblings[entry], data.draw(st.integers(0, 255)))
            opening = replace(opening, proof=tuple(siblings))
    assert not verify_opening(root, index, num_chunks, opening)


@given(openings(least=1025), st.integers(-2, 25))
def test_no_chunk_opens_at_the_place_of_another(
    genuine: tuple[bytes, int, int, Opening], other: int
) -> None:
    root, index, num_chunks, opening = genuine
    assert verify_opening(root, other, num_chunks, opening) == (other == index)


@given(openings(), st.integers(0, 40), st.integers(0, 40), st.lists(HASHES, max_size=3))
def test_openings_are_judged_by_the_turns_of_their_path(
    genuine: tuple[bytes, int, int, Opening], index: int, num_chunks: int, more: list[bytes]
) -> None:
    root, _, _, opening = genuine
    proof = (*opening.proof, *more)
    expected = ref.is_opened(root, index, num_chunks, opening.chunk, proof)
    assert verify_opening(root, index, num_chunks, Opening(opening.chunk, proof)) == expected


@given(
    st.integers(0, 2**33),
    st.integers(0, 2**33),
    st.binary(max_size=8),
    st.booleans(),
    st.lists(HASHES, max_size=34),
)
def test_arbitrary_openings_are_judged_by_the_turns_of_their_path(
    index: int, num_chunks: int, start: bytes, is_full: bool, proof: list[bytes]
) -> None:
    """Below the root that a proof of the right length leads to, the place is what decides."""
    chunk = start.ljust(1024, b"\0") if is_full else start
    root = bytes(32)
    if index < num_chunks:
        proof = (proof * 34 or [bytes(32)] * 34)[: len(ref.turns(index, num_chunks))]
        root = ref.root_of(ref.turns(index, num_chunks), chunk, proof)
    expected = ref.is_opened(root, index, num_chunks, chunk, proof)
    assert verify_opening(root, index, num_chunks, Opening(chunk, tuple(proof))) == expected


@given(
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**62) + 1, 2**62 - 1),
    st.integers(0, 30),
    st.integers(1, 2**53 - 1) | st.integers(1, 2**12),
)
def test_the_step_of_one_value_is_that_of_a_whole_model(
    base: int, scaled: int, shift: int, weight: int
) -> None:
    total = WeightedSum(1)
    total.values[0] = weighted = (abs(scaled) >> shift) * (1 if scaled > 0 else -1)
    total.weight = weight
    (value,) = apply_step(np.array([base], np.int32), total.mean(), 0, shift).tolist()
    assert value == ref.next_value(base, weighted, shift, weight)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 1024), st.integers(1, 1024))
def test_content_of_another_size_has_a_chunk_that_nothing_opens(
    expected_chunks: int, actual_chunks: int, expected_last: int, actual_last: int
) -> None:
    expected = 1024 * (expected_chunks - 1) + expected_last
    actual = 1024 * (actual_chunks - 1) + actual_last
    assume(expected != actual)
    index = find_unopenable_chunk(expected, actual)
    assert 0 <= index < expected_chunks
    length = expected_last if index == expected_chunks - 1 else 1024
    content = bytes(position % 251 for position in range(actual))
    root = compute_digest(content)
    for other in range(actual_chunks):
        opening = open_chunk(content, other)
        is_whole = len(opening.chunk) == length
        assert not (is_whole and verify_opening(root, index, expected_chunks, opening))
