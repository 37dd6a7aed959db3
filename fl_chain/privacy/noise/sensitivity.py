"""How much one participant can change a sum of updates, in exact integers.

Stochastic rounding can make an update longer than it was as floats. Whoever draws the rounding
again until the lanes fit a bound has an update that is never longer, and that bound, not the clip
norm, is what noise has to cover. Source: Kairouz, Liu and Steinke 2021, "The distributed discrete
Gaussian mechanism for federated learning with secure aggregation" (arXiv:2102.06387), conditional
rounding with beta = exp(-1/2): of 100 draws 39 or more fit.

The bounds are for adding or removing one participant. Noise belongs to the sum as it is released:
what multiplies lanes after the check, such as a weight, multiplies the sensitivity too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fl_chain.errors import ValueOutOfRange

MAX_CLIP_NORM: Final = 2**24 - 1
"""In units of lanes; squares of lanes that fit a bound then stay below 2^50."""
MAX_DIMENSION: Final = 2**32 - 1
_BLOCK_LANES: Final = 2**12
"""So many squares below 2^50 have a sum that fits int64."""


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


def fits_bound(lanes: NDArray[np.signedinteger], squared_bound: int) -> bool:
    """Return whether lanes are no longer than a bound; if not, draw their rounding again.

    Parameters
    ----------
    lanes
        Signed integers of one dimension.
    squared_bound
        `Sensitivity.squared_l2`, 0 to 2^50 - 1.

    Raises
    ------
    ValueOutOfRange
        The bound is out of range.

    Examples
    --------
    >>> fits_bound(np.array([3, -4], np.int16), 25), fits_bound(np.array([3, -4], np.int16), 24)
    (True, False)
    """
    if not 0 <= squared_bound < 2**50:
        raise ValueOutOfRange(f"squared bound {squared_bound} is not 0 to 2^50 - 1")
    largest = max(-int(lanes.min(initial=0)), int(lanes.max(initial=0)))
    if largest > math.isqrt(squared_bound):
        return False
    total = 0
    for start in range(0, lanes.size, _BLOCK_LANES):
        block = lanes[start : start + _BLOCK_LANES].astype(np.int64)
        total += int(block @ block)
    return total <= squared_bound


def ceil_sqrt(value: int) -> int:
    """Return the smallest integer whose square is at least ``value``, from 0.

    >>> [ceil_sqrt(value) for value in (0, 1, 2, 4, 5)]
    [0, 1, 2, 2, 3]
    """
    return math.isqrt(value - 1) + 1 if value else 0
