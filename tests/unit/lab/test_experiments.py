"""Experiments: reproducible, honest about what they find, and refused before they begin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl_chain.errors import TrainingError, UsageError
from fl_chain.lab.experiment import Experiment, Outcome, Scenario, run_scenario
from fl_chain.lab.grid import check_scenarios, list_scenarios, run_scenarios
from fl_chain.lab.noised_updates import GroupNoise
from fl_chain.lab.plan import make_scenario, pick_attacks, pick_rules
from fl_chain.lab.summary import choose_rule, summarize
from fl_chain.training.catalogue import load_dataset
from fl_chain.web.lab_report import make_lab_report

BASE = Scenario("digits", "digits_mlp", 10, 2, 4, "iid", 0, "mean", "none", 1, 16, 0.1)
HONEST = replace(BASE, num_malicious=0)


def test_the_same_scenario_gives_the_same_numbers_in_another_process() -> None:
    scenario = replace(BASE, num_rounds=1, attack="gaussian", rule="nnm_trimmed_mean")
    (other,) = run_scenarios([scenario], 1)
    assert other == run_scenario(scenario)


def test_a_boosted_backdoor_gets_through_the_mean_and_not_through_the_robust_rule() -> None:
    planted = replace(BASE, attack="backdoor")
    through = run_scenario(planted).backdoor_success
    kept_out = run_scenario(replace(planted, rule="nnm_trimmed_mean")).backdoor_success
    assert through is not None
    assert kept_out is not None
    assert through > 0.8
    assert kept_out < 0.1


def test_training_that_diverges_is_an_outcome() -> None:
    outcome = run_scenario(replace(BASE, learning_rate=1e30))
    assert outcome.num_rounds == 0
    assert 0 <= outcome.accuracy <= 1


@pytest.fixture(scope="module")
def untouched() -> float:
    return run_scenario(HONEST).accuracy


@pytest.mark.parametrize(
    ("noise_multiplier", "least", "most"), [(1e-3, -0.03, 0.03), (20.0, -1.0, -0.3)]
)
def test_noise_on_updates_costs_what_it_is_large(
    untouched: float, noise_multiplier: float, least: float, most: float
) -> None:
    noised = Experiment(HONEST, group_noise=GroupNoise(noise_multiplier, 5))
    assert least <= noised.run().accuracy - untouched <= most


def test_noise_on_updates_is_another_in_every_round_and_the_same_when_tried_again() -> None:
    nothing_learned = replace(HONEST, learning_rate=1e-12)
    asked = load_dataset("digits").test
    scores = []
    for num_rounds in (1, 2, 2):
        scenario = replace(nothing_learned, num_rounds=num_rounds)
        experiment = Experiment(scenario, group_noise=GroupNoise(1.0, 5))
        experiment.run()
        genesis = Experiment(scenario).score(asked)
        scores.append(experiment.score(asked) - genesis)
    once, twice, again = scores
    assert twice.equal(again)
    assert not once.equal(twice)


def test_noise_that_lanes_have_no_room_for_ends_an_experiment() -> None:
    with pytest.raises(UsageError, match="no room for noise 1e\\+06 times"):
        Experiment(HONEST, group_noise=GroupNoise(1e6, 5)).run()


def test_every_combination_is_a_scenario_once() -> None:
    scenarios = list_scenarios(BASE, ["mean", "krum"], ["none", "ipm", "alie"], ["iid"], 2)
    assert len(scenarios) == len(set(scenarios)) == 12
    assert {scenario.seed for scenario in scenarios} == {0, 1}


def test_what_cannot_begin_is_refused_before_the_first_experiment() -> None:
    for split in ("by weather", "dirichlet", "dirichlet:-1"):
        with pytest.raises(TrainingError):
            check_scenarios([replace(BASE, split=split)])
    with pytest.raises(UsageError, match="no number"):
        check_scenarios([replace(BASE, split="dirichlet:much")])


def test_what_somebody_asks_for_is_held_against_what_there_is() -> None:
    settings = (1, 16, 0.1)
    assert make_scenario("digits", "", 10, 2, 4, *settings) == BASE
    with pytest.raises(UsageError, match="no rule withstands half"):
        make_scenario("digits", "", 10, 5, 4, *settings)
    with pytest.raises(TrainingError):
        make_scenario("letters", "", 10, 2, 4, *settings)
    with pytest.raises(UsageError, match="there is no rule 'mode'"):
        pick_rules(["mode"], 10, 2, is_asked=True)
    with pytest.raises(UsageError, match="withstands 2 of 11 participants or more"):
        pick_rules(["bulyan"], 10, 2, is_asked=True)
    assert pick_rules(["mean", "bulyan"], 10, 2, is_asked=False) == ["mean"]
    with pytest.raises(UsageError, match="there is no attack 'noise'"):
        pick_attacks(["noise"], "digits")
    assert pick_attacks(["ipm", "none", "ipm"], "digits") == ["none", "ipm"]
    assert "backdoor" in pick_attacks([], "digits")


def outcomes() -> list[Outcome]:
    def made(rule: str, attack: str, seed: int, accuracy: float, success: float | None) -> Outcome:
        scenario = replace(BASE, rule=rule, attack=attack, seed=seed)
        return Outcome(scenario, accuracy, 4, success)

    return [
        made("mean", "none", 0, 0.9, None),
        made("mean", "ipm", 0, 0.8, None),
        made("mean", "ipm", 1, 0.6, None),
        made("mean", "backdoor", 0, 0.9, 1.0),
        made("krum", "none", 0, 0.7, None),
        made("krum", "ipm", 0, 0.6, None),
        made("krum", "backdoor", 0, 0.65, 0.02),
    ]


def test_rules_are_compared_by_their_worst_case_and_by_what_backdoors_reach() -> None:
    krum, mean = summarize(outcomes())
    assert (mean.clean, mean.worst_attack, mean.worst) == (0.9, "ipm", 0.7)
    assert mean.lowest["ipm"] == 0.6
    assert (mean.keeps_backdoors_out, krum.keeps_backdoors_out) == (False, True)
    assert choose_rule([krum, mean], "iid") is krum
    assert choose_rule([mean], "iid") is None
    assert choose_rule([krum], "dirichlet:0.5") is None


def test_the_report_shows_every_number_and_marks_what_is_not_tolerable() -> None:
    page = make_lab_report(BASE, summarize(outcomes()), ["none", "ipm", "backdoor"], 2)
    for shown in ("90.0", "70.0", "65.0", "100.0", "Best in its worst case", "<strong>krum"):
        assert shown in page
    assert page.count('class="number bad"') == 3
    assert "<script" not in page
