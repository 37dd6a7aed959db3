"""Whether lanes fit the bound that noise covers: if not, their rounding is drawn again.

See fl_chain/protocol/skellam_noise.py for the bound and its source.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fl_chain.errors import ValueOutOfRange

_BLOCK_LANES: Final = 2**12
"""So many squares below 2^50 have a sum that fits int64."""


def fits_bound(lanes: NDArray[np.signedinteger], squared_bound: int) -> bool:
    """Return whether lanes are no longer than a bound.

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
