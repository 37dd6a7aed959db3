"""Attackers tell members from others as well as there is something to tell, and no better."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fl_chain.lab.membership import (
    FEWEST_FALSE_ALARMS,
    LIKELIHOOD_RATIO,
    LOSS_THRESHOLD,
    Verdicts,
    choose_members,
    judge,
    sweep,
)


def judged(sure: NDArray[np.float64]) -> dict[str, Verdicts]:
    members = choose_members(sure.shape[1], len(sure), seed=0)
    return {verdict.attack: verdict for verdict in judge(sure, members)}


@given(st.integers(1, 50), st.integers(1, 8), st.integers(0, 9))
def test_every_example_is_in_half_of_the_models(examples: int, pairs: int, seed: int) -> None:
    members = choose_members(examples, 2 * pairs, seed)
    assert members.shape == (2 * pairs, examples)
    assert (members.sum(axis=0) == pairs).all()
    assert np.array_equal(members, choose_members(examples, 2 * pairs, seed))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_a_curve_is_what_every_threshold_gives(cases: list[tuple[int, bool]]) -> None:
    members = np.array([is_member for _, is_member in cases] + [True, False])
    scores = np.array([float(score) for score, _ in cases] + [0.0, 0.0])
    verdicts = sweep("any", scores, members)
    expected = {(0.0, 0.0)}
    for threshold in set(scores):
        accused = scores >= threshold
        expected.add((accused[~members].mean(), accused[members].mean()))
    points = zip(verdicts.false_positives, verdicts.true_positives, strict=True)
    assert {(float(x), float(y)) for x, y in points} == expected
    assert 0 <= verdicts.area <= 1
    for rate in (0.0, 0.1, 0.5, 1.0):
        best = max(y for x, y in expected if x <= rate)
        assert verdicts.recognized_at(rate) == best


@given(st.integers(1, 5 * FEWEST_FALSE_ALARMS), st.sampled_from([0.0, 0.2, 0.5, 1.0]))
def test_nothing_is_said_of_a_rate_with_too_few_false_alarms(num_others: int, rate: float) -> None:
    members = np.arange(num_others + 3) < 3
    verdicts = sweep("any", np.arange(num_others + 3.0), members)
    assert verdicts.num_others == num_others
    is_enough = rate * num_others >= FEWEST_FALSE_ALARMS
    assert verdicts.measured_at(rate) == (verdicts.recognized_at(rate) if is_enough else None)


def test_who_has_nothing_to_go_by_guesses() -> None:
    values = np.random.default_rng(0).normal(size=(8, 4000))
    for verdict in judged(values).values():
        assert verdict.area == pytest.approx(0.5, abs=0.02)
        assert verdict.recognized_at(0.01) < 0.02


def test_the_likelihood_ratio_sees_what_a_threshold_does_not() -> None:
    chance = np.random.default_rng(0)
    hard = chance.normal(scale=10, size=4000)  # some examples are easier than others, for all
    noise = chance.normal(scale=0.2, size=(8, 4000))
    verdicts = judged(hard + choose_members(4000, 8, 0) + noise)
    assert verdicts[LIKELIHOOD_RATIO].recognized_at(0.01) > 0.9
    assert verdicts[LOSS_THRESHOLD].recognized_at(0.01) < 0.05


def test_models_that_are_all_the_same_give_nobody_away() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=(1, 100)), 6, axis=0)
    assert judged(values)[LIKELIHOOD_RATIO].area == pytest.approx(0.5)
