"""What each participant has spent of its privacy budget, as rows."""

from __future__ import annotations

from collections.abc import Iterator

from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.sampled_gaussian import COST_OF_ONE_RHO
from fl_chain.roles.accounting import PARTICIPANT, SAMPLE, account_for_cost
from fl_chain.roles.task_history import Row, TaskHistory

DELTA = 1e-5
DIGITS = 6
"""Of rho, where it is told to people; the integers are exact."""


def list_privacy(history: TaskHistory, delta: float = DELTA) -> Iterator[Row]:
    """Yield a row per participant that is admitted or has spent something; none without a budget.

    Of a participant that changed its key there is one row, under the key that it has now: what was
    spent moved there with its admission.

    ``epsilon`` is what it has come to at ``delta`` for one example of the participant, or for the
    participant where noise is on updates; None where the manifest, which says so, cannot be had, or
    asks for no noise.

    Raises
    ------
    ValueOutOfRange
        ``delta`` is not above 0 and below 1.
    """
    task = history.task
    if not task.has_budget:
        return
    cost, budget = task.parameters.privacy_cost, task.parameters.privacy_budget
    left_behind = sorted(task.privacy_spent.keys() - task.admitted)
    for participant in (*sorted(task.admitted), *left_behind):
        spent = task.spent(participant)
        yield {
            "participant": participant,
            "is_admitted": participant in task.admitted,
            "updates": spent // cost,
            "spent_rho": to_rho(spent),
            "budget_rho": to_rho(budget),
            "spent": spent,
            "budget": budget,
            "updates_left": task.updates_left(participant),
            **_describe(history.manifest, spent, delta),
        }


def _describe(manifest: Manifest | None, spent: int, delta: float) -> Row:
    """Return what a cost is worth, with all that an epsilon means nothing without."""
    if manifest is None or not (manifest.recipe.has_noise or manifest.privacy.has_noise):
        return dict.fromkeys(("epsilon", "delta", "unit", "accountant"))
    privacy = manifest.privacy
    unit = PARTICIPANT if privacy.has_noise else SAMPLE
    told = account_for_cost(spent, delta, unit=unit, max_order=privacy.max_order)
    epsilon = float(f"{told.epsilon:.4g}") if spent else 0.0
    accountant = f"{told.accountant}, orders to {privacy.max_order}, {told.library}"
    if privacy.num_noisy > 1:
        accountant += f", noise of {privacy.num_noisy} counted"
    return {"epsilon": epsilon, "delta": delta, "unit": told.unit, "accountant": accountant}


def to_rho(cost: int) -> float:
    """Return a cost as rho, to six significant digits.

    Examples
    --------
    >>> to_rho(2**30)
    0.25
    >>> to_rho(1)
    2.32831e-10
    """
    return float(f"{cost / COST_OF_ONE_RHO:.{DIGITS}g}")
