"""Networks that bring the smallest and the largest rows to the ends."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.aggregation.robust.middle import make_network, sum_middle


@pytest.mark.parametrize("count", range(1, 11))
def test_networks_order_every_sequence_of_zeros_and_ones(count: int) -> None:
    """What orders those orders everything: Knuth, volume 3, 5.3.4, theorem Z."""
    columns = np.array(list(itertools.product((0, 1), repeat=count))).T
    for num_ends in range((count - 1) // 2 + 1):
        rows = columns.copy()
        for first, second in make_network(count, num_ends):
            smaller, larger = np.minimum(*rows[[first, second]]), np.maximum(*rows[[first, second]])
            rows[first], rows[second] = smaller, larger
        expected = np.sort(columns, axis=0)
        for part in (slice(num_ends), slice(num_ends, count - num_ends), slice(-num_ends, None)):
            if num_ends or part.start != 0:
                assert np.array_equal(np.sort(rows[part], axis=0), expected[part])


@given(
    st.integers(1, 70).flatmap(
        lambda count: st.tuples(
            st.just(count), st.integers(0, (count - 1) // 2), st.integers(0, 2**32 - 1)
        )
    ),
    st.sampled_from([np.int16, np.int32, np.float32, np.float64]),
)
def test_the_sum_is_that_of_sorted_columns(case: tuple[int, int, int], kind: type[Any]) -> None:
    count, num_ends, seed = case
    largest = {np.int16: 2**15 - 1, np.float32: 2**24}.get(kind, 2**30)
    random = np.random.default_rng(seed)
    values = random.integers(-largest, largest + 1, (count, 9))
    values[:, 0] = random.integers(-1, 2, count)  # with many that are equal
    expected = np.sort(values, axis=0)[num_ends : count - num_ends].sum(axis=0)
    found = sum_middle(values.astype(kind), num_ends)
    assert found.dtype == np.int64
    assert found.tolist() == expected.tolist()


def test_what_does_not_matter_is_not_compared() -> None:
    assert make_network(8, 0) == ()
