"""Lanes and the bound that noise covers: none too long is taken for one that fits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fl_chain.aggregation.fixed_point import encode_fixed_point, expand_words
from fl_chain.errors import ValueOutOfRange
from fl_chain.privacy.noise.bound import fits_bound
from fl_chain.protocol.skellam_noise import bound_sensitivity

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
