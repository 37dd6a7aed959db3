"""How floats become the integers of a task, and how much of them an update holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fl_chain.protocol.constants import LANE_BITS, MAX_BLOCKS, PACKED_LANE_BITS, SHORT_LANE_BITS

__all__ = ["Encoding", "encoding_rules"]

ROUNDINGS: Final = ("nearest", "stochastic")
_LANE_BITS: Final = (SHORT_LANE_BITS, PACKED_LANE_BITS, LANE_BITS)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How parameter deltas become integers, and integers become parameters."""

    fraction_bits: int = 15
    """F: an update holds delta * 2^F; 0 to 30."""
    max_abs: int = 2 ** (LANE_BITS - 1) - 1
    """Largest magnitude of a lane of an update; 1 to 2^(lane_bits - 1) - 1."""
    lane_bits: int = LANE_BITS
    """Bits of a lane of an update: 8, 12 or 16."""
    max_norm: int = 0
    """Largest Euclidean norm of an update, in units of its lanes; a longer one is left out whole.
    1 to 2^31 - 1; 0 if there is no such bound."""
    model_fraction_bits: int = 24
    """G: a model holds parameter * 2^G; F to 30."""
    one_block_in: int = 1
    """Of so many blocks of values an update holds one, the same one in all updates of a round; 1 to
    1024. 1: every value."""
    rounding: str = "stochastic"
    """``stochastic`` or ``nearest``; the participant's choice is not checked by replay."""

    @property
    def is_plain(self) -> bool:
        """Whether an update holds every value, in lanes of the usual length."""
        return self.lane_bits == LANE_BITS and self.one_block_in == 1

    @property
    def largest_move(self) -> int:
        """What a mean of updates can move a model's integer by at most."""
        return self.max_abs << self.model_fraction_bits - self.fraction_bits


def encoding_rules(encoding: Encoding) -> Iterator[tuple[bool, str]]:
    """Yield the rules that an encoding has to keep, and whether it does."""
    bits, model_bits = encoding.fraction_bits, encoding.model_fraction_bits
    yield 0 <= bits <= 30, "fraction_bits is 0 to 30"
    yield bits <= model_bits <= 30, "model_fraction_bits is fraction_bits to 30"
    lane_bits = encoding.lane_bits
    yield lane_bits in _LANE_BITS, f"lane_bits is one of {', '.join(map(str, _LANE_BITS))}"
    largest = 2 ** (lane_bits - 1) - 1
    is_lane = 1 <= encoding.max_abs <= largest
    yield is_lane, f"max_abs is 1 to {largest} with lane_bits {lane_bits}"
    yield 1 <= encoding.one_block_in <= MAX_BLOCKS, f"one_block_in is 1 to {MAX_BLOCKS}"
    yield 0 <= encoding.max_norm < 2**31, "max_norm is 0 to 2^31 - 1"
    yield encoding.rounding in ROUNDINGS, f"rounding is one of {', '.join(ROUNDINGS)}"
