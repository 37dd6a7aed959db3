"""From an epsilon that people agree on to the integers that a ledger enforces."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fl_chain.errors import UsageError
from fl_chain.protocol.manifest_rules import compute_recipe_cost
from fl_chain.protocol.recipe import Recipe
from fl_chain.protocol.sampled_gaussian import COST_OF_ONE_RHO
from fl_chain.roles.accounting import INTEGER_ORDERS, SAMPLE, account_for_cost

MOST_ORDERS = 128
"""Largest order that is tried; beyond it an epsilon of use has never been found."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a task's updates may tell of one example, in the units of a ledger."""

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


def plan_budget(recipe: Recipe, epsilon: float, delta: float) -> Budget:
    """Return the budget of an epsilon, for the orders by which most updates are within it.

    Parameters
    ----------
    recipe
        How participants train, with noise.
    epsilon, delta
        What a participant's updates may come to, for one example of its own.

    Raises
    ------
    UsageError
        Not even one update is within it.
    """
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
    if best.num_updates == 0:
        raise UsageError(
            f"one update comes to epsilon {least:.3g} at delta {delta:g}, more than {epsilon:g}",
            "more noise_multiplier, fewer num_epochs or a lower sampling_rate; or a higher epsilon",
        )
    return best


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
