"""What noise costs, as one integer that a contract can add up.

Concentrated differential privacy, zCDP, of Bun and Steinke 2016 (arXiv:1605.02065): a release has
the cost rho if its Renyi divergence of order alpha is at most rho * alpha. Costs add up, also those
of releases that depend on the ones before. A cost is an integer number of 2^-32, always rounded up.

Costs here hold for the orders alpha = 2, 3, 4, ... For the Gaussian mechanism all others hold too;
for Skellam's the known bound is for integers alone. Whoever makes an epsilon of a cost has to use
these orders: see fl_chain/roles/accounting.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fl_chain.errors import ValueOutOfRange
from fl_chain.privacy.noise.sensitivity import Sensitivity
from fl_chain.protocol.sampled_gaussian import COST_OF_ONE_RHO

MAX_COST: Final = 2**64 - 1
"""Of one release, and of all together; no epsilon below 4 * 10^9 would follow from more."""


def compute_skellam_cost(sensitivity: Sensitivity, variance: int) -> int:
    """Return the cost of one sum with Skellam noise.

    Parameters
    ----------
    sensitivity
        Of the sum.
    variance
        mu of all noise that the sum certainly has, in units of lanes squared, at least 1: of so
        many participants as are sure to be in it and to be honest.

    Raises
    ------
    ValueOutOfRange
        No noise, or so little that the cost exceeds MAX_COST.

    Examples
    --------
    >>> compute_skellam_cost(Sensitivity(10_000, 10_000), 10_000)
    2148020519
    """
    # Agarwal, Kairouz and Liu 2021, "The Skellam mechanism for differentially private federated
    # learning" (arXiv:2110.04995), for integers a = alpha > 1:
    #     eps(a) <= a D2^2 / 2mu + min( ((2a - 1) D2^2 + 6 D1) / 4mu^2, 3 D1 / 2mu ).
    # The minimum grows like a at most: as a >= 2,
    #     (2a - 1) D2^2 + 6 D1 <= 2a D2^2 + 3a D1    and    3 D1 / 2mu <= a * 3 D1 / 4mu,
    # so eps(a) <= a rho with rho = D2^2 / 2mu + min( (2 D2^2 + 3 D1) / 4mu^2, 3 D1 / 4mu ).
    _require_variance(variance)
    squared_l2, l1 = sensitivity.squared_l2, sensitivity.l1
    excess = min(2 * squared_l2 + 3 * l1, 3 * variance * l1)
    return _round_up(2 * variance * squared_l2 + excess, 4 * variance * variance)


def compute_gaussian_cost(squared_l2: int, variance: int) -> int:
    """Return the cost of one release with Gaussian noise, D2^2 / 2 sigma^2.

    Only their ratio matters, so both can be in any unit. It is the cost of a release that uses all
    examples; of one that samples them in secret, `cost_of_rdp` knows less.

    Parameters
    ----------
    squared_l2
        Square of the Euclidean sensitivity, at least 0.
    variance
        sigma^2, at least 1.

    Raises
    ------
    ValueOutOfRange
        No noise, or so little that the cost exceeds MAX_COST.
    """
    _require_variance(variance)
    return _round_up(squared_l2, 2 * variance)


def cost_of_rdp(orders: Sequence[int], rdp: Sequence[float]) -> int:
    """Return the smallest cost with rdp <= rho * alpha on all given orders.

    It holds on these, and on any order below the last by what its next one above has, which is
    less sharp: what is made of the cost is to be made on these orders.

    Parameters
    ----------
    orders
        alpha, integers of at least 2; at least one.
    rdp
        Renyi divergence at each, in nats, at least 0; taken for exactly the binary fraction that it
        is, so errors of whoever computed it are to be added before.

    Raises
    ------
    ValueOutOfRange
        A value is out of range, or the cost exceeds MAX_COST.

    Examples
    --------
    >>> cost_of_rdp([2, 3], [0.5, 0.75]) == COST_OF_ONE_RHO // 4
    True
    """
    if not orders or len(orders) != len(rdp) or min(orders) < 2:
        raise ValueOutOfRange("there is one divergence for each order, and orders are at least 2")
    costs = []
    for order, divergence in zip(orders, rdp, strict=True):
        try:
            numerator, denominator = divergence.as_integer_ratio()
        except (OverflowError, ValueError):
            raise ValueOutOfRange(f"the divergence of order {order} is not finite") from None
        costs.append(_round_up(numerator, denominator * order))
    return max(costs)


def _require_variance(variance: int) -> None:
    if variance < 1:
        raise ValueOutOfRange(f"noise of variance {variance} hides nothing")


def _round_up(numerator: int, denominator: int) -> int:
    if numerator < 0:
        raise ValueOutOfRange("a sensitivity or a divergence is negative")
    cost = -(-numerator * COST_OF_ONE_RHO // denominator)
    if cost > MAX_COST:
        raise ValueOutOfRange("so little noise has no cost that can be written down")
    return cost
