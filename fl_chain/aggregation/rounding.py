"""The only rounding under a digest: rational division to the nearest integer, ties to even."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.constants import ACCUMULATOR_BITS


def div_rhe(
    numerators: NDArray[np.int64], denominator: int | NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return ``numerators / denominator``, rounded to the nearest integer, ties to even.

    Parameters
    ----------
    numerators
        Any shape; magnitudes below 2^62, so that twice a remainder stays within int64.
    denominator
        1 to 2^62 - 1; one for all, or one for each.

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
    if not (np.all(np.greater(denominator, 0)) and np.all(np.less(denominator, bound))):
        raise ValueOutOfRange(f"denominator {denominator} is not 1 to 2^{ACCUMULATOR_BITS} - 1")
    if numerators.size and max(-int(numerators.min()), int(numerators.max())) >= bound:
        raise ValueOutOfRange(f"a numerator reaches 2^{ACCUMULATOR_BITS}")
    # floor_divide rounds towards minus infinity, so the remainder is never negative.
    quotients = np.floor_divide(numerators, denominator)
    doubled = (numerators - quotients * denominator) * 2
    is_up = (doubled > denominator) | ((doubled == denominator) & (quotients & 1 == 1))
    rounded: NDArray[np.int64] = quotients + is_up
    return rounded


def round_sqrt(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the integers nearest to square roots; no root lies between two.

    Parameters
    ----------
    values
        Any shape; 0 to 2^62 - 1.

    Raises
    ------
    ValueOutOfRange
        A value is out of range.

    Examples
    --------
    >>> round_sqrt(np.array([0, 1, 2, 3, 6, 7, 2**62 - 1])).tolist()
    [0, 1, 1, 2, 2, 3, 2147483648]
    """
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < 2**ACCUMULATOR_BITS:
        raise ValueOutOfRange(f"a value is not 0 to 2^{ACCUMULATOR_BITS} - 1")
    roots = np.sqrt(values.astype(np.float64)).astype(np.int64)  # wrong by one at most
    roots -= roots * roots > values
    roots += (roots + 1) * (roots + 1) <= values
    rounded: NDArray[np.int64] = roots + (values - roots * roots > roots)
    return rounded
