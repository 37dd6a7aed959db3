"""Squared Euclidean distances between updates, exactly.

Products of 16-bit lanes are added in double precision, which matrix multiplication is fast in. That
is exact, in whatever order a library adds and with however many threads, because no partial sum of
a block of 2^14 lanes exceeds 2^14 * 2^30 = 2^44, and every integer below 2^53 is a double. Blocks
are added as 64-bit integers; the manifest keeps the whole below 2^62.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.robust.rows import LaneRows


def compute_products(rows: LaneRows) -> NDArray[np.int64]:
    """Return the product of every update with every other, shape (n, n).

    Examples
    --------
    >>> rows = LaneRows(2)
    >>> rows.add("0x01", np.array([1, 2], np.int16))
    >>> rows.add("0x02", np.array([3, 4], np.int16))
    >>> compute_products(rows).tolist()
    [[5, 11], [11, 25]]
    """
    products: NDArray[np.int64] = np.zeros((len(rows), len(rows)), np.int64)
    for _, exact in rows.iterate(np.float64):
        products += (exact @ exact.T).astype(np.int64)
    return products


def compute_squared_distances(rows: LaneRows) -> NDArray[np.int64]:
    """Return the squared distance of every update to every other, shape (n, n).

    Examples
    --------
    >>> rows = LaneRows(2)
    >>> rows.add("0x01", np.array([0, 0], np.int16))
    >>> rows.add("0x02", np.array([3, 4], np.int16))
    >>> compute_squared_distances(rows).tolist()
    [[0, 25], [25, 0]]
    """
    products = compute_products(rows)
    squares = products.diagonal()
    distances: NDArray[np.int64] = squares[:, None] + squares[None, :] - 2 * products
    return distances


def compute_distances_to(rows: LaneRows, point: NDArray[np.int64]) -> list[int]:
    """Return the distance of every update to a point, rounded up, and at least 1.

    Parameters
    ----------
    rows
        The updates.
    point
        One integer for each lane, of magnitude at most 2^15.
    """
    squares: NDArray[np.int64] = np.zeros(len(rows), np.int64)
    for block, away in rows.iterate(np.float64):
        away -= point[block]
        squares += np.einsum("ij,ij->i", away, away).astype(np.int64)
    return [max(1, ceil_sqrt(int(square))) for square in squares]


def ceil_sqrt(value: int) -> int:
    """Return the smallest integer whose square is not below ``value``.

    >>> [ceil_sqrt(value) for value in (0, 1, 2, 4, 5)]
    [0, 1, 2, 2, 3]
    """
    return math.isqrt(value - 1) + 1 if value else 0
