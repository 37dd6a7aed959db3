"""Seeds: which participants take part in a round, decided by secrets of the aggregators.

Before a round opens, its aggregators reveal secrets that they committed to earlier. Together they
are the *mix* of the round; mix and the seed of the round before are its *seed*, and the seed
selects participants. contracts/libraries/Seeds.sol computes the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eth_hash.auto import keccak

from fl_chain.protocol.logs import WORD_BYTES

WHOLE: Final = 2**32
"""A sample rate is a number of these."""
NO_MIX: Final = bytes(WORD_BYTES)
"""The mix of a round in which nobody has revealed a secret."""


def compute_contribution(round_number: int, aggregator: str, secret: bytes) -> bytes:
    """Return what a secret adds to the mix of a round: a word, by exclusive or.

    Bound to its aggregator, so that two with the same secret do not cancel each other out.
    """
    return keccak(round_number.to_bytes(WORD_BYTES) + _address_word(aggregator) + secret)


def add_to_mix(mix: bytes, contribution: bytes) -> bytes:
    """Return the mix with one more contribution; the order of contributions does not matter."""
    return bytes(a ^ b for a, b in zip(mix, contribution, strict=True))


def compute_seed(former_seed: bytes, round_number: int, mix: bytes) -> bytes:
    """Return the 32-byte seed of a round.

    Parameters
    ----------
    former_seed
        That of the round before; of the first round, the digest of the manifest.
    round_number
        From 1.
    mix
        Of the contributions to this round.
    """
    return keccak(former_seed + round_number.to_bytes(WORD_BYTES) + mix)


def is_drawn(seed: bytes, name: str, sample_rate: int) -> bool:
    """Return whether a seed selects a participant.

    Parameters
    ----------
    seed
        Of the round.
    name
        Address under which the participant was admitted first.
    sample_rate
        1 to 2^32 - 1; of 2^32, so many are selected on average.
    """
    return int.from_bytes(keccak(seed + _address_word(name))[:4]) < sample_rate


def compute_tip(secret: bytes) -> bytes:
    """Return the hash that commits to a secret; the tip of a chain whose next secret it is."""
    return keccak(secret)


def compute_chain(first: bytes, length: int) -> Sequence[bytes]:
    """Return a chain of words, each the hash of the one before, from the first to the tip.

    They are revealed from the end: the tip is committed to, the word before it is the first secret.

    Parameters
    ----------
    first
        The secret that is revealed last.
    length
        How many secrets the chain has, the tip not counted; at least 1.
    """
    words = [first]
    for _ in range(length):
        words.append(compute_tip(words[-1]))
    return words


def _address_word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(WORD_BYTES, b"\0")
