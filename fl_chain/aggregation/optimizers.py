"""Server optimizers in exact integers: momentum, and the adaptive ones of Reddi et al.

``momentum`` is FedAvgM of Hsu et al. 2019 (arXiv:1909.06335), section 4.3. ``adam`` and ``yogi``
are FedAdam and FedYogi of Reddi et al. 2021 (arXiv:2003.00295), algorithm 2, which has no
correction of the first rounds' bias. With A what the aggregate would move the model by, b1, b2 and
the learning rate r in units of 2^-14:

momentum   m' = div_rhe(b1 m, 2^14) + A,  M' = M + div_rhe(r m', 2^14)
adam       m' = div_rhe(b1 m + (2^14 - b1) A, 2^14),  v = u^2
           v' = div_rhe(b2 v + (2^14 - b2) A^2, 2^14)
yogi       the same with v' = v - sign(v - A^2) div_rhe((2^14 - b2) A^2, 2^14)
           u' = the integer nearest to the root of v',
           M' = M + div_rhe(r 2^(G-14) m', u' + tau)

The second moment is kept as its root u, in the units of the model: so it has the resolution of what
it divides, and fits 32 bits. Whatever a model holds as m and u is first brought into the range that
rounds can lead to, so that no genesis model can make a number overflow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.rounding import div_rhe, round_sqrt
from fl_chain.aggregation.step import Aggregate, iterate_moves, saturate
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.optimizer import MOMENTUM, UNIT_BITS, Optimizer

__all__ = ["apply_optimizer"]

Integers = NDArray[np.int32]
_UNIT = 2**UNIT_BITS


def apply_optimizer(
    optimizer: Optimizer, encoding: Encoding, parts: list[Integers], aggregate: Aggregate
) -> list[Integers]:
    """Return the next parameters, and what the optimizer remembers next.

    Parameters
    ----------
    optimizer, encoding
        Of the task.
    parts
        The base model's parameters and what it remembers, for the values of the aggregate; one
        array each.
    aggregate
        Of the included updates.

    Raises
    ------
    ValueOutOfRange
        A scaled numerator reaches 2^62.
    """
    shift = encoding.model_fraction_bits - encoding.fraction_bits
    moved = [np.empty_like(part) for part in parts]
    for block, moves in iterate_moves(aggregate, shift):
        before = [part[block].astype(np.int64) for part in parts]
        if optimizer.name == MOMENTUM:
            after = _step_momentum(optimizer, before[0], before[1], moves)
        else:
            after = _step_adaptive(optimizer, encoding, before, moves)
        for part, values in zip(moved, after, strict=True):
            part[block] = saturate(values)
    return moved


def _step_momentum(
    optimizer: Optimizer,
    parameters: NDArray[np.int64],
    first: NDArray[np.int64],
    moves: NDArray[np.int64],
) -> list[NDArray[np.int64]]:
    first = saturate(div_rhe(optimizer.beta_1 * first, _UNIT) + moves).astype(np.int64)
    return [parameters + div_rhe(optimizer.learning_rate * first, _UNIT), first]


def _step_adaptive(
    optimizer: Optimizer,
    encoding: Encoding,
    before: list[NDArray[np.int64]],
    moves: NDArray[np.int64],
) -> list[NDArray[np.int64]]:
    parameters, first, root = before
    bits = encoding.model_fraction_bits
    largest = encoding.largest_move
    moves = np.clip(moves, -largest, largest)
    first, root = np.clip(first, -largest, largest), np.clip(root, 0, largest)
    first = div_rhe(optimizer.beta_1 * first + (_UNIT - optimizer.beta_1) * moves, _UNIT)
    root = round_sqrt(_step_second(optimizer, root * root, moves * moves))
    scaled = optimizer.learning_rate * first << bits - UNIT_BITS
    return [parameters + div_rhe(scaled, root + optimizer.tau), first, root]


def _step_second(
    optimizer: Optimizer, second: NDArray[np.int64], squares: NDArray[np.int64]
) -> NDArray[np.int64]:
    share = _UNIT - optimizer.beta_2
    if optimizer.name == "adam":
        return div_rhe(optimizer.beta_2 * second + share * squares, _UNIT)
    # Never negative: what is larger than the square loses less than the square.
    stepped: NDArray[np.int64] = second - np.sign(second - squares) * div_rhe(
        share * squares, _UNIT
    )
    return stepped
