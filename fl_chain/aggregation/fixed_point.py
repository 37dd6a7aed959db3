"""The one door between floats and integers.

An update holds ``q = round(delta * 2^F)`` and a model ``M = parameter * 2^G``. Scales are powers of
two only: multiplying by one is exact in binary floating point, so no two platforms can disagree.
NaN and infinities are refused before encoding, never cast.

Source: fixed-point quantization with unbiased stochastic rounding, e.g. Gupta et al. 2015
(arXiv:1502.02551); an update's error is at most one unit of 2^-F per value.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.blocks import iterate_blocks
from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.constants import LANE_BITS, MODEL_BITS, SHORT_LANE_BITS

_WORD_BITS = 32


def expand_words(seed: bytes, count: int) -> NDArray[np.uint32]:
    """Return ``count`` uniform 32-bit words: SHAKE-128 of ``seed``, read little-endian."""
    return np.frombuffer(hashlib.shake_128(seed).digest(4 * count), "<u4")


def encode_fixed_point(
    values: NDArray[Any],
    fraction_bits: int,
    max_abs: int,
    words: NDArray[np.uint32] | None = None,
) -> NDArray[np.int64]:
    """Return ``values * 2^fraction_bits`` as integers, clipped to ``+-max_abs``.

    Parameters
    ----------
    values
        Finite floats of any shape.
    fraction_bits
        F, 0 to 30.
    max_abs
        Largest magnitude of an integer.
    words
        One uniform 32-bit word per value for stochastic rounding; None rounds to nearest, ties
        to even.

    Raises
    ------
    ValueOutOfRange
        A value is NaN or infinite.

    Examples
    --------
    >>> encode_fixed_point(np.array([0.1, -0.1, 9.0]), 16, 8 * 2**16).tolist()
    [6554, -6554, 524288]
    """
    is_finite = np.isfinite(values)
    if not is_finite.all():
        count = int(values.size - is_finite.sum())
        raise ValueOutOfRange(
            f"{count} of {values.size} values are NaN or infinite",
            "training diverged; lower the learning rate",
        )
    flat, encoded = values.reshape(-1), np.empty(values.size, np.int64)
    for block in iterate_blocks(flat.size):
        chosen = None if words is None else words.reshape(-1)[block]
        encoded[block] = _encode_block(flat[block], fraction_bits, max_abs, chosen)
    return encoded.reshape(values.shape)


def _encode_block(
    values: NDArray[Any], fraction_bits: int, max_abs: int, words: NDArray[np.uint32] | None
) -> NDArray[np.int64]:
    # Clipped before scaling, so that no double overflows; scaling by a power of two is exact.
    bound = max_abs * 2.0**-fraction_bits
    scaled = np.clip(values.astype(np.float64), -bound, bound) * 2.0**fraction_bits
    if words is None:
        return np.rint(scaled).astype(np.int64)
    floors = np.floor(scaled)
    thresholds = np.floor((scaled - floors) * 2.0**_WORD_BITS)
    # max_abs is an integer, so a clipped value has no fraction and is never rounded past it.
    return floors.astype(np.int64) + (words < thresholds)


def encode_update(
    delta: NDArray[np.floating],
    fraction_bits: int,
    max_abs: int,
    words: NDArray[np.uint32] | None,
    lane_bits: int = LANE_BITS,
) -> NDArray[Any]:
    """Return a flat parameter delta as the lanes of an update, int16 or int8.

    See :func:`encode_fixed_point`.
    """
    if max_abs > 2 ** (lane_bits - 1) - 1:
        raise ValueOutOfRange(f"max_abs {max_abs} does not fit a lane of {lane_bits} bits")
    encoded = encode_fixed_point(delta, fraction_bits, max_abs, words)
    return encoded.astype(np.int8 if lane_bits == SHORT_LANE_BITS else np.int16)


def encode_model(parameters: NDArray[np.float32], model_fraction_bits: int) -> NDArray[np.int32]:
    """Return flat float parameters as a genesis model.

    Raises
    ------
    ValueOutOfRange
        A parameter is not finite or does not fit int32.
    """
    largest = 2 ** (MODEL_BITS - 1) - 1
    # In Python's doubles: in float32, 2^31 - 1 would be taken for 2^31.
    magnitude = float(np.abs(parameters).max(initial=0))
    if not magnitude * 2.0**model_fraction_bits <= largest:
        raise ValueOutOfRange(
            f"a parameter exceeds {largest / 2.0**model_fraction_bits:g}",
            "lower model_fraction_bits or scale the initial parameters down",
        )
    return encode_fixed_point(parameters, model_fraction_bits, largest).astype(np.int32)


def decode_model(model: NDArray[np.int32], model_fraction_bits: int) -> NDArray[np.float32]:
    """Return the float32 view of a model that training starts from.

    Exact up to one rounding to nearest even: int32 and the scaling are exact in float64.

    Examples
    --------
    >>> decode_model(np.array([2**23, -1], np.int32), 24).tolist()
    [0.5, -5.960464477539063e-08]
    """
    return (model.astype(np.float64) * 2.0**-model_fraction_bits).astype(np.float32)


def decode_update(lanes: NDArray[Any], fraction_bits: int) -> NDArray[np.float32]:
    """Return the parameter delta that lanes stand for, exact in float32."""
    return lanes.astype(np.float32) * np.float32(2.0**-fraction_bits)
