"""What Skellam noise on updates covers and costs, in integers that everybody computes alike.

An update is clipped as floats, then rounded by chance, again and again until it fits a bound: that
bound, not the clip norm, is what noise has to cover. Source: Kairouz, Liu and Steinke 2021, "The
distributed discrete Gaussian mechanism for federated learning with secure aggregation"
(arXiv:2102.06387), conditional rounding with beta = exp(-1/2): of 100 draws 39 or more fit.

A cost is zero-concentrated differential privacy, zCDP, of Bun and Steinke 2016 (arXiv:1605.02065):
a release has the cost rho if its Renyi divergence of order alpha is at most rho * alpha. Costs add
up, also those of releases that depend on the ones before. A cost is an integer number of 2^-32,
rounded up. It holds for the orders alpha = 2, 3, 4, ...: for Skellam noise the known bound is one
for integers, of Agarwal, Kairouz and Liu 2021, "The Skellam mechanism for differentially private
federated learning" (arXiv:2110.04995).

Neighbours differ by what one participant sent: its update, or nothing, which is zero. Who takes
part is on record in any case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.canonical_json import MAX_INTEGER
from fl_chain.protocol.sampled_gaussian import COST_OF_ONE_RHO

MAX_CLIP_NORM: Final = 2**24 - 1
"""In units of lanes; squares of lanes that fit a bound then stay below 2^50."""
MAX_DIMENSION: Final = 2**32 - 1
MAX_VARIANCE: Final = 2**30
"""Of one draw, in units of lanes squared."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The most that one participant adds to a sum, in units of lanes."""

    squared_l2: int
    """Of the Euclidean norm, the square."""
    l1: int
    """Of the sum of magnitudes."""


def bound_sensitivity(clip_norm: int, dimension: int) -> Sensitivity:
    """Return the bounds of an update that was clipped as floats, then rounded conditionally.

    Parameters
    ----------
    clip_norm
        Euclidean norm to which the update is clipped, in units of lanes and rounded down:
        floor(norm * 2^F), 1 to 2^24 - 1.
    dimension
        Number of lanes, 1 to 2^32 - 1.

    Returns
    -------
    Both bounds, rounded up.

    Raises
    ------
    ValueOutOfRange
        An argument is out of range.

    Examples
    --------
    >>> bound_sensitivity(100, 100_000)
    Sensitivity(squared_l2=35259, l1=35259)
    """
    if not 1 <= clip_norm <= MAX_CLIP_NORM:
        raise ValueOutOfRange(f"clip norm {clip_norm} is not 1 to {MAX_CLIP_NORM} units of lanes")
    if not 1 <= dimension <= MAX_DIMENSION:
        raise ValueOutOfRange(f"{dimension} lanes are not 1 to {MAX_DIMENSION}")
    # c^2 + d/4 + sqrt(2 ln(1/beta)) (c + sqrt(d)/2), in which the first root is 1. The paper's
    # other bound, (c + sqrt(d))^2, is never less: by (2 sqrt(d) - 1) c + (3d/4 - sqrt(d)/2) more.
    quarters = dimension + ceil_sqrt(4 * dimension)
    squared_l2 = clip_norm * clip_norm + clip_norm - (-quarters // 4)
    # An integer is at most its square, so the squared norm bounds the sum of magnitudes as well.
    return Sensitivity(squared_l2, min(squared_l2, ceil_sqrt(dimension * squared_l2)))


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
        No noise, or so little that the cost is 2^53 or more.

    Examples
    --------
    >>> compute_skellam_cost(Sensitivity(10_000, 10_000), 10_000)
    2148020519
    """
    # For integers a = alpha > 1, the paper has
    #     eps(a) <= a D2^2 / 2mu + min( ((2a - 1) D2^2 + 6 D1) / 4mu^2, 3 D1 / 2mu ).
    # The minimum grows like a at most: as a >= 2,
    #     (2a - 1) D2^2 + 6 D1 <= 2a D2^2 + 3a D1    and    3 D1 / 2mu <= a * 3 D1 / 4mu,
    # so eps(a) <= a rho with rho = D2^2 / 2mu + min( (2 D2^2 + 3 D1) / 4mu^2, 3 D1 / 4mu ).
    if variance < 1:
        raise ValueOutOfRange(f"noise of variance {variance} hides nothing")
    squared_l2, l1 = sensitivity.squared_l2, sensitivity.l1
    excess = min(2 * squared_l2 + 3 * l1, 3 * variance * l1)
    scaled = COST_OF_ONE_RHO * (2 * variance * squared_l2 + excess)
    cost = -(-scaled // (4 * variance * variance))
    if cost > MAX_INTEGER:
        raise ValueOutOfRange("so little noise costs more than a manifest can say")
    return cost


def bound_magnitude(variance: int) -> int:
    """Return a magnitude that no noise exceeds, as fl_chain/privacy/noise/skellam.py draws it.

    The table of a variance ends where P(|X| > k) is less than 2^-127. As by Bernstein's inequality
    P(|X| >= N) <= 2 exp(-N^2 / 2(mu + N/3)), that is so for N = 60 + sqrt(178 mu) at the latest.

    Parameters
    ----------
    variance
        mu, in units of lanes squared, at least 0.

    Examples
    --------
    >>> bound_magnitude(100)
    194
    """
    return 60 + ceil_sqrt(178 * variance)


def ceil_sqrt(value: int) -> int:
    """Return the smallest integer whose square is at least ``value``, from 0.

    >>> [ceil_sqrt(value) for value in (0, 1, 2, 4, 5)]
    [0, 1, 2, 2, 3]
    """
    return math.isqrt(value - 1) + 1 if value else 0
