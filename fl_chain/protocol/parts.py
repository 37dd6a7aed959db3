"""Claims about what the updates of a range contribute to one value of a model.

In a dispute a claim about a range is split into claims about its parts, until a part is a single
update and can be looked at; contracts/libraries/Parts.sol has the same rules. A range of n updates
has parts of ceil(n / 32) consecutive updates, the last one perhaps of fewer.

Each split is one round of a refutation game as in Canetti, Riva and Rothblum, "Practical delegation
of computation using multiple servers" (2011), with 32 branches and sums in place of states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fl_chain.errors import ValueOutOfRange

MOST_PARTS: Final = 32
_WEIGHT_BITS: Final = 64
_SUM_BITS: Final = 192


@dataclass(frozen=True, slots=True)
class Contribution:
    """What some updates contribute to one value; excluded updates contribute nothing."""

    weight: int
    """Their weights added up, 0 to 2^64 - 1."""
    sum: int
    """Their weights times lanes added up, -2^191 to 2^191 - 1."""


@dataclass(frozen=True, slots=True)
class UpdateRange:
    """Consecutive updates of a round."""

    first: int
    """Sequence number of the first one."""
    count: int
    """At least 1."""

    @property
    def num_parts(self) -> int:
        """Parts that it is split into, 1 to 32."""
        return -(-self.count // self.part_width)

    @property
    def part_width(self) -> int:
        """Updates of every part but the last."""
        return -(-self.count // MOST_PARTS)

    def part(self, index: int) -> UpdateRange:
        """Return one of its parts.

        Examples
        --------
        >>> UpdateRange(0, 100).part(24)
        UpdateRange(first=96, count=4)
        >>> UpdateRange(96, 4).part(3)
        UpdateRange(first=99, count=1)
        """
        begin = index * self.part_width
        return UpdateRange(self.first + begin, min(self.part_width, self.count - begin))


def pack_parts(contributions: Sequence[Contribution]) -> tuple[int, ...]:
    """Return the 32 words that claim these contributions; those beyond the last part are 0.

    Raises
    ------
    ValueOutOfRange
        More than 32 parts, or a contribution beyond its range.
    """
    if len(contributions) > MOST_PARTS:
        raise ValueOutOfRange(f"a range has at most {MOST_PARTS} parts, not {len(contributions)}")
    words = []
    for part in contributions:
        is_sum = -(2 ** (_SUM_BITS - 1)) <= part.sum < 2 ** (_SUM_BITS - 1)
        if not is_sum or not 0 <= part.weight < 2**_WEIGHT_BITS:
            raise ValueOutOfRange(f"{part} does not fit one word")
        words.append(part.weight << _SUM_BITS | part.sum % 2**_SUM_BITS)
    return (*words, *[0] * (MOST_PARTS - len(words)))


def unpack_part(word: int) -> Contribution:
    """Return the contribution that a word claims."""
    low = word % 2**_SUM_BITS
    return Contribution(word >> _SUM_BITS, low - (low >> _SUM_BITS - 1 << _SUM_BITS))


def add_parts(parts: Sequence[int], updates: UpdateRange) -> Contribution:
    """Return what the claims about all parts of a range add up to.

    Raises
    ------
    ValueOutOfRange
        There are not 32 words, or one beyond the last part is not 0.
    """
    if len(parts) != MOST_PARTS or any(parts[updates.num_parts :]):
        raise ValueOutOfRange("a claim about a range says something about other updates")
    claims = [unpack_part(word) for word in parts]
    return Contribution(sum(claim.weight for claim in claims), sum(claim.sum for claim in claims))


def step_value(base: int, total: Contribution, shift: int) -> int:
    """Return the value of the next model: the rule ``mean`` for one value.

    Parameters
    ----------
    base
        Value of the base model, an int32.
    total
        What the included updates contribute; a positive weight.
    shift
        Fraction bits of a model less those of an update, 0 to 30.

    Examples
    --------
    >>> step_value(10, Contribution(weight=2, sum=-5), 0)  # -2.5 is rounded to the even -2
    8
    """
    scaled = abs(total.sum) << shift
    quotient, remainder = divmod(scaled, total.weight)
    lacking = total.weight - remainder
    if remainder > lacking or (remainder == lacking and quotient % 2 == 1):
        quotient += 1
    moved = base + (quotient if total.sum >= 0 else -quotient)
    return int(max(-(2**31), min(2**31 - 1, moved)))
