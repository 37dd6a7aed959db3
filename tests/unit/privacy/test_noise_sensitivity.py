"""Sensitivity: bounds that no arithmetic rounds down."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fl_chain.aggregation.fixed_point import encode_fixed_point, expand_words
from fl_chain.errors import ValueOutOfRange
from fl_chain.privacy.noise.sensitivity import (
    MAX_CLIP_NORM,
    MAX_DIMENSION,
    Sensitivity,
    bound_sensitivity,
    ceil_sqrt,
    fits_bound,
)

GOLDEN = [
    (1, 1, Sensitivity(3, 2)),
    (1, 4, Sensitivity(4, 4)),
    (100, 100_000, Sensitivity(35_259, 35_259)),
    (1000, 100_000, Sensitivity(1_026_159, 320_338)),
    (65_536, 100_000, Sensitivity(4_295_057_991, 20_724_522)),
]


@pytest.mark.parametrize(("clip_norm", "dimension", "expected"), GOLDEN)
def test_bounds_are_the_golden_ones(clip_norm: int, dimension: int, expected: Sensitivity) -> None:
    assert bound_sensitivity(clip_norm, dimension) == expected


@given(st.integers(1, MAX_CLIP_NORM), st.integers(1, MAX_DIMENSION))
def test_bounds_are_the_formula_rounded_up(clip_norm: int, dimension: int) -> None:
    found = bound_sensitivity(clip_norm, dimension)
    with mpmath.workprec(300):
        root = mpmath.sqrt(dimension)
        rounded = clip_norm**2 + mpmath.mpf(dimension) / 4 + clip_norm + root / 2
        squared = min(rounded, (clip_norm + root) ** 2)
        assert squared <= found.squared_l2 < squared + 2
        l1 = min(root * mpmath.sqrt(found.squared_l2), found.squared_l2)
        assert l1 <= found.l1 < l1 + 1


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_bounds_grow_with_both(clip_norm: int, dimension: int) -> None:
    here = bound_sensitivity(clip_norm, dimension)
    for other in (
        bound_sensitivity(clip_norm + 1, dimension),
        bound_sensitivity(clip_norm, dimension + 1),
    ):
        assert other.squared_l2 >= here.squared_l2
        assert other.l1 >= here.l1


@pytest.mark.parametrize(
    ("clip_norm", "dimension"), [(0, 1), (MAX_CLIP_NORM + 1, 1), (1, 0), (1, MAX_DIMENSION + 1)]
)
def test_arguments_out_of_range_are_refused(clip_norm: int, dimension: int) -> None:
    with pytest.raises(ValueOutOfRange):
        bound_sensitivity(clip_norm, dimension)


@given(st.integers(0, 2**200))
def test_a_root_is_rounded_up(value: int) -> None:
    root = ceil_sqrt(value)
    assert root**2 >= value
    assert root == 0 or (root - 1) ** 2 < value


LANES = st.sampled_from([np.int8, np.int16, np.int32, np.int64]).flatmap(
    lambda dtype: arrays.arrays(
        dtype,
        st.integers(0, 60),
        elements={"min_value": -(2**26), "max_value": 2**26}
        if np.dtype(dtype).itemsize > 2
        else None,
    )
)


@given(LANES, st.integers(-3, 3))
def test_lanes_fit_up_to_their_own_norm(lanes: np.ndarray, more: int) -> None:
    squared = sum(lane * lane for lane in lanes.tolist())
    bound = min(max(0, squared + more), 2**50 - 1)
    assert fits_bound(lanes, bound) == (squared <= bound)


def test_no_lane_is_too_large_to_be_refused() -> None:
    for dtype in (np.int16, np.int32, np.int64):
        info = np.iinfo(dtype)
        assert not fits_bound(np.array([info.min], dtype), 2**28)
        assert not fits_bound(np.array([info.max], dtype), 2**28)


def test_a_million_lanes_are_added_exactly() -> None:
    lanes = np.full(1_000_000, -32_768, np.int16)
    assert fits_bound(lanes, 10**6 * 2**30 + 0) is True
    assert fits_bound(lanes, 10**6 * 2**30 - 1) is False
    assert fits_bound(np.zeros(0, np.int16), 0) is True


@pytest.mark.parametrize("bound", [-1, 2**50])
def test_a_bound_out_of_range_is_refused(bound: int) -> None:
    with pytest.raises(ValueOutOfRange, match="squared bound"):
        fits_bound(np.zeros(1, np.int16), bound)


@pytest.mark.parametrize(("clip_norm", "dimension"), [(100, 10_000), (50, 40_000), (3, 7)])
def test_of_a_hundred_roundings_39_fit(clip_norm: int, dimension: int) -> None:
    chance = np.random.default_rng(1)
    values = chance.normal(size=dimension)
    values *= clip_norm / np.linalg.norm(values)
    bound = bound_sensitivity(clip_norm, dimension).squared_l2
    fitting = sum(
        fits_bound(encode_fixed_point(values, 0, 2**20, expand_words(bytes([i]), dimension)), bound)
        for i in range(100)
    )
    assert fitting >= 39
