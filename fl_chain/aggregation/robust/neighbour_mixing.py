"""The rule ``nnm_trimmed_mean``: every update gives way to the mean of its neighbours, then trim.

Each update is replaced by the sum of the n - f updates nearest to it, itself included; of equally
near ones that of the smaller address comes first. Then the trimmed mean of those sums: the divisor
of both means, (n - f) (n - 2 f), is applied once at the end.

Source: Allouah et al. 2023 (arXiv:2302.01772), Algorithm 2, nearest-neighbour mixing. Assumes
n >= 2 f + 1. Mixing brings honest updates of different data together before anything is trimmed,
and an update far from all has no neighbours that would carry it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.robust.distances import compute_squared_distances
from fl_chain.aggregation.robust.middle import sum_middle
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.step import Aggregate
from fl_chain.protocol.constants import LANE_BITS


def compute_nnm_trimmed_mean(rows: LaneRows, num_malicious: int) -> Aggregate:
    """Return the trimmed mean of the mixed updates."""
    count, num_near = len(rows), len(rows) - num_malicious
    nearest = np.argsort(compute_squared_distances(rows), axis=1, kind="stable")[:, :num_near]
    # Every sum of lanes is an integer of at most count * 2^15, which floats of this kind hold.
    kind: type[Any] = np.float32 if count * 2**LANE_BITS <= 2**24 else np.float64
    is_near = np.zeros((count, count), kind)
    np.put_along_axis(is_near, nearest, 1, axis=1)
    numerators: NDArray[np.int64] = np.empty(rows.num_values, np.int64)
    for block, lanes in rows.iterate(kind):
        numerators[block] = sum_middle(is_near @ lanes, num_malicious)
    return Aggregate(numerators, num_near * (count - 2 * num_malicious))
