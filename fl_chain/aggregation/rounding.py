"""The only rounding under a digest: rational division to the nearest integer, ties to even."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.constants import ACCUMULATOR_BITS


def div_rhe(numerators: NDArray[np.int64], denominator: int) -> NDArray[np.int64]:
    """Return ``numerators / denominator``, rounded to the nearest integer, ties to even.

    Parameters
    ----------
    numerators
        Any shape; magnitudes below 2^62, so that twice a remainder stays within int64.
    denominator
        1 to 2^62 - 1.

    Raises
    ------
    ValueOutOfRange
        A numerator or the denominator is out of range.

    Examples
    --------
    >>> div_rhe(np.array([7, -7, 5, -5, 1, -1, 3, -3]), 2).tolist()
    [4, -4, 2, -2, 0, 0, 2, -2]
    """
    bound = 2**ACCUMULATOR_BITS
    if not 0 < denominator < bound:
        raise ValueOutOfRange(f"denominator {denominator} is not 1 to 2^{ACCUMULATOR_BITS} - 1")
    if numerators.size and max(-int(numerators.min()), int(numerators.max())) >= bound:
        raise ValueOutOfRange(f"a numerator reaches 2^{ACCUMULATOR_BITS}")
    # floor_divide rounds towards minus infinity, so the remainder is never negative.
    quotients = np.floor_divide(numerators, denominator)
    doubled = (numerators - quotients * denominator) * 2
    is_up = (doubled > denominator) | ((doubled == denominator) & (quotients & 1 == 1))
    rounded: NDArray[np.int64] = quotients + is_up
    return rounded
