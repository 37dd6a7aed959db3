"""What training with noise costs: the golden integers, and no less than any accountant says."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.sampled_gaussian import (
    MAX_ORDER,
    compute_divergences,
    compute_sgd_cost,
    count_private_steps,
)
from tests import golden

VECTORS = golden.load("noise/costs.json")


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_costs_are_the_golden_ones(case: dict[str, Any]) -> None:
    rate = Decimal(case["sampling_rate"])
    steps = count_private_steps(case["num_epochs"], rate)
    noise = Decimal(case["noise_multiplier"])
    assert compute_sgd_cost(rate, noise, steps, case["max_order"]) == case["cost"]


def test_there_are_as_many_cases_as_there_should_be() -> None:
    assert len(VECTORS["cases"]) == VECTORS["count"]


@given(
    rate=st.decimals("0.001", "1", places=3),
    noise=st.decimals("0.5", "20", places=2),
    steps=st.integers(1, 1000),
)
def test_more_noise_and_fewer_examples_cost_no_more(
    rate: Decimal, noise: Decimal, steps: int
) -> None:
    cost = compute_sgd_cost(rate, noise, steps, 16)
    assert compute_sgd_cost(rate, noise * 2, steps, 16) <= cost
    assert compute_sgd_cost(rate / 2, noise, steps, 16) <= cost
    assert compute_sgd_cost(rate, noise, steps, 8) <= cost
    assert compute_sgd_cost(rate, noise, steps + 1, 16) >= cost


def test_all_examples_cost_what_plain_gaussian_noise_does() -> None:
    almost = compute_divergences(Decimal(1) - Decimal("1e-30"), Decimal(2), 9)
    whole = compute_divergences(Decimal(1), Decimal(2), 9)
    assert whole == [Decimal(order) / 8 for order in range(2, 10)]
    for one, other in zip(almost, whole, strict=True):
        assert abs(one - other) < Decimal("1e-25")


@pytest.mark.parametrize(
    ("rate", "noise", "order"),
    [("0", "1", 2), ("1.1", "1", 2), ("0.1", "0", 2), ("0.1", "1", 1), ("0.1", "1", MAX_ORDER + 1)],
)
def test_what_is_no_mechanism_is_refused(rate: str, noise: str, order: int) -> None:
    with pytest.raises(ValueOutOfRange):
        compute_divergences(Decimal(rate), Decimal(noise), order)


@pytest.mark.parametrize("noise", ["1e-300", "1e-5", "0.001"])
def test_next_to_no_noise_has_no_cost(noise: str) -> None:
    with pytest.raises(ValueOutOfRange, match="so little noise"):
        compute_sgd_cost(Decimal("0.1"), Decimal(noise), 10, 64)


def test_steps_are_counted_exactly() -> None:
    assert count_private_steps(1, Decimal("0.1")) == 10
    assert count_private_steps(1, Decimal("0.09999999999999999999")) == 11
    assert count_private_steps(3, Decimal("0.3")) == 10
