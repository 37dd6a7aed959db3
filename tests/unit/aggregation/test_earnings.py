"""What updates earn by their directions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fl_chain.aggregation.earnings import divide_reward, score_cosines
from fl_chain.aggregation.gathering import GatheredRows, GatheredSum
from fl_chain.aggregation.mean import WeightedSum
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.protocol.rewards import COSINE, EQUAL
from tests import golden
from tests import reference as ref

CASES = golden.load("aggregate/scores.json")
lanes = st.integers(1, 6).flatmap(
    lambda count: arrays(np.int16, (count, 5), elements=st.integers(-(2**15) + 1, 2**15 - 1))
)


def scores_of(updates: Any, weights: list[int]) -> list[int]:
    rows = LaneRows(len(updates[0]))
    for number, update in enumerate(updates):
        rows.add(f"{number}", np.array(update, np.int16))
    scores = score_cosines(rows, {f"{number}": weight for number, weight in enumerate(weights)})
    return [scores[f"{number}"] for number in range(len(updates))]


@pytest.mark.parametrize("case", **golden.named(CASES["cases"], "name"))
def test_scores_are_the_golden_ones(case: dict[str, Any]) -> None:
    assert CASES["count"] == len(CASES["cases"])
    assert scores_of(case["updates"], case["weights"]) == case["scores"]


@given(lanes, st.randoms(use_true_random=False))
def test_scores_are_their_dull_definition(updates: Any, random: Any) -> None:
    weights = [random.randint(1, 2**32 - 1) for _ in updates]
    assert scores_of(updates, weights) == ref.cosine_scores(updates.tolist(), weights)


@given(lanes)
def test_no_score_is_above_one_but_by_rounding(updates: Any) -> None:
    # The root is rounded down, and at least 1: the more there is of it, the less that does.
    for score, update in zip(scores_of(updates, [1] * len(updates)), updates, strict=True):
        assert 0 <= score <= 2**33
        assert score == 0 or update.any()


def test_nobody_agrees_with_itself() -> None:
    noise = [[0, 0, 0, 9000], [5, 5, 5, 0], [6, 5, 4, 0]]
    assert scores_of(noise, [1, 1, 1])[0] == 0


@given(st.integers(0, 2**80), st.integers(1, 7))
def test_no_more_is_earned_than_there_is(wei: int, count: int) -> None:
    gathered = GatheredRows("mean", 0, 3, 100)
    names = {number: f"{number}" for number in range(count)}
    for number, name in names.items():
        gathered.add(name, np.array([number, 1, 2], np.int16), 1)
    for formula in (EQUAL, COSINE):
        earned = divide_reward(formula, wei, names, gathered)
        assert earned.keys() == names.keys()
        assert wei - count <= sum(earned.values()) <= wei or count == 1


def test_cosines_need_the_updates_themselves() -> None:
    with pytest.raises(TypeError):
        divide_reward(COSINE, 5, {0: "a"}, GatheredSum(WeightedSum(1)))
