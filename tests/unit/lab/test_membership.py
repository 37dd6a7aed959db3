"""Attackers tell members from others as well as there is something to tell, and no better."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fl_chain.lab.membership import (
    LIKELIHOOD_RATIO,
    LOSS_THRESHOLD,
    Confidences,
    Trial,
    Verdicts,
    choose_members,
    judge,
    list_trials,
    train_one,
)
from fl_chain.lab.membership import _sweep as sweep
from fl_chain.lab.plan import make_scenario

BASE = make_scenario("digits", "", 2, 0, 1, 1, 16, 0.1)


def judged(values: NDArray[np.float64]) -> dict[str, Verdicts]:
    found = [Confidences(Trial(BASE, len(values), i), row, 0.5) for i, row in enumerate(values)]
    found.reverse()  # they come in any order
    return {verdict.attack: verdict for verdict in judge(found)}


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


def test_who_has_nothing_to_go_by_guesses() -> None:
    values = np.random.default_rng(0).normal(size=(8, 4000))
    for verdict in judged(values).values():
        assert verdict.area == pytest.approx(0.5, abs=0.02)
        assert verdict.recognized_at(0.01) < 0.02


def test_the_likelihood_ratio_sees_what_a_threshold_does_not() -> None:
    chance = np.random.default_rng(0)
    hard = chance.normal(scale=10, size=4000)  # some examples are easier than others, for all
    noise = chance.normal(scale=0.2, size=(8, 4000))
    verdicts = judged(hard + choose_members(4000, 8, BASE.seed) + noise)
    assert verdicts[LIKELIHOOD_RATIO].recognized_at(0.01) > 0.9
    assert verdicts[LOSS_THRESHOLD].recognized_at(0.01) < 0.05


def test_models_that_are_all_the_same_give_nobody_away() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=(1, 100)), 6, axis=0)
    assert judged(values)[LIKELIHOOD_RATIO].area == pytest.approx(0.5)


def test_a_model_that_has_learned_by_heart_gives_members_away() -> None:
    scenario = make_scenario("digits", "", 2, 0, 8, 5, 16, 0.2)
    found = [train_one(trial) for trial in list_trials(scenario, 6)]
    ratio, threshold = judge(found)
    assert all(one.accuracy > 0.9 for one in found)
    assert ratio.area > threshold.area > 0.5
    assert ratio.recognized_at(0.01) > 0.02


def test_the_same_trial_gives_the_same() -> None:
    trial = list_trials(BASE, 6)[1]
    assert np.array_equal(train_one(trial).values, train_one(trial).values)
