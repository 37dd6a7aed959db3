"""The rule ``centered_clipping``: no update pulls farther than half of them reach.

Three steps from the median of each value. In every step the radius is the middle one of the
distances between the point and the updates, the lower of two; what is beyond it is shortened to it,
lanes rounded towards zero, and the point moves by the mean of what is left:

    N_i = max(1, ceil(|q_i - v|)),   r = N sorted, number floor((n - 1) / 2)
    c_i = q_i - v  where N_i <= r,   sign(q_i - v) floor(|q_i - v| r / N_i)  elsewhere
    v'  = v + sum c / n

v' is rounded to the nearest integer, ties to even, in all steps but the last.

Source: Karimireddy et al. 2021 (arXiv:2012.10333), section 4; there v begins with the aggregate of
the round before and r is given, here both follow from the round's updates, so that nothing has to
be remembered or guessed. Assumes n >= 2 f + 1. It bounds how far updates pull, not whether they do.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.robust.iteration import approach
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.step import Aggregate

NUM_STEPS: Final = 3


def compute_centered_clipping(rows: LaneRows, num_malicious: int) -> Aggregate:
    """Return where the last step leads."""
    return approach(rows, NUM_STEPS, clip)


def clip(rows: LaneRows, point: NDArray[np.int64], distances: list[int]) -> Aggregate:
    """Return the mean of the updates, shortened to a radius around a point."""
    count = len(rows)
    radius = sorted(distances)[(count - 1) // 2]
    numerators: NDArray[np.int64] = np.empty(rows.num_values, np.int64)
    for block, lanes in rows.iterate():
        center = point[block]
        moved = count * center
        for row, distance in zip(lanes, distances, strict=True):
            away = row - center
            if distance > radius:
                away = np.sign(away) * (np.abs(away) * radius // distance)
            moved += away
        numerators[block] = moved
    return Aggregate(numerators, count)
