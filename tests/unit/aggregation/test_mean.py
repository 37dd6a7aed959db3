"""The mean: exact, in any order, saturating, and never of nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fl_chain.aggregation.mean import WeightedSum
from fl_chain.aggregation.step import apply_step
from fl_chain.errors import ValueOutOfRange
from tests import golden

VECTORS = golden.load("fixed_point/fixed_point.json")["mean"]
STEPS = golden.load("aggregate/steps.json")


def sum_of(updates: list[list[int]], weights: list[int]) -> WeightedSum:
    total = WeightedSum(len(updates[0]))
    for lanes, weight in zip(updates, weights, strict=True):
        total.add(np.array(lanes, np.int16), weight)
    return total


@pytest.mark.parametrize("case", VECTORS)
def test_sums_and_models_are_the_golden_ones(case: dict[str, Any]) -> None:
    total = sum_of(case["updates"], case["weights"])
    assert total.values.tolist() == case["sum"]
    assert total.weight == sum(case["weights"])
    base = np.array(case["base"], np.int32)
    model = apply_step(base, total.mean(), case["fraction_bits"], case["model_fraction_bits"])
    assert model.dtype == np.int32
    assert model.tolist() == case["model"]


@pytest.mark.parametrize("case", **golden.named(STEPS["cases"], "name"))
def test_every_step_of_the_vectors_is_taken(case: dict[str, Any]) -> None:
    total = WeightedSum(1)
    total.values[0] = case["sum"]
    total.weight = case["weight"]
    model = apply_step(np.array([case["base"]], np.int32), total.mean(), 0, case["shift"])
    assert model.tolist() == [case["next"]]


def test_the_steps_are_whole() -> None:
    assert len(STEPS["cases"]) == STEPS["count"]


def test_the_published_example_is_among_the_vectors() -> None:
    assert VECTORS[0]["sum"] == [849800, -1798993, -3306568]
    assert VECTORS[0]["model"] == [849, -1797, -3303]


@pytest.mark.parametrize("weight", [0, -1])
def test_a_weight_that_is_not_positive_is_refused(weight: int) -> None:
    with pytest.raises(ValueOutOfRange, match="not positive"):
        WeightedSum(1).add(np.zeros(1, np.int16), weight)


def test_the_mean_of_no_updates_is_refused() -> None:
    with pytest.raises(ValueOutOfRange, match="no updates"):
        apply_step(np.zeros(1, np.int32), WeightedSum(1).mean(), 15, 24)


def test_weights_that_could_overflow_the_sum_are_refused_before_they_do() -> None:
    total = WeightedSum(1)
    lanes = np.array([-32768], np.int16)
    total.add(lanes, 2**48 - 1)
    assert total.values.tolist() == [-32768 * (2**48 - 1)]
    with pytest.raises(ValueOutOfRange, match="could overflow"):
        total.add(lanes, 1)
    with pytest.raises(ValueOutOfRange, match="could overflow"):
        total.add_sum(np.array([-32768], np.int64), 1)
    assert total.weight == 2**48 - 1


def test_small_lanes_leave_room_for_larger_weights() -> None:
    """Every weight that the headroom of a manifest allows can be added."""
    total = WeightedSum(1, max_abs=1)
    for _ in range(2):
        total.add(np.array([-1], np.int16), 2**61 - 1)
    assert total.values.tolist() == [-(2**62) + 2]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_scaled_sum_that_reaches_its_limit_is_refused(sign: int) -> None:
    total = WeightedSum(1)
    total.add(np.array([sign], np.int16), 2**46)
    model = np.zeros(1, np.int32)
    apply_step(model, total.mean(), 15, 30)  # 2^46 * 2^15 = 2^61
    with pytest.raises(ValueOutOfRange, match="2\\^62"):
        apply_step(model, total.mean(), 14, 30)


def test_the_base_model_is_not_changed() -> None:
    base = np.array([5, 6], np.int32)
    apply_step(base, sum_of([[1, 1]], [1]).mean(), 15, 15)
    assert base.tolist() == [5, 6]
