"""Which values of a model the updates of a round hold, where they hold a part.

Block rand-k: the values are cut into blocks, and of every few blocks in a row each update of a
round holds the same one, drawn anew for each round. So updates can be added lane by lane, and what
is drawn follows from the task and the round: nobody sends it.

Source: random-k sparsification with a shared seed, Konecny et al. 2016 (arXiv:1610.05492), section
3 ("random mask"), here with one of every few blocks in place of any, so that all sizes are known
before.
"""

from __future__ import annotations

import functools
import hashlib

import numpy as np
from numpy.typing import NDArray

from fl_chain.protocol.constants import BLOCK_VALUES

__all__ = ["count_lanes", "select_values"]

_WORD_BYTES = 4


def count_lanes(num_values: int, one_block_in: int) -> int:
    """Return how many lanes an update has.

    Parameters
    ----------
    num_values
        Of the model, at least 1.
    one_block_in
        Of so many blocks an update holds one, at least 1; 1 if it holds every value.

    Examples
    --------
    >>> count_lanes(199_210, 1), count_lanes(199_210, 8)
    (199210, 24912)
    """
    if one_block_in == 1:
        return num_values
    num_blocks = -(-num_values // BLOCK_VALUES)
    return -(-num_blocks // one_block_in) * BLOCK_VALUES


@functools.lru_cache(maxsize=4)  # a round has one, and asks for it with every update
def select_values(
    task_id: str, round_number: int, num_values: int, one_block_in: int
) -> slice | NDArray[np.int64]:
    """Return the positions of the values that the updates of a round hold, ascending.

    The lanes of an update stand for them in this order. If the last block of the model is selected
    and is not full, there are fewer positions than lanes: the last lanes stand for nothing. The
    array is read-only.

    Parameters
    ----------
    task_id
        64 hexadecimal digits.
    round_number
        The round.
    num_values, one_block_in
        As for :func:`count_lanes`.

    Examples
    --------
    >>> select_values("ab" * 32, 1, 100, 4).tolist()[::8]
    [16, 24, 80, 88]
    """
    if one_block_in == 1:
        return slice(None)
    num_blocks = -(-num_values // BLOCK_VALUES)
    num_groups = -(-num_blocks // one_block_in)
    seed = f"fl_chain/blocks/{task_id}/{round_number}".encode()
    words = np.frombuffer(hashlib.shake_128(seed).digest(_WORD_BYTES * num_groups), "<u4")
    first = np.arange(num_groups, dtype=np.int64) * one_block_in
    sizes = np.minimum(one_block_in, num_blocks - first)
    blocks = first + words % sizes
    positions = (blocks[:, np.newaxis] * BLOCK_VALUES + np.arange(BLOCK_VALUES)).reshape(-1)
    selected: NDArray[np.int64] = positions[positions < num_values]
    selected.flags.writeable = False  # it is shared
    return selected
