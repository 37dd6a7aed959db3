"""Budgets: never more than was agreed on, and nothing lost for being one integer."""

from __future__ import annotations

import pytest

from fl_chain.errors import UsageError
from fl_chain.protocol.recipe import Recipe
from fl_chain.protocol.sampled_gaussian import MAX_ORDER
from fl_chain.roles.accounting import SAMPLE, account_for_cost, account_for_sgd
from fl_chain.roles.privacy_budget import PrivacyTarget, find_largest_cost, plan_budget

DELTA = 1e-5


def make_recipe(noise: str, rate: str, epochs: int = 1) -> Recipe:
    return Recipe("m", "d", epochs, noise_multiplier=noise, max_grad_norm="1", sampling_rate=rate)


@pytest.mark.parametrize(
    ("noise", "rate", "epochs", "published"),
    [("1.3", "0.004", 15, 0.922), ("1.1", "0.004", 60, 2.5029), ("0.7", "0.004", 45, 6.0937)],
)
def test_one_integer_loses_nothing_against_an_accountant(
    noise: str, rate: str, epochs: int, published: float
) -> None:
    """By algorithms that are not ours, with orders that are no integers as well."""
    recipe = make_recipe(noise, rate)
    planned = plan_budget(recipe, PrivacyTarget(published * 1.02, DELTA))
    assert planned.num_updates >= epochs
    spent = account_for_cost(epochs * planned.cost, DELTA, unit=SAMPLE, max_order=planned.max_order)
    theirs = account_for_sgd(
        sample_rate=float(rate),
        noise_multiplier=float(noise),
        num_steps=epochs * recipe.num_private_steps,
        delta=DELTA,
    )
    assert theirs.epsilon == pytest.approx(published, abs=1e-3)
    assert theirs.epsilon <= spent.epsilon * (1 + 1e-9) <= theirs.epsilon * 1.02


@pytest.mark.parametrize("epsilon", [0.5, 3.0, 8.0])
def test_all_updates_within_a_budget_are_within_the_epsilon(epsilon: float) -> None:
    planned = plan_budget(make_recipe("2", "0.02"), PrivacyTarget(epsilon, DELTA))
    assert planned.num_updates >= 1
    assert 2 <= planned.max_order <= MAX_ORDER
    for cost, is_within in ((planned.budget, True), (planned.budget + 1, False)):
        told = account_for_cost(cost, DELTA, unit=SAMPLE, max_order=planned.max_order)
        assert (told.epsilon <= epsilon) == is_within


def test_more_noise_buys_more_updates() -> None:
    counts = [
        plan_budget(make_recipe(noise, "0.02"), PrivacyTarget(3.0, DELTA)).num_updates
        for noise in "1248"
    ]
    assert counts == sorted(set(counts))


def test_a_budget_for_nothing_is_refused_with_the_least_that_would_do() -> None:
    with pytest.raises(UsageError, match=r"one update comes to epsilon .* more than 0\.01"):
        plan_budget(make_recipe("1.1", "0.05"), PrivacyTarget(0.01, DELTA))


def test_an_epsilon_that_no_cost_reaches_has_none() -> None:
    assert find_largest_cost(0.5, DELTA, 2) == 0
