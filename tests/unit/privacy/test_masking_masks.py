"""Masks: the keystream of a seed, added and subtracted in a ring."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl_chain.errors import ValueOutOfRange
from fl_chain.privacy.masking.groups import GroupPlace
from fl_chain.privacy.masking.masks import (
    RING_DTYPES,
    apply_masks,
    centre,
    choose_ring_bits,
    expand_mask,
    mask_lanes,
    pair_label,
    self_label,
)
from tests import reference_masks as ref

PLACE = GroupPlace("01" * 32, 2, 3)
SEEDS = st.binary(min_size=32, max_size=32)
RINGS = st.sampled_from([16, 32])
ACROSS_BLOCKS = 2**17 + 3


def test_the_reference_is_chacha20_of_the_rfc() -> None:
    """RFC 8439, A.1, test vectors 1 and 2: the zero key with the counters 0 and 1."""
    stream = ref.keystream(bytes(32), 128)
    assert stream[:32].hex() == "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
    assert stream[64:96].hex() == "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"


def test_labels_have_their_golden_bytes() -> None:
    place = "01" * 32 + "00000002" + "00000003"
    assert self_label(PLACE, 5).hex() == place + "0505"
    assert pair_label(PLACE, 5, 126).hex() == place + "057e"


def test_no_two_masks_have_one_label() -> None:
    places = [
        GroupPlace(task * 32, *numbers) for task in ("00", "01") for numbers in [(0, 1), (1, 0)]
    ]
    labels = [self_label(place, position) for place in places for position in range(6)]
    pairs = itertools.combinations(range(6), 2)
    labels += [pair_label(place, *pair) for place in places for pair in pairs]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("pair", [(1, 1), (2, 1)])
def test_a_pair_has_a_lower_end_and_a_higher_one(pair: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no pair"):
        pair_label(PLACE, *pair)


def test_masks_have_their_golden_lanes() -> None:
    seed = bytes(range(32))
    label = self_label(PLACE, 0)
    words = [3081068706, 131033029, 1875099060]
    assert expand_mask(seed, label, 3, 32).tolist() == words
    assert expand_mask(seed, label, 6, 16).tolist() == [24738, 47013, 26565, 1999, 48564, 28611]
    pair = expand_mask(seed, pair_label(PLACE, 0, 1), 3, 32)
    assert pair.tolist() == [2479310043, 2460651869, 3220607790]


@settings(max_examples=30)
@given(SEEDS, st.binary(max_size=50), st.integers(0, 70), RINGS)
def test_a_mask_is_that_of_the_reference(
    seed: bytes, label: bytes, num_lanes: int, ring_bits: int
) -> None:
    mask = expand_mask(seed, label, num_lanes, ring_bits)
    assert mask.dtype == RING_DTYPES[ring_bits]
    assert mask.tolist() == ref.mask(seed, label, num_lanes, ring_bits)


@pytest.mark.parametrize("ring_bits", [16, 32])
def test_a_long_mask_goes_on_where_a_short_one_ends(ring_bits: int) -> None:
    long = expand_mask(b"s" * 32, b"label", ACROSS_BLOCKS, ring_bits)
    width = ring_bits // 8
    stream = ref.keystream(ref.expand_key(b"s" * 32, b"label"), 64)
    assert long[: 64 // width].tobytes() == stream
    short = expand_mask(b"s" * 32, b"label", 2**16 + 1, ring_bits)
    assert np.array_equal(long[: 2**16 + 1], short)
    blocks = long.tobytes()[: len(long.tobytes()) // 64 * 64]
    assert len({blocks[i : i + 64] for i in range(0, len(blocks), 64)}) == len(blocks) // 64


@pytest.mark.parametrize("ring_bits", [16, 32])
def test_what_is_added_and_subtracted_is_gone(ring_bits: int) -> None:
    masks = [(bytes([i]) * 32, bytes([i])) for i in range(1, 5)]
    start = np.arange(ACROSS_BLOCKS).astype(RING_DTYPES[ring_bits])
    lanes = start.copy()
    apply_masks(lanes, masks[:2], masks[2:])
    assert not np.array_equal(lanes, start)
    apply_masks(lanes, masks[2:], masks[:2])
    assert np.array_equal(lanes, start)


@given(
    st.lists(st.integers(-(2**15), 2**15 - 1), max_size=9),
    st.integers(0, 2**32 - 1),
    st.dictionaries(st.sampled_from([0, 1, 3, 126]), SEEDS),
    SEEDS,
    RINGS,
)
def test_masked_lanes_are_weighted_values_and_masks_with_their_signs(
    values: list[int], weight: int, pairs: dict[int, bytes], seed: bytes, ring_bits: int
) -> None:
    position, count = 2, len(values)
    expected = [weight * value for value in values]
    terms = [ref.mask(seed, self_label(PLACE, position), count, ring_bits)]
    for peer, pair_seed in pairs.items():
        label = pair_label(PLACE, *sorted((position, peer)))
        sign = 1 if peer > position else -1
        terms.append([sign * lane for lane in ref.mask(pair_seed, label, count, ring_bits)])
    sums = [sum(column) for column in zip(expected, *terms, strict=True)]
    array = np.array(values, np.int16)
    masked = mask_lanes(array, weight, PLACE, position, seed, pairs, ring_bits)
    assert masked.dtype == RING_DTYPES[ring_bits]
    assert masked.tolist() == [lane % 2**ring_bits for lane in sums]
    assert array.tolist() == values


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, "<i2", ">i2"])
def test_values_of_any_signed_type_are_taken(dtype: Any) -> None:
    values = np.array([-3, 0, 5], dtype)
    for ring_bits in (16, 32):
        masked = mask_lanes(values, 7, PLACE, 0, bytes(32), {}, ring_bits)
        apply_masks(masked, subtracted=[(bytes(32), self_label(PLACE, 0))])
        assert centre(masked).tolist() == [-21, 0, 35]


def test_who_is_its_own_peer_or_has_a_short_seed_is_refused() -> None:
    values = np.zeros(3, np.int16)
    with pytest.raises(ValueError, match="with itself"):
        mask_lanes(values, 1, PLACE, 2, bytes(32), {2: bytes(32)}, 32)
    with pytest.raises(ValueError, match="32 bytes"):
        mask_lanes(values, 1, PLACE, 2, bytes(31), {}, 32)
    with pytest.raises(ValueError, match="32 bytes"):
        mask_lanes(values, 1, PLACE, 2, bytes(32), {1: b""}, 32)


@pytest.mark.parametrize(
    ("largest", "bits"), [(0, 16), (2**15 - 1, 16), (2**15, 32), (2**31 - 1, 32)]
)
def test_the_ring_is_the_smallest_in_which_no_sum_wraps(largest: int, bits: int) -> None:
    assert choose_ring_bits(largest) == bits
    ends = np.array([largest, -largest]).astype(RING_DTYPES[bits])
    assert centre(ends).tolist() == [largest, -largest]


def test_sums_that_no_ring_holds_are_refused() -> None:
    with pytest.raises(ValueOutOfRange, match="2\\^31"):
        choose_ring_bits(2**31)


@pytest.mark.parametrize("ring_bits", [16, 32])
def test_lanes_are_centred_around_zero(ring_bits: int) -> None:
    half = 2 ** (ring_bits - 1)
    lanes = np.array([0, 1, half - 1, half, 2 * half - 1], RING_DTYPES[ring_bits])
    assert centre(lanes).dtype == np.int32
    assert centre(lanes).tolist() == [0, 1, half - 1, -half, -1]
