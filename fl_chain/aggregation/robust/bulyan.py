"""The rule ``bulyan``: Krum chooses n - 2 f updates, and each value is what most of those agree on.

The update with the lowest Krum score is chosen and taken out, and the scores of the rest computed
anew, with max(1, m - f - 2) nearest ones of m that are left. Of the chosen lanes of a value, those
farthest from their median are left out one by one, 2 f in all; of two equally far the larger one.

Source: El Mhamdi et al. 2018 (arXiv:1802.07927), section 4. Assumes n >= 4 f + 3. It closes what
the distance in many dimensions leaves open to Krum: a single value far off.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.robust.distances import compute_squared_distances
from fl_chain.aggregation.robust.krum import compute_scores
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.step import Aggregate


def compute_bulyan(rows: LaneRows, num_malicious: int) -> Aggregate:
    """Return the mean of the n - 4 f lanes of each value that are nearest to its median."""
    chosen = choose(compute_squared_distances(rows), num_malicious)
    numerators: NDArray[np.int64] = np.empty(rows.num_values, np.int64)
    for block, lanes in rows.iterate():
        numerators[block] = sum_nearest_to_median(lanes[chosen], 2 * num_malicious)
    return Aggregate(numerators, len(chosen) - 2 * num_malicious)


def choose(distances: NDArray[np.int64], num_malicious: int) -> list[int]:
    """Return the numbers of n - 2 f updates, in the order in which Krum chooses them."""
    left = np.arange(len(distances))
    chosen: list[int] = []
    while len(left) > 2 * num_malicious:
        num_nearest = max(1, len(left) - num_malicious - 2)
        scores = compute_scores(distances[np.ix_(left, left)], num_nearest)
        best = int(np.argmin(scores))
        chosen.append(int(left[best]))
        left = np.delete(left, best)
    return chosen


def sum_nearest_to_median(lanes: NDArray[np.int16], num_dropped: int) -> NDArray[np.int64]:
    """Return the sum of each column without so many lanes, the farthest from the median first."""
    columns = np.ascontiguousarray(lanes.T, np.int32)
    columns.sort(axis=1)
    count = columns.shape[1]
    doubled = columns[:, (count - 1) // 2] + columns[:, count // 2]
    # What is left of sorted values without the farthest ones is always a run of them.
    first: NDArray[np.int64] = np.zeros(len(columns), np.int64)
    last = first + count - 1
    every = np.arange(len(columns))
    for _ in range(num_dropped):
        is_low = doubled - 2 * columns[every, first] > 2 * columns[every, last] - doubled
        first += is_low
        last -= ~is_low
    sums: NDArray[np.int64] = np.zeros((len(columns), count + 1), np.int64)
    np.cumsum(columns, axis=1, dtype=np.int64, out=sums[:, 1:])
    nearest: NDArray[np.int64] = sums[every, last + 1] - sums[every, first]
    return nearest
