"""Noise on whole updates as people name it, and the integers of a manifest that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from fl_chain.protocol.privacy import PrivacyParameters
from fl_chain.protocol.skellam_noise import bound_magnitude


@dataclass(frozen=True, slots=True)
class NoiseTerms:
    """Noise on whole updates, in the units of a model's parameters.

    Examples
    --------
    >>> terms = NoiseTerms(Fraction(1), Fraction(1), num_noisy=7)
    >>> terms.choose_fraction_bits(15, max_abs=2**15 - 1)
    12
    >>> terms.set_in(PrivacyParameters(), 12).clip_norm
    4096
    """

    clip_norm: Fraction
    """Euclidean norm to which an update is clipped, above 0."""
    noise_multiplier: Fraction
    """Standard deviation of the noise that is counted on, over `clip_norm`; above 0."""
    num_noisy: int
    """Of so many participants the noise is counted on, as of `PrivacyParameters`."""

    def set_in(self, privacy: PrivacyParameters, fraction_bits: int) -> PrivacyParameters:
        """Return privacy parameters with this noise: in units of lanes, the norm rounded down."""
        clip_norm = math.floor(self.clip_norm * 2**fraction_bits)
        counted = (self.noise_multiplier * clip_norm) ** 2
        variance = math.ceil(counted / self.num_noisy)
        return replace(privacy, clip_norm=clip_norm, noise_variance=variance)

    def choose_fraction_bits(self, most: int, max_abs: int) -> int | None:
        """Return how finely lanes can divide with room for the noise; None if there is none."""
        return next((bits for bits in range(most, -1, -1) if self._has_room(bits, max_abs)), None)

    def _has_room(self, fraction_bits: int, max_abs: int) -> bool:
        """Whether no noise can take a lane of this magnitude out of its range."""
        terms = self.set_in(PrivacyParameters(), fraction_bits)
        return terms.clip_norm + bound_magnitude(terms.noise_variance) <= max_abs
