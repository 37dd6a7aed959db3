"""The rules ``krum`` and ``multi_krum``: the updates that most others are near to.

The score of an update is the sum of its squared distances to the n - f - 2 updates nearest to it.
Krum takes the update with the lowest score, Multi-Krum the mean of the n - f lowest. Of equal
scores that of the smaller address comes first.

Source: Blanchard et al. 2017 (NeurIPS, "Machine Learning with Adversaries"), sections 4 and 5.
Assumes n >= 2 f + 3, and honest updates that resemble one another: Krum is poor where data differ
between participants, since it learns from one of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.robust.distances import compute_squared_distances
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.step import Aggregate


def compute_krum(rows: LaneRows, num_malicious: int) -> Aggregate:
    """Return the lanes of the update with the lowest score."""
    return average(rows, rank_by_score(rows, num_malicious)[:1])


def compute_multi_krum(rows: LaneRows, num_malicious: int) -> Aggregate:
    """Return the mean of the n - f updates with the lowest scores."""
    ranking = rank_by_score(rows, num_malicious)
    return average(rows, ranking[: len(rows) - num_malicious])


def rank_by_score(rows: LaneRows, num_malicious: int) -> NDArray[np.int64]:
    """Return the numbers of the updates, the lowest score first."""
    distances = compute_squared_distances(rows)
    scores = compute_scores(distances, len(rows) - num_malicious - 2)
    return np.argsort(scores, kind="stable")


def compute_scores(distances: NDArray[np.int64], num_nearest: int) -> NDArray[np.int64]:
    """Return the sum of the distances of each update to so many others nearest to it."""
    # The first of a sorted row is the distance to itself, or one as small.
    nearest = np.sort(distances, axis=1)[:, 1 : num_nearest + 1]
    scores: NDArray[np.int64] = nearest.sum(1)
    return scores


def average(rows: LaneRows, chosen: NDArray[np.int64]) -> Aggregate:
    """Return the mean of some updates, by their numbers."""
    numerators: NDArray[np.int64] = np.empty(rows.num_values, np.int64)
    for block, lanes in rows.iterate():
        numerators[block] = lanes[chosen].sum(0, np.int64)
    return Aggregate(numerators, len(chosen))
