"""Lanes of 12 bits: two of them in three bytes, since no tensor has integers of that size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fl_chain.protocol.constants import PACKED_LANE_BITS

__all__ = ["count_packed_bytes", "pack_lanes", "unpack_lanes"]

_MASK = 2**PACKED_LANE_BITS - 1
_SIGN = 2 ** (PACKED_LANE_BITS - 1)


def count_packed_bytes(num_lanes: int) -> int:
    """Return how many bytes so many lanes take.

    Examples
    --------
    >>> [count_packed_bytes(num_lanes) for num_lanes in (1, 2, 3)]
    [3, 3, 6]
    """
    return 3 * (-(-num_lanes // 2))


def pack_lanes(lanes: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return the bytes that hold lanes, uint8 ``[3 * ceil(n / 2)]``.

    Parameters
    ----------
    lanes
        int16 ``[n]``, -2^11 to 2^11 - 1. Behind an odd number of them there is a 0.

    Examples
    --------
    >>> pack_lanes(np.array([1, -1, 2047], np.int16)).tolist()
    [1, 240, 255, 255, 7, 0]
    """
    pairs = np.zeros((-(-lanes.size // 2), 2), np.uint32)
    pairs.reshape(-1)[: lanes.size] = lanes.astype(np.uint32) & _MASK
    words = pairs[:, 0] | pairs[:, 1] << PACKED_LANE_BITS
    return words.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3].reshape(-1)


def unpack_lanes(packed: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return the lanes that bytes hold, int16 ``[2 n / 3]``; the last may stand for nothing.

    Parameters
    ----------
    packed
        uint8 ``[n]``, n a multiple of 3.

    Examples
    --------
    >>> unpack_lanes(np.array([1, 240, 255, 255, 7, 0], np.uint8)).tolist()
    [1, -1, 2047, 0]
    """
    first, middle, last = packed.reshape(-1, 3).astype(np.int16).T
    lanes = np.empty((len(first), 2), np.int16)
    lanes[:, 0] = first | (middle & 15) << 8
    lanes[:, 1] = middle >> 4 | last << 4
    signed: NDArray[np.int16] = (lanes.reshape(-1) ^ _SIGN) - _SIGN
    return signed
