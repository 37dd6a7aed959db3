"""What each mode shows gives members away: an update most, a sum less, the model least."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from fl_chain.errors import TrainingError, UsageError
from fl_chain.lab.experiment import Experiment
from fl_chain.lab.membership import LIKELIHOOD_RATIO, choose_members
from fl_chain.lab.membership_modes import (
    MODEL,
    NOISED_MODEL,
    NOISED_SUM_MODEL,
    READ,
    Plan,
)
from fl_chain.lab.membership_trials import Confidences, Leak, judge_all, list_trials, train_one
from fl_chain.lab.modes import GROUP_SUM, NOISED, NOISED_SUM, UPDATE
from fl_chain.lab.participants import Noise, divide
from fl_chain.lab.plan import make_scenario
from fl_chain.training.catalogue import load_dataset

MODES = tuple(READ)
ONE_ROUND = Plan(make_scenario("digits", "", 6, 0, 1, 1, 64, 0.1), 6, MODES, 3, Noise(1.0, 1.0))
BY_HEART = replace(
    ONE_ROUND,
    scenario=make_scenario("digits", "", 6, 0, 5, 6, 16, 0.3),
    modes=("open", "sealed", "masked"),
)
WITHOUT = replace(ONE_ROUND, modes=BY_HEART.modes)


def try_out(plan: Plan) -> list[Confidences]:
    return [train_one(trial) for trial in list_trials(plan)]


@pytest.fixture(scope="module")
def by_heart() -> list[Confidences]:
    return try_out(BY_HEART)


def of_the_ratio(leaks: Sequence[Leak]) -> dict[str, float]:
    return {
        leak.read: verdict.area
        for leak in leaks
        for verdict in leak.verdicts
        if verdict.attack == LIKELIHOOD_RATIO
    }


def test_an_update_gives_away_more_than_a_sum_and_a_sum_more_than_the_model(
    by_heart: list[Confidences],
) -> None:
    leaks = judge_all(by_heart)
    assert all(leak.accuracy > 0.9 for leak in leaks)
    area = of_the_ratio(leaks)
    assert area[UPDATE] > area[GROUP_SUM] + 0.02
    assert area[GROUP_SUM] > area[MODEL] > 0.52


def test_a_model_that_has_learned_by_heart_gives_members_away(by_heart: list[Confidences]) -> None:
    for leak in judge_all(by_heart):
        ratio, threshold = leak.verdicts
        assert ratio.area > threshold.area > 0.5
        assert ratio.recognized_at(0.01) > 0.015


def test_confidences_come_in_any_order(by_heart: list[Confidences]) -> None:
    assert of_the_ratio(judge_all(by_heart[::-1])) == of_the_ratio(judge_all(by_heart))


def test_strong_noise_leaves_no_more_than_a_guess() -> None:
    plan = replace(ONE_ROUND, modes=("noised",), noise=Noise(50.0, 1.0))
    for leak in judge_all(try_out(plan)):
        for verdict in leak.verdicts:
            # Whoever guesses has an area with this deviation (Hanley and McNeil 1982). It is larger
            # where models differ as a whole, and not by their examples: so five of them.
            deviation = sqrt((2 * verdict.num_others + 1) / 12) / verdict.num_others
            assert verdict.area < 0.5 + 5 * deviation
            assert verdict.recognized_at(0.01) < 0.015


def test_one_training_is_enough_for_all_that_is_read_with_the_same_noise() -> None:
    found = try_out(ONE_ROUND)
    assert len(found) == 3 * ONE_ROUND.num_models
    every = [set(one.values) for one in found]
    assert every.count({UPDATE, GROUP_SUM, MODEL}) == ONE_ROUND.num_models
    assert every.count({NOISED, NOISED_MODEL}) == ONE_ROUND.num_models
    assert every.count({NOISED_SUM, NOISED_SUM_MODEL}) == ONE_ROUND.num_models
    assert all(np.isfinite(sure).all() for one in found for sure in one.values.values())


def test_every_mode_shows_the_model_and_a_sealed_one_nothing_else() -> None:
    modes = {read: ONE_ROUND.list_modes(read) for read in ONE_ROUND.read}
    assert modes == {
        UPDATE: ["open"],
        GROUP_SUM: ["masked"],
        MODEL: ["open", "sealed", "masked"],
        NOISED: ["noised"],
        NOISED_MODEL: ["noised"],
        NOISED_SUM: ["noised"],
        NOISED_SUM_MODEL: ["noised"],
    }
    assert replace(ONE_ROUND, modes=("sealed",)).read == (MODEL,)
    assert ONE_ROUND.name(GROUP_SUM) == "the sum of a group of 3"


def test_the_sum_of_all_is_the_model_and_less_is_not() -> None:
    plan = replace(WITHOUT, group_size=4)  # of which there is one among six
    (one,) = (train_one(trial) for trial in list_trials(plan)[:1])
    assert np.abs(one.values[GROUP_SUM] - one.values[MODEL]).max() < 0.01
    (one,) = (train_one(trial) for trial in list_trials(WITHOUT)[:1])
    assert np.abs(one.values[GROUP_SUM] - one.values[MODEL]).max() > 0.01


def test_where_training_diverges_at_once_all_that_is_read_is_the_genesis_model() -> None:
    scenario = replace(WITHOUT.scenario, learning_rate=1e30)
    values = train_one(list_trials(replace(WITHOUT, scenario=scenario))[0]).values
    assert np.isfinite(values[MODEL]).all()
    for sure in values.values():
        assert sure == pytest.approx(values[MODEL], abs=1e-4)


def test_an_update_is_asked_for_the_examples_of_its_participant() -> None:
    trial = list_trials(WITHOUT)[0]
    train = load_dataset("digits").train
    division = divide(train, "iid", 6, seed=0)
    assert sorted(np.concatenate(division)) == list(range(len(train)))
    members = choose_members(len(train), 6, seed=0)[0]
    experiment = Experiment(
        trial.plan.scenario, [train.subset(part[members[part]]) for part in division]
    )
    experiment.run()
    found = train_one(trial).values[UPDATE]
    for index, part in enumerate(division):
        own = train.subset(part)
        scores = experiment.score_sum([index], own).double().softmax(1).numpy()
        p = scores[np.arange(len(own)), own.labels]
        assert found[part] == pytest.approx(np.log(p / (1 - p)), abs=1e-3)


@pytest.mark.parametrize("modes", [("open", "sealed", "masked"), ("noised",)])
def test_the_same_trial_gives_the_same(modes: tuple[str, ...]) -> None:
    trial = list_trials(replace(ONE_ROUND, modes=modes))[1]
    one, other = train_one(trial), train_one(trial)
    for read, sure in one.values.items():
        assert np.array_equal(sure, other.values[read])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"num_models": 7}, "7 models cannot be half"),
        ({"num_models": 4}, "4 models cannot be half"),
        ({"modes": ("open", "hidden")}, "there is no mode 'hidden'"),
        ({"modes": ("",)}, "there is no mode ''"),
        ({"group_size": 2}, "6 participants make no group of 2"),
        ({"group_size": 7}, "6 participants make no group of 7"),
        ({"noise": Noise(0.0, 1.0)}, "none to train with"),
        ({"noise": Noise(float("nan"), 1.0)}, "none to train with"),
        ({"noise": Noise(1.0, float("inf"))}, "none to train with"),
    ],
)
def test_what_is_no_plan_is_refused_before_anything_is_trained(
    wrong: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        list_trials(replace(ONE_ROUND, **wrong))  # type: ignore[arg-type]


def test_what_no_mode_asks_for_is_not_refused() -> None:
    sealed = replace(ONE_ROUND, modes=("sealed",), group_size=99, noise=Noise(0.0, 0.0))
    assert len(list_trials(sealed)) == 6


def test_who_would_have_no_example_in_some_half_is_refused() -> None:
    scenario = replace(ONE_ROUND.scenario, num_participants=700)
    with pytest.raises(UsageError, match="some of 700 participants have no example"):
        list_trials(replace(ONE_ROUND, scenario=scenario))
    scenario = replace(ONE_ROUND.scenario, num_participants=4000)
    with pytest.raises(TrainingError, match="cannot fill 4000 partitions"):
        list_trials(replace(ONE_ROUND, scenario=scenario))


def test_noise_needs_opacus_before_anything_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opacus", None)
    with pytest.raises(UsageError, match="needs Opacus") as caught:
        list_trials(ONE_ROUND)
    assert "--modes open,sealed,masked" in str(caught.value.hint)
    assert list_trials(WITHOUT)
