"""What updates earn: by which formula, and how a report and the ledger write it down.

The reward of a round is divided among its included updates. Amounts follow from the updates, so
that everybody derives them; the report of the round says them, and the ledger pays what the report
that became final says (docs/spec.md, 8.8).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fl_chain.protocol.committee import NOBODY
from fl_chain.protocol.constants import CHUNK_BYTES

NONE: Final = "none"
EQUAL: Final = "equal"
COSINE: Final = "cosine"
FORMULAS: Final = (NONE, EQUAL, COSINE)

ROW_BYTES: Final = 32
ROWS_PER_PART: Final = CHUNK_BYTES // ROW_BYTES
"""Rewards that one transaction pays: those of one chunk of the report."""
_AMOUNT_BITS: Final = 96


@dataclass(frozen=True, slots=True)
class RewardParameters:
    """What updates earn in a task."""

    formula: str = NONE
    """``equal``: each the same; ``cosine``: by how far an update agrees with the others."""
    round_gwei: int = 0
    """What those of one round earn together, in 10^9 wei; 0 exactly if there is no formula."""


@dataclass(frozen=True, slots=True)
class Reward:
    """What one update earned."""

    participant: str
    """Address; nobody's if the update is left out."""
    amount: int
    """In wei."""


NO_REWARD: Final = Reward(NOBODY, 0)


def make_row(reward: Reward) -> int:
    """Return a reward as a word of the contract: the address, then 96 bits of the amount.

    Examples
    --------
    >>> hex(make_row(Reward("0x" + "0a" * 20, 1)))
    '0xa0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a000000000000000000000001'
    """
    return int(reward.participant, 16) << _AMOUNT_BITS | reward.amount


def read_row(row: int) -> Reward:
    """Return the reward that a word of the contract holds."""
    return Reward(f"0x{row >> _AMOUNT_BITS:040x}", row % (1 << _AMOUNT_BITS))


def encode_rewards(rewards: Sequence[Reward]) -> bytes:
    """Return the rows of a report."""
    return b"".join(make_row(reward).to_bytes(ROW_BYTES) for reward in rewards)


def decode_rewards(data: bytes) -> Iterator[Reward]:
    """Yield the rewards that rows of a report say."""
    for start in range(0, len(data), ROW_BYTES):
        yield read_row(int.from_bytes(data[start : start + ROW_BYTES]))


def count_parts(num_updates: int) -> int:
    """Return how many transactions pay the rewards of a round."""
    return -(-num_updates // ROWS_PER_PART)
