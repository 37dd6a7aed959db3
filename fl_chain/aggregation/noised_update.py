"""An update that is hidden behind noise as a whole: clipped, rounded to a bound, noise added.

The Skellam mechanism of Agarwal, Kairouz and Liu 2021 (arXiv:2110.04995), on the integers that are
pinned; fl_chain/protocol/skellam_noise.py has what it gives. Floats are clipped once and never
counted on: the integers are held against the bound, and rounded again if they exceed it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.fixed_point import encode_update
from fl_chain.privacy.noise.bound import fits_bound
from fl_chain.privacy.noise.skellam import draw_skellam
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.privacy import PrivacyParameters
from fl_chain.protocol.skellam_noise import bound_sensitivity

MOST_ROUNDINGS: Final = 128
"""At least 39 of 100 fit: that none of so many does happens once in 10^27 updates."""


def clip_and_round(
    delta: NDArray[np.float32],
    encoding: Encoding,
    privacy: PrivacyParameters,
    num_lanes: int,
    draw_words: Callable[[int], NDArray[np.uint32]],
) -> NDArray[Any]:
    """Return the lanes of an update before noise, no longer than what noise covers.

    Parameters
    ----------
    delta
        What is to be sent, flat.
    encoding, privacy
        Of the task.
    num_lanes
        Of an update of the task, at least as many as values; the bound is for so many.
    draw_words
        Takes the number of the attempt; returns a random word of 32 bits for each value.

    Raises
    ------
    ValueOutOfRange
        A value is NaN or infinite.
    """
    bits, clip_norm = encoding.fraction_bits, privacy.clip_norm
    values = delta.astype(np.float64)
    norm = float(np.linalg.norm(values)) * 2.0**bits
    if clip_norm < norm < math.inf:  # values that are not finite are refused below
        values *= clip_norm / norm
    bound = bound_sensitivity(clip_norm, num_lanes).squared_l2
    for attempt in range(MOST_ROUNDINGS):
        lanes = encode_update(values, bits, clip_norm, draw_words(attempt), encoding.lane_bits)
        if fits_bound(lanes, bound):
            return lanes
    towards_zero = np.trunc(values * 2.0**bits) * 2.0**-bits
    return encode_update(towards_zero, bits, clip_norm, None, encoding.lane_bits)


def add_noise(lanes: NDArray[Any], variance: int, secret: bytes, place: bytes) -> NDArray[Any]:
    """Return lanes with noise, the same for the same lanes and place.

    Lanes that differ in anything have other noise, so that no two versions of an update tell by
    their difference what is in them.

    Parameters
    ----------
    lanes
        An update before noise.
    variance
        Of the noise, in units of lanes squared.
    secret
        32 bytes that nobody else knows.
    place
        Where the update belongs.
    """
    label = place + hashlib.sha256(lanes.astype("<i4").tobytes()).digest()
    noise = draw_skellam(variance, lanes.size, secret, label)
    # No sum leaves the range of lanes: the rules of manifests have room for the largest noise.
    noised: NDArray[Any] = (lanes + noise).astype(lanes.dtype)
    return noised
