"""Rules that approach a point step by step, from the median of each value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.robust.coordinates import compute_median
from fl_chain.aggregation.robust.distances import compute_distances_to
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.rounding import div_rhe
from fl_chain.aggregation.step import Aggregate

Step = Callable[[LaneRows, NDArray[np.int64], list[int]], Aggregate]
"""Takes the updates, the point, and the distances of the updates to it."""


def approach(rows: LaneRows, num_steps: int, step: Step) -> Aggregate:
    """Return where so many steps lead; between them the point is rounded, ties to even."""
    aggregate = compute_median(rows, 0)
    for _ in range(num_steps):
        point = div_rhe(aggregate.numerators, aggregate.divisor)
        aggregate = step(rows, point, compute_distances_to(rows, point))
    return aggregate
