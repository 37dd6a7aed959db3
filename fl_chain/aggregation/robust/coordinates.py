"""The rules ``median`` and ``trimmed_mean``: each value by itself, from the middle of its lanes.

Source: Yin et al. 2018 (arXiv:1803.01498), Definitions 1 and 2. Assumes n >= 2 f + 1: then the
result lies within the range of the honest lanes, value by value. Where honest updates differ much,
malicious ones within that range still pull it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.robust.middle import sum_middle
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.step import Aggregate


def compute_median(rows: LaneRows, num_malicious: int) -> Aggregate:
    """Return the middle lane of each value, or the mean of the two in the middle.

    Examples
    --------
    >>> rows = LaneRows(1)
    >>> for number, lane in enumerate((5, -3, 900, 4)):
    ...     rows.add(f"0x{number}", np.array([lane], np.int16))
    >>> compute_median(rows, 1)
    Aggregate(numerators=array([9]), divisor=2)
    """
    return trim(rows, (len(rows) - 1) // 2)


def compute_trimmed_mean(rows: LaneRows, num_malicious: int) -> Aggregate:
    """Return the mean of what is left without the f smallest and the f largest lanes.

    Examples
    --------
    >>> rows = LaneRows(1)
    >>> for number, lane in enumerate((5, -3, 900, 4, 6)):
    ...     rows.add(f"0x{number}", np.array([lane], np.int16))
    >>> compute_trimmed_mean(rows, 1)
    Aggregate(numerators=array([15]), divisor=3)
    """
    return trim(rows, num_malicious)


def trim(rows: LaneRows, count: int) -> Aggregate:
    """Return the mean of each value without so many lanes at either end."""
    numerators: NDArray[np.int64] = np.empty(rows.num_values, np.int64)
    for block, lanes in rows.iterate():
        numerators[block] = sum_middle(lanes, count)
    return Aggregate(numerators, len(rows) - 2 * count)
