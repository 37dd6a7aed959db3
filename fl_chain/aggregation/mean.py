"""The rule ``mean``: federated averaging with public integer weights, exactly.

    S = sum_i w_i q_i                       int64, exact, hence independent of the order
    A = div_rhe(S * 2^(G-F), sum_i w_i)     the only rounding, in step.py

Source: McMahan et al. 2017 (arXiv:1602.05629), Algorithm 1, on fixed-point integers. Assumes
honest participants: one update can move the mean by its weight's share of max_abs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.blocks import iterate_blocks
from fl_chain.aggregation.step import Aggregate
from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.constants import LANE_BITS


class WeightedSum:
    """A running weighted sum of updates, which is all it keeps.

    Parameters
    ----------
    num_values
        Lanes per update.
    max_abs
        Largest magnitude of a lane, which the caller has checked.

    Examples
    --------
    >>> total = WeightedSum(3)
    >>> total.add(np.array([1000, -2000, 3], np.int16), 600)
    >>> total.add(np.array([1001, -1999, 4], np.int16), 300)
    >>> total.add(np.array([-500, 7, -32768], np.int16), 101)
    >>> total.values.tolist(), total.weight
    ([849800, -1798993, -3306568], 1001)
    """

    def __init__(self, num_values: int, max_abs: int = 2 ** (LANE_BITS - 1)) -> None:
        self.values: NDArray[np.int64] = np.zeros(num_values, np.int64)
        self.weight = 0
        self.max_abs = max_abs

    def add(self, lanes: NDArray[np.int16], weight: int) -> None:
        """Add ``weight * lanes``.

        Raises
        ------
        ValueOutOfRange
            The weight is not positive, or the sum could overflow int64.
        """
        if weight < 1:
            raise ValueOutOfRange(f"weight {weight} is not positive")
        self._check_headroom(weight)
        for block in iterate_blocks(self.values.size):
            self.values[block] += np.multiply(lanes[block], weight, dtype=np.int64)
        self.weight += weight

    def add_sum(self, values: NDArray[np.int64] | NDArray[np.int32], weight: int) -> None:
        """Add a sum of weighted updates, and of their weights.

        Raises
        ------
        ValueOutOfRange
            The sum could overflow int64.
        """
        self._check_headroom(weight)
        self.values += values
        self.weight += weight

    def mean(self) -> Aggregate:
        """Return the weighted mean of what was added.

        Raises
        ------
        ValueOutOfRange
            Nothing was.
        """
        if self.weight == 0:
            raise ValueOutOfRange("the mean of no updates is undefined")
        return Aggregate(self.values, self.weight)

    def _check_headroom(self, weight: int) -> None:
        if (self.weight + weight) * self.max_abs >= 2**63:
            raise ValueOutOfRange(f"total weight {self.weight + weight} could overflow the sum")
