"""How much late updates weigh, and from which models they may begin."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fl_chain.protocol.staleness import MAX_STALENESS, discount_weight
from tests import golden

CASES = golden.load("aggregate/discounts.json")


def test_discounts_are_the_golden_ones() -> None:
    assert CASES["count"] == len(CASES["cases"])
    for case in CASES["cases"]:
        assert discount_weight(case["weight"], case["staleness"]) == case["left"]


@given(st.integers(0, 2**32 - 1), st.integers(0, MAX_STALENESS - 1))
def test_whoever_is_later_weighs_no_more(weight: int, staleness: int) -> None:
    assert discount_weight(weight, 0) == weight
    assert discount_weight(weight, staleness + 1) <= discount_weight(weight, staleness) <= weight


@given(st.integers(0, 2**32 - 1), st.integers(0, MAX_STALENESS))
def test_no_more_is_lost_than_rounding_takes(weight: int, staleness: int) -> None:
    exact = weight / (1 + staleness) ** 0.5
    assert exact - weight / 2**16 - 1 <= discount_weight(weight, staleness) <= exact + 1e-3
