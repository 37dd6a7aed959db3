"""Vectors of differences between models, and of a round whose report names one."""

from __future__ import annotations

from typing import Any

import numpy as np

from scripts.vectors.rounds import make_aggregate
from tests import reference as ref


def make_difference_aggregate() -> Any:
    """Return the same round of a task whose reports name differences."""
    return make_aggregate(has_differences=True)


def make_differences() -> Any:
    """Return differences between models, and bytes that are none."""
    drawn = np.random.default_rng(0)
    wide = drawn.integers(-(2**31), 2**31, (2, 300)).tolist()
    near = drawn.integers(-9, 10, 700).tolist()
    pairs: list[tuple[str, list[int], list[int]]] = [
        ("one value", [7], [8]),
        ("one value less", [7], [6]),
        ("the same model", [1, 2, 3], [1, 2, 3]),
        ("around the end", [2**31 - 1, -(2**31)], [-(2**31), 2**31 - 1]),
        ("as far as it goes", [-(2**31), 0, -1], [0, -(2**31), 2**31 - 1]),
        ("a run", [0] * 256, list(range(-128, 128))),
        ("a run and one value", [0] * 257, [*range(-128, 128), 70000]),
        ("a run that stays between two", [0] * 768, [1] * 256 + [0] * 256 + [-3] * 256),
        ("small ones", near, near[::-1]),
        ("large ones", *wide),
    ]
    good = ref.difference([0] * 257, list(range(257)))
    refused = [
        ("nothing", b""),
        ("a run too few", good[: 1 + 32 * 9]),
        ("a run too many", good + b"\0"),
        ("a byte too few", good[:-1]),
        ("a byte too many", good + b"\1"),
        ("a width of 33 bits", bytes([33]) + bytes(33 * 32) + b"\0"),
        ("a width of 255 bits", bytes([255]) + bytes(255 * 32) + b"\0"),
    ]
    return {
        "cases": [
            {"name": name, "base": base, "model": model, "data": ref.difference(base, model).hex()}
            for name, base, model in pairs
        ],
        "refused": [
            {"reason": reason, "values": 257, "data": data.hex()} for reason, data in refused
        ],
    }
