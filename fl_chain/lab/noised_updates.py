"""Updates with noise on them as a whole, as participants of an experiment make them.

They are clipped to the median of their own lengths: shorter, most would lose a part of what they
learned, and longer, noise would be larger than it has to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.noised_update import add_noise, clip_and_round
from fl_chain.errors import UsageError
from fl_chain.privacy.noise.skellam import SEED_BYTES
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.group_sizes import count_noisy
from fl_chain.protocol.noise_terms import NoiseTerms
from fl_chain.protocol.privacy import PrivacyParameters


@dataclass(frozen=True, slots=True)
class GroupNoise:
    """How much noise the sum of a group has, as far as it is counted on."""

    noise_multiplier: float
    """Its standard deviation, over the norm to which updates are clipped; above 0."""
    group_size: int
    """Fewest members of a group of masked updates."""


@dataclass(frozen=True, slots=True)
class UpdateNoise:
    """Noise on updates, with lanes that have room for it."""

    encoding: Encoding
    privacy: PrivacyParameters

    def add(
        self,
        delta: NDArray[np.float32],
        draw_words: Callable[[int], NDArray[np.uint32]],
        secret: str,
        place: bytes,
    ) -> NDArray[np.int16]:
        """Return the lanes that one participant sends.

        Parameters
        ----------
        delta
            What it has learned, flat.
        draw_words
            See `clip_and_round`.
        secret, place
            Its noise follows from them: whose, and of which round.
        """
        lanes = clip_and_round(delta, self.encoding, self.privacy, delta.size, draw_words)
        seed = hashlib.shake_256(secret.encode()).digest(SEED_BYTES)
        return add_noise(lanes, self.privacy.noise_variance, seed, place)


def fit_noise(
    deltas: Sequence[NDArray[np.float32]],
    noise: GroupNoise,
    encoding: Encoding,
) -> UpdateNoise:
    """Return noise for updates like these.

    Parameters
    ----------
    deltas
        What participants have learned, flat and finite.
    noise
        How much there is to be.
    encoding
        Its lanes; of the values between two integers, as many are told apart as there is room for.

    Raises
    ------
    UsageError
        Lanes have no room for so much noise.
    """
    lengths = [np.linalg.norm(delta.astype(np.float64)) for delta in deltas]
    least = Fraction(1, 2**encoding.fraction_bits)
    terms = NoiseTerms(
        max(Fraction(float(np.median(lengths))), least),
        Fraction(noise.noise_multiplier),
        count_noisy(noise.group_size),
    )
    bits = terms.choose_fraction_bits(encoding.fraction_bits, encoding.max_abs)
    privacy = terms.set_in(PrivacyParameters(), bits or 0)
    if bits is None or not privacy.clip_norm:
        raise UsageError(
            f"lanes of {encoding.lane_bits} bits have no room for noise"
            f" {noise.noise_multiplier:g} times as long as an update",
            "choose less with --noise-multiplier, or longer lanes",
        )
    return UpdateNoise(Encoding(bits, encoding.max_abs, encoding.lane_bits), privacy)
