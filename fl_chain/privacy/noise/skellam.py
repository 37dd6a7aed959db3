"""Skellam noise on integers, exact and from a secret seed.

Skellam noise of variance mu is the difference of two Poisson variables of mean mu / 2. Sums of it
are Skellam again, their variances added: what each participant adds hides all of them in a sum that
nobody sees in parts. Source: Agarwal, Kairouz and Liu 2021, "The Skellam mechanism for
differentially private federated learning" (arXiv:2110.04995).

The sign of noise is a random bit, its magnitude the number of entries of a table that are at most a
random number of 127 bits. Entry k of the table is floor(2^127 * P(magnitude <= k)), and the last is
the first that is 2^127 - 1. Whoever computes these integers in any other way has the same table,
and from the same seed the same noise: no float decides anything.

How exact: P(magnitude <= k) is wrong by less than 2^-127, so the noise of one lane has a total
variation distance from Skellam noise below (entries + 1) * 2^-128, which is less than 2^-109 for
the largest variance. Distances add up over lanes and rounds, to 2^-85 for a million lanes in 16
rounds; 1 + exp(epsilon) times as much is to be added to delta. Beside that, only who can tell a
keystream of ChaCha20 from chance learns more.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.skellam_noise import MAX_VARIANCE

TABLE_BITS: Final = 127
SEED_BYTES: Final = 32
_LABEL: Final = b"fl_chain/skellam/1"
_WORD_BITS: Final = 64
_SCALE: Final = 2**TABLE_BITS
_MAGNITUDE: Final = np.uint64(2**63 - 1)
_FIRST: Final = 2**240
_ERROR_BITS: Final = 90
_BLOCK_LANES: Final = 2**15

Words = Callable[[int], NDArray[np.uint64]]
"""Returns so many uniform 64-bit words, others at every call."""


@dataclass(frozen=True, slots=True, eq=False)
class SkellamTable:
    """How probable noise up to each magnitude is, as integers of 127 bits that never fall."""

    variance: int
    upper: NDArray[np.uint64]
    """The upper 63 bits of each entry, read-only."""
    lower: NDArray[np.uint64]
    """The lower 64 bits of each entry, read-only."""


def draw_skellam(variance: int, count: int, seed: bytes, label: bytes) -> NDArray[np.int64]:
    """Return noise for so many lanes, the same for the same arguments.

    Parameters
    ----------
    variance
        mu, in units of lanes squared, 1 to 2^30.
    count
        Number of lanes.
    seed
        32 uniformly random bytes that nobody else ever knows.
    label
        What the noise is for. Two uses of a seed have two labels, or their difference has no noise.

    Raises
    ------
    ValueOutOfRange
        The variance is out of range, or the seed has another length.

    Examples
    --------
    >>> draw_skellam(100, 5, bytes(32), b"round 1").tolist()
    [19, -3, -21, 4, -15]
    """
    return sample_skellam(compute_table(variance), count, expand_seed(seed, label))


def expand_seed(seed: bytes, label: bytes) -> Words:
    """Return a source of words: a ChaCha20 keystream, read little-endian.

    The key is HKDF-SHA256 of the seed (RFC 5869), without salt and with the label as information;
    nonce and first block counter are 0 (RFC 8439).

    Raises
    ------
    ValueOutOfRange
        The seed has not 32 bytes.
    """
    if len(seed) != SEED_BYTES:
        raise ValueOutOfRange(f"a seed of noise has {SEED_BYTES} bytes, not {len(seed)}")
    key = HKDF(SHA256(), SEED_BYTES, salt=None, info=_LABEL + label).derive(seed)
    stream = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()
    word_bytes = _WORD_BITS // 8
    return lambda count: np.frombuffer(stream.update(bytes(word_bytes * count)), "<u8")


def sample_skellam(table: SkellamTable, count: int, draw: Words) -> NDArray[np.int64]:
    """Return noise for so many lanes, from one word for each and hardly ever a second.

    The highest bit of a word is the sign, set if the noise is negative; the others are the upper 63
    bits of the number that is looked up. Only where they are those of an entry do its lower 64 bits
    matter: these are one more word, drawn after the words of all lanes and in their order.

    Parameters
    ----------
    table
        Of the variance.
    count
        Number of lanes.
    draw
        Source of words; what they come to must not depend on how many are drawn at a time.

    Returns
    -------
    ``[count]``, magnitudes up to the number of entries of the table.
    """
    noise = np.empty(count, np.int64)
    undecided: list[tuple[int, bool, int, int]] = []
    for start in range(0, count, _BLOCK_LANES):
        words = draw(min(_BLOCK_LANES, count - start))
        upper = words & _MAGNITUDE
        is_negative = words > _MAGNITUDE
        ends = np.searchsorted(table.upper, upper, side="right")
        noise[start : start + _BLOCK_LANES] = np.where(is_negative, -ends, ends)
        for lane in np.flatnonzero(table.upper[ends - 1] == upper).tolist():
            begin = int(np.searchsorted(table.upper, upper[lane], side="left"))
            undecided.append((start + lane, bool(is_negative[lane]), begin, int(ends[lane])))
    lowers = draw(len(undecided)) if undecided else ()
    for (lane, is_minus, begin, end), lower in zip(undecided, lowers, strict=True):
        found = begin + int(np.searchsorted(table.lower[begin:end], lower, side="right"))
        noise[lane] = -found if is_minus else found
    return noise


@functools.lru_cache(maxsize=2)  # a task has one variance; the largest takes a second
def compute_table(variance: int) -> SkellamTable:
    """Return the table of a variance, 1 to 2^30; for the largest 427,818 entries in a second.

    Raises
    ------
    ValueOutOfRange
        The variance is out of range, or an entry cannot be told from the next integer.
    """
    if not 1 <= variance <= MAX_VARIANCE:
        raise ValueOutOfRange(f"variance {variance} of noise is not 1 to {MAX_VARIANCE}")
    terms = _compute_terms(variance)
    total = 2 * sum(terms) - terms[0]
    margin = total >> _ERROR_BITS
    entries: list[bytes] = []
    for up_to in itertools.accumulate((2 * term for term in terms[1:]), initial=terms[0]):
        entry, rest = divmod(up_to * _SCALE, total)
        if not margin < rest < total - margin:
            raise ValueOutOfRange(f"entry {len(entries)} for variance {variance} is undecided")
        entries.append(entry.to_bytes(16, "little"))
        if entry == _SCALE - 1:
            break
    halves = np.frombuffer(b"".join(entries), "<u8").reshape(-1, 2)
    lower, upper = np.ascontiguousarray(halves[:, 0]), np.ascontiguousarray(halves[:, 1])
    for array in (lower, upper):
        array.setflags(write=False)
    return SkellamTable(variance, upper, lower)


def _compute_terms(variance: int) -> list[int]:
    """Return integers in the proportion of the probabilities of the noise 0, 1, 2, ...

    P(k) is exp(-mu) I_k(mu), with the modified Bessel functions I of the first kind and K of the
    second. Miller's algorithm: backwards from some N by I_(k-1) = I_(k+1) + (2k / mu) I_k, begun
    with 0 and 1 (2^240 here), and divided by the sum over all k, positive and negative, which is
    exp(mu). Nothing is ever subtracted.

    - N = 112 + isqrt(333 mu). As ln E exp(tX) = mu (cosh t - 1) <= (mu t^2 / 2) / (1 - t / 3),
      Bernstein's inequality gives P(|X| >= N) <= 2 exp(-N^2 / 2(mu + N / 3)) < 2^-239.
    - What begins with 0 at N + 1 differs from I_k by I_(N+1) K_k / K_(N+1) <= I_(N+1), so all
      sums together by less than (2N + 1) P(N + 1) + P(|X| > N) < 2^-218.
    - Each division loses less than 1 of at least 2^240, so all terms are right to N parts in 2^240.

    An entry of the table, before it is rounded down, is therefore right to 2^-90.
    """
    first = 112 + math.isqrt(333 * variance)
    above, term = 0, _FIRST
    terms = [term]
    for order in range(first, 0, -1):
        above, term = term, above + 2 * order * term // variance
        terms.append(term)
    terms.reverse()
    return terms
