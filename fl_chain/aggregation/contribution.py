"""What each update contributed to a round: by its direction, and by what the round is without it.

``leave_one_out`` is the influence of a participant in the simplest sense: how much worse the model
is without its update. ``estimate_shapley`` is GTG-Shapley, Liu et al. 2022 (arXiv:2109.02053),
algorithm 1: Shapley values by permutations in which each update comes first equally often, and in
which what follows after nearly all of the value is reached counts as nothing. Of few updates the
exact values are computed instead.

Assumes that a coalition's model is the mean of its updates' (with the task's optimizer), whatever
the rule: most robust rules are not defined for one or two updates.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.derive import step_round
from fl_chain.aggregation.gathering import GatheredSum
from fl_chain.aggregation.mean import WeightedSum
from fl_chain.protocol.manifest import Manifest

__all__ = ["Coalitions", "Contributed", "estimate_shapley", "leave_one_out"]

MOST_EXACT: Final = 8
"""Of so many updates, or fewer, all 2^n coalitions are tried."""
MAX_SWEEPS: Final = 50
PATIENCE: Final = 5
"""Sweeps over which estimates may not change by more than the tolerance."""

Value = Callable[[frozenset[int]], float]
"""What the model of a coalition is worth: more is better."""


@dataclass(frozen=True, slots=True)
class Contributed:
    """An included update."""

    participant: str
    weight: int
    lanes: NDArray[np.int16]


class Coalitions:
    """The models that a round would have had with some of its updates.

    Parameters
    ----------
    manifest, round_number
        The round.
    base
        Integers of its base model.
    updates
        Those that are included.
    """

    def __init__(
        self,
        manifest: Manifest,
        round_number: int,
        base: NDArray[np.int32],
        updates: Sequence[Contributed],
    ) -> None:
        self._place = manifest, round_number, base
        self._updates = updates

    def model(self, members: Collection[int]) -> NDArray[np.int32]:
        """Return the model of these updates; the base model of none."""
        if not members:
            return self._place[2]
        return step_round(*self._place, GatheredSum(self._sum(members)))

    def cosines(self) -> list[float]:
        """Return the cosine of each update with the sum of all, weighted; 0 with one of length 0.

        Dot products are exact integers; only the last step is in doubles.
        """
        whole = self._sum(range(len(self._updates))).values.astype(object)
        length = math.sqrt(int(whole @ whole))
        cosines = []
        for update in self._updates:
            lanes = update.lanes.astype(object)
            product = math.sqrt(int(lanes @ lanes)) * length
            cosines.append(int(lanes @ whole) / product if product else 0.0)
        return cosines

    def _sum(self, members: Collection[int]) -> WeightedSum:
        total = WeightedSum(self._updates[0].lanes.size)
        for member in members:
            total.add(self._updates[member].lanes, self._updates[member].weight)
        return total


def leave_one_out(count: int, value: Value) -> list[float]:
    """Return how much less all are worth without each.

    Examples
    --------
    >>> leave_one_out(3, lambda members: 10.0 * (0 in members) + len(members))
    [11.0, 1.0, 1.0]
    """
    everybody = frozenset(range(count))
    whole = value(everybody)
    return [whole - value(everybody - {member}) for member in range(count)]


def estimate_shapley(
    count: int, value: Value, seed: str, *, tolerance: float = 0.01
) -> list[float]:
    """Return the Shapley value of each of ``count`` updates.

    Parameters
    ----------
    count
        Number of updates, at least 1.
    value
        Asked once for each coalition.
    seed
        The permutations follow from it.
    tolerance
        Of the value of all, beyond that of none: what is left of it counts as nothing, and a
        smaller change of an estimate ends the search.

    Examples
    --------
    >>> estimate_shapley(3, lambda members: 6.0 * (len(members) >= 2), "any")
    [2.0, 2.0, 2.0]
    """
    value = functools.cache(value)
    if count <= MOST_EXACT:
        return [_exact(member, count, value) for member in range(count)]
    nothing, everything = value(frozenset()), value(frozenset(range(count)))
    margin = tolerance * abs(everything - nothing)
    if not margin:
        return [0.0] * count
    totals, history = np.zeros(count), []
    for sweep in range(MAX_SWEEPS):
        for first in range(count):
            before, members = nothing, set[int]()
            for member in _permute(count, first, f"{seed}/{sweep}/{first}"):
                if abs(everything - before) < margin:
                    break
                members.add(member)
                after = value(frozenset(members))
                totals[member] += after - before
                before = after
        history.append(totals / ((sweep + 1) * count))
        if sweep >= PATIENCE:
            changes = np.abs(np.diff(history[-PATIENCE - 1 :], axis=0))
            if float(changes.max()) < margin / count:
                break
    return [float(share) for share in history[-1]]


def _exact(member: int, count: int, value: Value) -> float:
    """Sum over all coalitions of the others: Shapley 1953, equation 12."""
    others = [other for other in range(count) if other != member]
    total = 0.0
    for size in range(count):
        gains = [
            value(frozenset([*coalition, member])) - value(frozenset(coalition))
            for coalition in combinations(others, size)
        ]
        total += sum(gains) / len(gains)
    return total / count


def _permute(count: int, first: int, seed: str) -> list[int]:
    """Return a permutation that begins with one member: Fisher and Yates, by SHAKE-128."""
    others = [member for member in range(count) if member != first]
    words = np.frombuffer(hashlib.shake_128(seed.encode()).digest(4 * count), "<u4").tolist()
    for last in range(len(others) - 1, 0, -1):
        drawn = words[last] % (last + 1)
        others[last], others[drawn] = others[drawn], others[last]
    return [first, *others]
