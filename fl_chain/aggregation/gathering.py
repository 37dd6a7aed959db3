"""What a round keeps of its included updates until all are there: their sum, or each of them."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.mean import WeightedSum
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.robust.table import apply_rule
from fl_chain.aggregation.rounding import div_rhe
from fl_chain.aggregation.step import Aggregate
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.rewards import COSINE
from fl_chain.protocol.rules import MEAN


class Gathering(Protocol):
    """The included updates of one round, in any order."""

    @property
    def weight(self) -> int:
        """Sum of their weights."""
        ...

    def add(self, participant: str, lanes: NDArray[np.int16], weight: int) -> None:
        """Add an update, whose lanes and weight the caller has checked."""
        ...

    def add_sum(self, participant: str, values: NDArray[np.int32], weight: int) -> None:
        """Add a sum of updates, each times its weight, which the caller has checked.

        Parameters
        ----------
        participant
            Who stands for all of them.
        values
            The sum, as many as an update has lanes.
        weight
            Of all of them.
        """
        ...

    def merge(self, other: Self) -> None:
        """Add what was gathered of other participants."""
        ...

    def aggregate(self) -> Aggregate:
        """Return what the task's rule makes of them.

        Raises
        ------
        ValueOutOfRange
            There are too few for the rule.
        """
        ...


class GatheredSum:
    """For the rule ``mean``, which needs no update once it is in the sum.

    Parameters
    ----------
    total
        The sum to begin with.
    """

    def __init__(self, total: WeightedSum) -> None:
        self._total = total

    @property
    def weight(self) -> int:
        """Sum of the weights."""
        return self._total.weight

    def add(self, participant: str, lanes: NDArray[np.int16], weight: int) -> None:
        """Add an update to the sum."""
        self._total.add(lanes, weight)

    def add_sum(self, participant: str, values: NDArray[np.int32], weight: int) -> None:
        """Add a sum to the sum."""
        self._total.add_sum(values, weight)

    def merge(self, other: Self) -> None:
        """Add another sum."""
        self._total.add_sum(other._total.values, other.weight)

    def aggregate(self) -> Aggregate:
        """Return the weighted mean."""
        return self._total.mean()


class GatheredRows:
    """All updates, whole: for every other rule, and for what updates earn by their directions.

    Weights are recorded; by other rules than the mean they do not count.

    Parameters
    ----------
    rule, num_malicious
        Of the task.
    num_values
        Lanes per update.
    max_abs
        Largest magnitude of a lane.
    """

    def __init__(self, rule: str, num_malicious: int, num_values: int, max_abs: int) -> None:
        self._rule = rule
        self._num_malicious = num_malicious
        self._max_abs = max_abs
        self.rows = LaneRows(num_values)
        self.weights: dict[str, int] = {}
        """By participant."""

    @property
    def weight(self) -> int:
        """Sum of the weights."""
        return sum(self.weights.values())

    def add(self, participant: str, lanes: NDArray[np.int16], weight: int) -> None:
        """Keep an update."""
        self.rows.add(participant, lanes)
        self.weights[participant] = weight

    def add_sum(self, participant: str, values: NDArray[np.int32], weight: int) -> None:
        """Keep the mean of several updates, as that of one, rounded to lanes."""
        mean = div_rhe(values.astype(np.int64), weight)
        self.add(participant, mean.astype(np.int16), weight)

    def merge(self, other: Self) -> None:
        """Keep the updates of other participants."""
        self.rows.add_rows(other.rows)
        self.weights |= other.weights

    def aggregate(self) -> Aggregate:
        """Return what the rule makes of all updates."""
        if self._rule == MEAN:
            total = WeightedSum(self.rows.num_values, self._max_abs)
            for participant, lanes in self.rows.items():
                total.add(lanes, self.weights[participant])
            return total.mean()
        return apply_rule(self._rule, self.rows, self._num_malicious)


def begin_gathering(manifest: Manifest, num_values: int, max_abs: int) -> Gathering:
    """Return what gathers the updates of a round, none yet.

    Parameters
    ----------
    manifest
        The task.
    num_values
        Lanes per update.
    max_abs
        Largest magnitude of a lane, which the caller checks.
    """
    if manifest.rule == MEAN and manifest.reward.formula != COSINE:
        return GatheredSum(WeightedSum(num_values, max_abs))
    return GatheredRows(manifest.rule, manifest.num_malicious, num_values, max_abs)
