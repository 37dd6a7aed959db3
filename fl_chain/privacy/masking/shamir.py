"""Secret sharing: 32 bytes in shares of which the threshold tell everything, and fewer nothing.

Each byte of a secret is the value at 0 of a polynomial over GF(2^8) of its own, of a degree one
below the threshold; a share holds the values at one point. Whatever fewer shares say, every secret
goes with exactly as many polynomials as any other.

Products are looked up in tables, whose timing depends on what is looked up. That is no concern
here: shares are combined when they are public, and a secret is split once, with coefficients that
are used for nothing else, on its owner's machine.

Source: Shamir 1979 (How to share a secret, doi:10.1145/359168.359176); the field is that of AES,
FIPS 197, section 4: the polynomial 0x11b, of which 3 is a generator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

SECRET_BYTES: Final = 32
MAX_SHARES: Final = 255
"""Points of the field other than 0, where the secret is."""
_POLYNOMIAL: Final = 0x11B
_NO_LOG: Final = 512
"""In place of the logarithm of 0: what is added to it leaves the powers behind, for zeros."""


def _make_tables() -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    powers = np.zeros(2 * _NO_LOG + 1, np.uint8)
    logs = np.full(256, _NO_LOG, np.int16)
    power = 1
    for exponent in range(255):
        powers[exponent] = powers[exponent + 255] = power
        logs[power] = exponent
        power ^= power << 1
        if power > 0xFF:
            power ^= _POLYNOMIAL
    return powers, logs


_POWERS, _LOGS = _make_tables()


def split(secret: bytes, threshold: int, count: int, coefficients: bytes) -> list[bytes]:
    """Return the shares of a secret; share i holds the values at i + 1.

    Parameters
    ----------
    secret
        32 bytes.
    threshold
        How many shares tell it, 1 to ``count``.
    count
        How many shares there are, at most 255.
    coefficients
        32 * (threshold - 1) uniformly random bytes, used for nothing else: 32 coefficients of the
        first power, then those of the second, and so on.

    Raises
    ------
    ValueError
        A length or a number out of range.

    Examples
    --------
    >>> [share[0] for share in split(bytes([7] * 32), 2, 3, bytes([1] * 32))]
    [6, 5, 4]
    """
    if not 1 <= threshold <= count <= MAX_SHARES:
        raise ValueError(f"no threshold of {threshold} in {count} shares")
    if len(secret) != SECRET_BYTES or len(coefficients) != SECRET_BYTES * (threshold - 1):
        raise ValueError("secret or coefficients are not of the length they have to have")
    rows = np.frombuffer(secret + coefficients, np.uint8).reshape(threshold, SECRET_BYTES)
    points = np.arange(1, count + 1, dtype=np.uint8)[:, np.newaxis]
    values = np.zeros((count, SECRET_BYTES), np.uint8)
    for row in rows[::-1]:
        values = _multiply(values, points) ^ row
    return [share.tobytes() for share in values]


def combine(shares: Mapping[int, bytes], threshold: int) -> bytes:
    """Return the secret that shares tell, from those of the lowest positions.

    It is what was split only if the shares are; nothing about these alone shows it.

    Parameters
    ----------
    shares
        By position, from 0: 32 bytes each. Those beyond the lowest positions are not looked at.
    threshold
        How many of them tell the secret.

    Raises
    ------
    ValueError
        Too few shares, or one of another length.

    Examples
    --------
    >>> combine({2: bytes([4] * 32), 0: bytes([6] * 32)}, 2)[0]
    7
    """
    (secret,) = _evaluate(shares, threshold, [0])
    return secret


def complete(shares: Mapping[int, bytes], threshold: int, count: int) -> list[bytes]:
    """Return the shares of all positions, as they are if those of the lowest ones are true.

    Parameters
    ----------
    shares, threshold
        As for :func:`combine`.
    count
        How many shares there are.

    Raises
    ------
    ValueError
        As for :func:`combine`.

    Examples
    --------
    >>> [share[0] for share in complete({2: bytes([4] * 32), 0: bytes([6] * 32)}, 2, 3)]
    [6, 5, 4]
    """
    return _evaluate(shares, threshold, range(1, count + 1))


def _evaluate(shares: Mapping[int, bytes], threshold: int, points: Sequence[int]) -> list[bytes]:
    """Return the values at some points of the polynomials through the lowest shares."""
    chosen = sorted(shares)[:threshold]
    if len(chosen) < threshold or any(len(shares[i]) != SECRET_BYTES for i in chosen):
        raise ValueError(f"{len(chosen)} shares of a secret that takes {threshold} of 32 bytes")
    known = np.array(chosen, np.uint8) + np.uint8(1)
    rows = np.frombuffer(b"".join(shares[i] for i in chosen), np.uint8)
    values = np.zeros((len(points), SECRET_BYTES), np.uint8)
    factors = _interpolate(known, np.array(points, np.uint8))
    for row, factor in zip(rows.reshape(threshold, SECRET_BYTES), factors, strict=True):
        values ^= _multiply(row, factor[:, np.newaxis])
    return [value.tobytes() for value in values]


def _interpolate(known: NDArray[np.uint8], points: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return Lagrange's factors of each known point: the product of (x - x_j) / (x_i - x_j)."""
    between = known[:, np.newaxis] ^ known
    np.fill_diagonal(between, 1)  # whose logarithm is 0
    below = _LOGS[between].sum(axis=1, dtype=np.int64)
    away = points ^ known[:, np.newaxis]
    logs = _LOGS[np.where(away, away, 1)].astype(np.int64)
    factors = _POWERS[(logs.sum(axis=0) - logs - below[:, np.newaxis]) % 255]
    # At a known point all but its own factor are 0, and that is 1.
    is_known = (away == 0).any(axis=0)
    found: NDArray[np.uint8] = np.where(is_known, (away == 0).astype(np.uint8), factors)
    return found


def _multiply(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    products: NDArray[np.uint8] = _POWERS[_LOGS[left] + _LOGS[right]]
    return products
