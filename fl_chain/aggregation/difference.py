"""What a model differs by from the one that its round began from, in as few bits as it takes.

Whoever has the base model needs no more than this to have the model: a round moves most values a
little. Run by run of 256 values, the differences modulo 2^32 are written in as many bits as
the largest of the run has (docs/spec.md, 5.16; frame of reference coding: Goldstein,
Ramakrishnan and Shaft, "Compressing relations and indexes", 1998). The result is exact whatever
the two models are, and the same bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fl_chain.errors import MalformedBlob

RUN_VALUES: Final = 256
_WORD_BITS: Final = 32
_AT_ONCE: Final = 1024
"""Runs whose bits are spread out at the same time: 8 MiB of them."""


def compute_largest_difference(num_values: int) -> int:
    """Return the most bytes that a difference of so many values has.

    Examples
    --------
    >>> compute_largest_difference(257)
    2050
    """
    return _count_runs(num_values) * (1 + RUN_VALUES * _WORD_BITS // 8)


def encode_difference(base: NDArray[np.int32], model: NDArray[np.int32]) -> bytes:
    """Return what makes ``model`` of ``base``.

    Parameters
    ----------
    base, model
        As many values, at least one.

    Examples
    --------
    >>> base = np.array([5, -5, 2**31 - 1], np.int32)
    >>> encode_difference(base, base).hex()
    '00'
    >>> encode_difference(base, np.array([6, -6, -(2**31)], np.int32)).hex()[:6]
    '022600'
    """
    difference = model.view(np.uint32) - base.view(np.uint32)
    # The sign goes into the last bit, so that small magnitudes have few bits.
    folded = (difference << np.uint32(1)) ^ -(difference >> np.uint32(31))
    runs = np.zeros((_count_runs(len(base)), RUN_VALUES), np.uint32)
    runs.reshape(-1)[: len(base)] = folded
    widths = _count_bits(runs.max(axis=1))
    starts = _locate(widths)
    data = np.zeros(int(starts[-1]), np.uint8)
    data[starts[:-1]] = widths
    for width, chosen in _group(widths):
        bits = np.unpackbits(_as_bytes(runs[chosen]), axis=1, bitorder="little")
        held = bits.reshape(-1, RUN_VALUES, _WORD_BITS)[:, :, :width].reshape(len(chosen), -1)
        data[_places(starts, chosen, width)] = np.packbits(held, axis=1, bitorder="little")
    return data.tobytes()


def apply_difference(base: NDArray[np.int32], data: bytes) -> NDArray[np.int32]:
    """Return the model that a difference makes of a base model.

    Raises
    ------
    MalformedBlob
        Not a difference of as many values; whether it is the right one, the model's digest says.
    """
    widths = _read_widths(data, _count_runs(len(base)))
    starts = _locate(widths)
    packed = np.frombuffer(data, np.uint8)
    runs = np.zeros((len(widths), RUN_VALUES), np.uint32)
    for width, chosen in _group(widths):
        held = np.unpackbits(packed[_places(starts, chosen, width)], axis=1, bitorder="little")
        bits = np.zeros((len(chosen), RUN_VALUES, _WORD_BITS), np.uint8)
        bits[:, :, :width] = held.reshape(len(chosen), RUN_VALUES, width)
        spread = np.packbits(bits.reshape(len(chosen), -1), axis=1, bitorder="little")
        runs[chosen] = spread.view("<u4")
    folded = runs.reshape(-1)[: len(base)]
    difference = (folded >> np.uint32(1)) ^ -(folded & np.uint32(1))
    model: NDArray[np.int32] = (base.view(np.uint32) + difference).view(np.int32)
    return model


def _count_runs(num_values: int) -> int:
    return -(-num_values // RUN_VALUES)


def _count_bits(values: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return how many bits each value has; 0 has none."""
    # Exact: every uint32 is a float64, whose exponent is its number of bits.
    bits: NDArray[np.int64] = np.frexp(values.astype(np.float64))[1].astype(np.int64)
    return bits


def _read_widths(data: bytes, num_runs: int) -> NDArray[np.int64]:
    widths: list[int] = []
    start = 0
    while start < len(data) and len(widths) < num_runs:
        widths.append(data[start])
        if widths[-1] > _WORD_BITS:
            raise MalformedBlob(f"a run of a difference has {widths[-1]} bits a value, of 32")
        start += 1 + RUN_VALUES // 8 * widths[-1]
    if start != len(data) or len(widths) != num_runs:
        raise MalformedBlob(f"{len(data)} bytes are no difference of {num_runs} runs")
    return np.array(widths, np.int64)


def _locate(widths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each run begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(1 + RUN_VALUES // 8 * widths)])


def _group(widths: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield each width that runs have, and some runs that have it."""
    for width in np.unique(widths[widths > 0]).tolist():
        chosen = np.flatnonzero(widths == width)
        for start in range(0, len(chosen), _AT_ONCE):
            yield width, chosen[start : start + _AT_ONCE]


def _places(starts: NDArray[np.int64], chosen: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Return the index of each byte of some runs, a row for each, behind their widths."""
    places: NDArray[np.int64] = starts[chosen, None] + 1 + np.arange(RUN_VALUES // 8 * width)
    return places


def _as_bytes(runs: NDArray[np.uint32]) -> NDArray[np.uint8]:
    return runs.astype("<u4").view(np.uint8)
