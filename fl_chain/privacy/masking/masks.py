"""Masks: what is added to the lanes of an update, so that they look like any others.

Lanes are integers modulo 2^16 or 2^32, the *ring*. A mask is as many of them, expanded from a seed
of 32 bytes: HKDF-SHA256 makes a key of it, ChaCha20 a keystream of the key. The update of a member
carries its self mask, which its self seed takes off, and for each peer the mask of the pair, which
the one of the lower position adds and the other subtracts: in a sum of both it is gone.

Why both: a pair seed has to be told once the peer is gone, and if it was only late, its update
would stand bare; its self mask, whose seed is then told to nobody, stays on.

Source: double masking, Bonawitz et al. 2017 (https://eprint.iacr.org/2017/281), section 4; HKDF,
RFC 5869; ChaCha20, RFC 8439.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from fl_chain.errors import ValueOutOfRange
from fl_chain.privacy.masking.groups import SEED_BYTES, GroupPlace

RING_DTYPES: Final[dict[int, np.dtype[Any]]] = {16: np.dtype(np.uint16), 32: np.dtype(np.uint32)}
"""Bits of the ring to what lanes are."""

SeedName = tuple[int, int]
"""Whose seed: (i, i) is the self seed of position i, (i, j) with i < j the pair seed of the two."""

Lanes = NDArray[Any]
"""uint16 or uint32, one dimension."""

Mask = tuple[bytes, bytes]
"""A mask before it is expanded: seed and label."""

_SALT: Final = b"fl_chain/mask/1"
_KEY_BYTES: Final = 32
_NONCE: Final = bytes(16)
"""Block counter and nonce of RFC 8439, both 0: no key has two keystreams."""
_BLOCK_BYTES: Final = 2**17
"""Of lanes that all masks go on before the next ones, so that they stay in the cache."""


def self_label(place: GroupPlace, position: int) -> bytes:
    """Return the label of a self mask, 42 bytes: the place, and the position twice."""
    return place.encode() + bytes((position, position))


def pair_label(place: GroupPlace, low: int, high: int) -> bytes:
    """Return the label of the mask of a pair, 42 bytes: the place, lower and higher position.

    Raises
    ------
    ValueError
        The positions are not in this order.
    """
    if not low < high:
        raise ValueError(f"({low}, {high}) is no pair in order")
    return place.encode() + bytes((low, high))


def choose_ring_bits(largest_sum: int) -> int:
    """Return the bits of the smallest ring in which no sum wraps, 16 or 32.

    Parameters
    ----------
    largest_sum
        Largest magnitude of a lane of a group's sum: most members of a group, times max_weight,
        times max_abs.

    Raises
    ------
    ValueOutOfRange
        It is 2^31 or more.

    Examples
    --------
    >>> choose_ring_bits(2**15 - 1), choose_ring_bits(2**15)
    (16, 32)
    """
    for bits in RING_DTYPES:
        if 2 * largest_sum + 1 <= 2**bits:
            return bits
    raise ValueOutOfRange(
        f"sums of a group reach {largest_sum}, masked ones end at 2^31 - 1",
        "lower max_weight, max_abs or the group size",
    )


def expand_mask(seed: bytes, label: bytes, num_lanes: int, ring_bits: int) -> Lanes:
    """Return a mask: so many lanes of a ring.

    Examples
    --------
    >>> expand_mask(bytes(32), b"", 2, 32).tolist()
    [1106798610, 1779061660]
    """
    lanes = np.zeros(num_lanes, RING_DTYPES[ring_bits])
    apply_masks(lanes, added=[(seed, label)])
    return lanes


def apply_masks(lanes: Lanes, added: Iterable[Mask] = (), subtracted: Iterable[Mask] = ()) -> None:
    """Add masks to lanes and subtract others, in place."""
    streams: list[tuple[np.ufunc, CipherContext]] = [(np.add, _start(mask)) for mask in added]
    streams += [(np.subtract, _start(mask)) for mask in subtracted]
    zeros, keystream = memoryview(bytes(_BLOCK_BYTES)), bytearray(_BLOCK_BYTES)
    words = np.frombuffer(keystream, lanes.dtype.newbyteorder("<"))
    for start in range(0, lanes.size, words.size):
        block = lanes[start : start + words.size]
        for apply, stream in streams:
            stream.update_into(zeros[: block.nbytes], keystream)
            apply(block, words[: block.size], out=block)


def mask_lanes(
    values: NDArray[Any],
    weight: int,
    place: GroupPlace,
    position: int,
    self_seed: bytes,
    pair_seeds: Mapping[int, bytes],
    ring_bits: int,
) -> Lanes:
    """Return the masked lanes of an update: its values, times its weight, and its masks.

    Seeds are for one update. Two that are published under the same masks show their difference.

    Parameters
    ----------
    values
        Lanes of the update, signed integers of at most 32 bits, one dimension.
    weight
        Of the update. Times max_abs it is at most the largest sum of :func:`choose_ring_bits`.
    place, position
        Of the member.
    self_seed
        Its own, 32 bytes.
    pair_seeds
        Those it shares with each peer, 32 bytes, by the peer's position.
    ring_bits
        16 or 32.

    Raises
    ------
    ValueError
        The member is its own peer, or a seed has another length.
    """
    if position in pair_seeds:
        raise ValueError(f"position {position} makes no pair with itself")
    ring = RING_DTYPES[ring_bits]
    lanes = values.astype(ring)
    lanes *= ring.type(weight % 2**ring_bits)
    pairs = {
        peer: (seed, pair_label(place, min(position, peer), max(position, peer)))
        for peer, seed in pair_seeds.items()
    }
    above = [mask for peer, mask in pairs.items() if peer > position]
    below = [mask for peer, mask in pairs.items() if peer < position]
    apply_masks(lanes, [(self_seed, self_label(place, position)), *above], below)
    return lanes


def centre(lanes: Lanes) -> NDArray[np.int32]:
    """Return lanes without masks as the integers they stand for: those around 0.

    Examples
    --------
    >>> centre(np.array([1, 2**16 - 1], np.uint16)).tolist()
    [1, -1]
    """
    return lanes.view(np.dtype(f"i{lanes.itemsize}")).astype(np.int32)


def _start(mask: Mask) -> CipherContext:
    seed, label = mask
    if len(seed) != SEED_BYTES:
        raise ValueError(f"the seed of a mask has {SEED_BYTES} bytes")
    key = HKDF(SHA256(), _KEY_BYTES, salt=_SALT, info=label).derive(seed)
    return Cipher(ChaCha20(key, _NONCE), mode=None).encryptor()
