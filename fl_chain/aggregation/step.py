"""From an aggregate to the next model: one rounding and one saturation, whatever the rule.

A  = div_rhe(N * 2^(G-F), D)     N and D from the rule, N for each value
M' = saturate_int32(M + A)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.blocks import iterate_blocks
from fl_chain.aggregation.rounding import div_rhe
from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.constants import MODEL_BITS


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What a rule makes of the lanes of a round: a quotient for each value, not rounded yet."""

    numerators: NDArray[np.int64]
    divisor: int
    """At least 1."""


def apply_step(
    model: NDArray[np.int32], aggregate: Aggregate, fraction_bits: int, model_fraction_bits: int
) -> NDArray[np.int32]:
    """Return the next model.

    Parameters
    ----------
    model
        The base model M, scale 2^-G.
    aggregate
        Of the included updates, scale 2^-F.
    fraction_bits, model_fraction_bits
        F and G, F <= G.

    Raises
    ------
    ValueOutOfRange
        A scaled numerator reaches 2^62.
    """
    moved: NDArray[np.int32] = np.empty(aggregate.numerators.size, np.int32)
    for block, moves in iterate_moves(aggregate, model_fraction_bits - fraction_bits):
        moved[block] = saturate(model[block] + moves)
    return moved


def iterate_moves(aggregate: Aggregate, shift: int) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Yield what an aggregate moves a model by, in the model's units, block by block.

    Parameters
    ----------
    aggregate
        Of the included updates.
    shift
        G - F.

    Raises
    ------
    ValueOutOfRange
        A scaled numerator reaches 2^62.
    """
    numerators = aggregate.numerators
    limit = 2**62 >> shift
    if numerators.size and max(-int(numerators.min()), int(numerators.max())) >= limit:
        raise ValueOutOfRange("a scaled numerator reaches 2^62")
    for block in iterate_blocks(numerators.size):
        yield block, div_rhe(numerators[block] << shift, aggregate.divisor)


def saturate(values: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return values as integers of a model: what does not fit is the nearest that does."""
    largest = 2 ** (MODEL_BITS - 1) - 1
    return np.clip(values, -largest - 1, largest).astype(np.int32)
