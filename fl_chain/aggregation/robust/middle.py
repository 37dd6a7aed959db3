"""The sum of the middle values of each column, by comparing whole rows with one another.

Sorting networks: Batcher 1968, "Sorting networks and their applications", odd-even merging. A
comparison of two rows is two passes of the processor's vector unit over neighbouring numbers, so a
network over rows is faster than a sort of each column, which branches. Which of the smallest
values comes first does not matter here, so comparisons that decide only that are left out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Comparisons = tuple[tuple[int, int], ...]
"""Pairs of rows: the smaller number of each column goes to the first."""


@lru_cache(maxsize=16)
def make_network(count: int, num_ends: int) -> Comparisons:
    """Return comparisons that bring the ``num_ends`` smallest of ``count`` rows to the front.

    And as many largest to the back; within these three parts the order is any.

    Examples
    --------
    >>> make_network(3, 1)
    ((0, 1), (0, 2), (1, 2))
    """
    parts = [0 if row < num_ends else 2 if row >= count - num_ends else 1 for row in range(count)]
    # Seen from the end: which part a row belongs to, and -1 once a comparison needs it.
    kept = []
    for first, second in reversed(_merge_all(count)):
        if parts[first] == parts[second] >= 0:
            continue
        kept.append((first, second))
        parts[first] = parts[second] = -1
    return tuple(reversed(kept))


def sum_middle(values: NDArray[Any], num_ends: int) -> NDArray[np.int64]:
    """Return the sum of each column without its ``num_ends`` smallest and largest values.

    Parameters
    ----------
    values
        Shape (rows, columns), of whole numbers. It is overwritten.
    num_ends
        Less than half of the rows.
    """
    count = len(values)
    rows, spare = list(values), np.empty_like(values[0])
    for first, second in make_network(count, num_ends):
        smaller, larger = rows[first], rows[second]
        np.minimum(smaller, larger, out=spare)
        np.maximum(smaller, larger, out=larger)
        rows[first], spare = spare, smaller
    # Doubles are exact below 2^53, and faster to add floats to than integers are.
    is_whole = np.issubdtype(spare.dtype, np.integer)
    total = np.zeros(len(spare), np.int64 if is_whole else np.float64)
    for row in rows[num_ends : count - num_ends]:
        total += row
    return total.astype(np.int64, copy=False)


def _merge_all(count: int) -> list[tuple[int, int]]:
    """Return the network of the next power of two, without the rows that there are not."""
    size = 1 << max(0, count - 1).bit_length()
    comparisons = []
    length = 1
    while length < size:
        step = length
        while step:
            for start in range(step % length, size - step, 2 * step):
                for first in range(start, min(start + step, size - step)):
                    second = first + step
                    is_one_merge = first // (2 * length) == second // (2 * length)
                    if is_one_merge and second < count:
                        comparisons.append((first, second))
            step //= 2
        length *= 2
    return comparisons
