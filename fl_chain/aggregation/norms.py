"""How long an update is, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.blocks import iterate_blocks


def compute_squared_norm(lanes: NDArray[np.int16]) -> int:
    """Return the square of the Euclidean norm of an update, in units of its lanes.

    Added in double precision block by block, where no sum exceeds 2^14 * 2^30: see
    fl_chain/aggregation/robust/distances.py.

    >>> compute_squared_norm(np.array([3, -4], np.int16))
    25
    """
    blocks = (lanes[block].astype(np.float64) for block in iterate_blocks(lanes.size))
    return sum(int(block @ block) for block in blocks)
