"""Vectors of fixed point, rounding and the mean."""

from __future__ import annotations

from typing import Any

from tests import reference as ref

SEED = "fl_chain/v1/test"
VALUES = [0.0, 1.0, -1.0, 0.1, -0.1, 3.14159, 9.0, -9.0, 2.0**-17, 3 * 2.0**-17, -(2.0**-17)]
EDGES = [-0.0, 5e-324, -5e-324, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.4e38, -3.4e38, 7.99999, -7.99999]


def make_fixed_point() -> Any:
    """Return encodings with both roundings, divisions and whole aggregates."""
    words = ref.shake_words(SEED.encode(), len(VALUES))
    nearest = [
        (16, 8 * 2**16, VALUES),
        (0, 32767, EDGES),
        (15, 32767, EDGES),
        (30, 2**31 - 1, EDGES),
    ]
    stochastic = [
        (16, 8 * 2**16, VALUES, words),
        (16, 8 * 2**16, VALUES, [0] * len(VALUES)),
        (16, 8 * 2**16, VALUES, [2**32 - 1] * len(VALUES)),
        (0, 32767, [0.5] * 4, [2**31 - 1, 2**31, 2**31 + 1, 0]),
        (0, 32767, [-0.25] * 3, [3 * 2**30 - 1, 3 * 2**30, 3 * 2**30 + 1]),
        (15, 32767, [1.0, -1.0, 2.0, -2.0, 32766.5 / 2**15], [0, 0, 0, 0, 0]),
    ]
    numerators = [7, -7, 5, -5, 1, -1, 3, -3, 10, -10]
    large = 2**62 - 1
    divisions = [(numerators, 2), (numerators, 4), (numerators, 3), (numerators, 1)]
    divisions += [([large, -large, 0, 1, -1], large), ([large, -large], 2), ([large, -large], 3)]
    divisions += [([(large - 1) // 2, (large + 1) // 2, -(large - 1) // 2], large)]
    divisions += [([2**61, -(2**61), 3 * 2**60, 2**60], 2**61)]
    return {
        "seed": SEED,
        "words": words,
        "nearest": [
            {
                "fraction_bits": bits,
                "max_abs": bound,
                "x": [x.hex() for x in xs],
                "q": [ref.encode_nearest(x, bits, bound) for x in xs],
            }
            for bits, bound, xs in nearest
        ],
        "stochastic": [
            {
                "fraction_bits": bits,
                "max_abs": bound,
                "x": [x.hex() for x in xs],
                "words": ws,
                "q": [
                    ref.encode_stochastic(x, bits, bound, w) for x, w in zip(xs, ws, strict=True)
                ],
            }
            for bits, bound, xs, ws in stochastic
        ],
        "div_rhe": [
            {
                "numerators": tops,
                "denominator": bottom,
                "quotients": [ref.div_rhe(top, bottom) for top in tops],
            }
            for tops, bottom in divisions
        ],
        "mean": [
            _mean([[1000, -2000, 3], [1001, -1999, 4], [-500, 7, -32768]], [600, 300, 101], 16, 16),
            _mean([[1, 2, -3], [2, 2, -2]], [1, 1], 15, 15),
            _mean([[1, 2, -3], [2, 2, -2]], [1, 2], 15, 24),
            _mean([[32767, -32767, 1]], [2**32 - 1], 15, 24, [2**31 - 1, -(2**31), 0]),
            _mean([[32767, -32767, 1]] * 3, [1000] * 3, 0, 30, [0, 0, 5]),
        ],
    }


def _mean(
    updates: list[list[int]],
    weights: list[int],
    fraction_bits: int,
    model_fraction_bits: int,
    base: list[int] | None = None,
) -> dict[str, Any]:
    base = base or [0] * len(updates[0])
    return {
        "fraction_bits": fraction_bits,
        "model_fraction_bits": model_fraction_bits,
        "base": base,
        "updates": updates,
        "weights": weights,
        "sum": ref.weighted_sum(updates, weights),
        "model": ref.next_model(base, updates, weights, fraction_bits, model_fraction_bits),
    }
