"""The rule ``geometric_median``: the point with the least sum of distances, nearly.

Eight steps of Weiszfeld's method from the median of each value. Every step weighs each update by
the inverse of its distance, in 2^-20 of the nearest one's weight, and moves to the weighted mean:

    N_i = max(1, ceil(|q_i - z|)),   w_i = max(1, floor(2^20 min(N) / N_i)),   z' = sum w q / sum w

z' is rounded to the nearest integer, ties to even, in all steps but the last.

Source: Pillutla et al. 2022 (arXiv:1912.13445), Algorithm 2, with a fixed number of steps. Assumes
n >= 2 f + 1. It bounds how far updates pull, not whether they do: a long backdoored one still gets
through in part.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.robust.iteration import approach
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.step import Aggregate
from fl_chain.protocol.rules import SCORE_BITS

NUM_STEPS: Final = 8


def compute_geometric_median(rows: LaneRows, num_malicious: int) -> Aggregate:
    """Return where the last step leads."""
    return approach(rows, NUM_STEPS, weigh)


def weigh(rows: LaneRows, point: NDArray[np.int64], distances: list[int]) -> Aggregate:
    """Return the mean of the updates, weighed by the inverse of their distances to a point."""
    nearest = min(distances) << SCORE_BITS
    weights = [max(1, nearest // distance) for distance in distances]
    # Exact: no sum exceeds 2^12 * 2^20 * 2^15.
    factors = np.array(weights, np.float64)
    numerators: NDArray[np.int64] = np.empty(rows.num_values, np.int64)
    for block, lanes in rows.iterate():
        numerators[block] = (factors @ lanes.astype(np.float64)).astype(np.int64)
    return Aggregate(numerators, sum(weights))
