"""From an epsilon that people agree on to the integers that a ledger enforces."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from fl_chain.errors import UsageError, ValueOutOfRange
from fl_chain.protocol.canonical_json import MAX_INTEGER
from fl_chain.protocol.noise_rules import compute_recipe_cost, compute_update_cost
from fl_chain.protocol.privacy import PrivacyParameters
from fl_chain.protocol.recipe import Recipe
from fl_chain.protocol.sampled_gaussian import COST_OF_ONE_RHO, MAX_ORDER
from fl_chain.roles.accounting import INTEGER_ORDERS, PARTICIPANT, SAMPLE, account_for_cost

MOST_ORDERS = 128
"""Largest order that is tried; beyond it an epsilon of use has never been found."""


@dataclass(frozen=True, slots=True)
class PrivacyTarget:
    """What people agree on: what all updates of a participant may come to."""

    epsilon: float
    """Above 0."""
    delta: float
    """Above 0 and below 1."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a participant's updates may come to, in the units of a ledger."""

    cost: int
    """Of one update, in 2^-32 of rho."""
    budget: int
    """Of all updates of a participant."""
    max_order: int
    """The costs hold for the orders 2 to this one."""

    @property
    def num_updates(self) -> int:
        """So many updates of a participant are within the budget."""
        return self.budget // self.cost

    def set_in(self, privacy: PrivacyParameters) -> PrivacyParameters:
        """Return privacy parameters with this budget."""
        return replace(privacy, budget=self.budget, cost=self.cost, max_order=self.max_order)


def plan_budget(recipe: Recipe, target: PrivacyTarget) -> Budget:
    """Return the budget of noise in training, for the orders by which most updates are within it.

    Parameters
    ----------
    recipe
        How participants train, with noise.
    target
        For one example of a participant.

    Raises
    ------
    UsageError
        Not even one update is within it.
    """
    epsilon, delta = target.epsilon, target.delta
    best: Budget | None = None
    least = math.inf
    for max_order in (order for order in INTEGER_ORDERS if order <= MOST_ORDERS):
        cost = compute_recipe_cost(recipe, max_order)
        alone = account_for_cost(cost, delta, unit=SAMPLE, max_order=max_order)
        least = min(least, alone.epsilon)
        found = Budget(cost, find_largest_cost(epsilon, delta, max_order), max_order)
        if best is None or found.budget * best.cost > best.budget * found.cost:
            best = found
        elif cost > 4 * best.cost:
            break  # from here on the divergence grows faster than any order helps
    assert best is not None  # noqa: S101 - there are orders
    _require_one(
        best,
        least,
        target,
        "more noise_multiplier, fewer num_epochs or a lower sampling_rate; or a higher epsilon",
    )
    return best


def plan_update_budget(
    privacy: PrivacyParameters, num_lanes: int, target: PrivacyTarget
) -> PrivacyParameters:
    """Return privacy parameters with the budget of noise on updates.

    Parameters
    ----------
    privacy
        With noise on updates.
    num_lanes
        Of an update.
    target
        For one participant, with all its examples.

    Raises
    ------
    UsageError
        Not even one update is within it.
    """
    hint = "more privacy.noise_multiplier, fewer values, or a higher epsilon"
    if num_lanes > privacy.clip_norm**2:
        # Then what is rounded away is longer than what is sent.
        hint = "a larger privacy.clip_norm, less noise so that lanes are finer, or fewer values"
    try:
        cost = compute_update_cost(privacy, num_lanes)
    except ValueOutOfRange as error:
        raise UsageError(error.message, hint) from None
    # The cost holds for all orders, so more of them never cost anything.
    most = min(find_largest_cost(target.epsilon, target.delta, MAX_ORDER), MAX_INTEGER)
    budget = Budget(cost, most, MAX_ORDER)
    alone = account_for_cost(cost, target.delta, unit=PARTICIPANT, max_order=MAX_ORDER)
    _require_one(budget, alone.epsilon, target, hint)
    return budget.set_in(privacy)


def _require_one(budget: Budget, epsilon: float, target: PrivacyTarget, hint: str) -> None:
    if budget.num_updates == 0:
        raise UsageError(
            f"one update comes to epsilon {epsilon:.3g} at delta {target.delta:g}, more than"
            f" {target.epsilon:g}",
            hint,
        )


def find_largest_cost(epsilon: float, delta: float, max_order: int) -> int:
    """Return the largest cost from which no more than an epsilon follows; 0 if there is none."""

    def is_within(cost: int) -> bool:
        told = account_for_cost(cost, delta, unit=SAMPLE, max_order=max_order)
        return told.epsilon <= epsilon

    if not is_within(0):
        return 0
    low, high = 0, math.ceil((epsilon + 1) * COST_OF_ONE_RHO)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if is_within(middle) else (low, middle - 1)
    return low
