"""Vectors of fixed point, rounding, the mean, and the step of one value."""

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


def make_steps() -> Any:
    """Return single values with their successors, at every border of rounding and saturation."""
    high, low = 2**31 - 1, -(2**31)
    large, heavy = 2**62 - 1, 2**53 - 1
    steps = [("nothing moves", 5, 0, 9, 1), ("an exact quotient", 100, -12, 0, 4)]
    steps += [
        (f"{sign * top} over {bottom}", base, sign * top, 0, bottom)
        for bottom in (2, 3, 4, 6)
        for top in range(1, 8)
        for sign, base in ((1, 0), (-1, 1))
    ]
    # The example of docs/spec.md, 8.2.
    steps += [
        ("the example of the specification", base, weighted, 9, 1001)
        for base, weighted in ((0, 849800), (16777216, -1798993), (low, -3306467))
    ]
    steps += [
        ("a shift turns a tie into an integer", 0, 1, 1, 2),
        ("a tie after the shift, odd below", 0, 3, 1, 4),
        ("a tie after the shift, even below", 0, 5, 1, 4),
        ("the largest shift", -7, 3, 30, 1),
        ("up to the largest integer", high - 1, 1, 0, 1),
        ("a tie that stays at the largest integer", high, 1, 0, 2),
        ("a tie past the largest integer", high, 3, 0, 2),
        ("one past the largest integer", high, 1, 0, 1),
        ("down to the least integer", low + 1, -1, 0, 1),
        ("a tie that stays at the least integer", low, -1, 0, 2),
        ("a tie past the least integer", low, -3, 0, 2),
        ("one past the least integer", low, -1, 0, 1),
        ("from the least to the largest integer", low, 2**32 - 1, 0, 1),
        ("one past the largest from the least", low, 2**32, 0, 1),
        ("from the largest to the least integer", high, -(2**32) + 1, 0, 1),
        ("one past the least from the largest", high, -(2**32), 0, 1),
        ("the largest lane of the heaviest update", 0, 32767 * (2**32 - 1), 14, 2**32 - 1),
        ("the largest sum", 0, large, 0, 1),
        ("the least sum", 0, -large, 0, 1),
        ("the largest sum from the least integer", low, large, 0, 1),
        ("the least sum from the largest integer", high, -large, 0, 1),
        ("the largest sum, shifted as far as it goes", 0, 2**32 - 1, 30, 1),
        ("the least sum, shifted as far as it goes", 0, -(2**32) + 1, 30, 1),
        ("the largest sum over the largest weight", 0, large, 0, heavy),
        ("the least sum over the largest weight", 0, -large, 0, heavy),
        ("the largest shifted sum over the largest weight", 3, 2**32 - 1, 30, heavy),
        ("the least shifted sum over the largest weight", 3, -(2**32) + 1, 30, heavy),
        ("just below half of the largest weight", 0, (heavy - 1) // 2, 0, heavy),
        ("just above half of the largest weight", 0, (heavy + 1) // 2, 0, heavy),
        ("just above minus half of the largest weight", 0, -((heavy - 1) // 2), 0, heavy),
        ("just below minus half of the largest weight", 0, -((heavy + 1) // 2), 0, heavy),
        ("a tie of large numbers, odd below", 0, 3 * 2**51, 0, 2**52),
        ("a tie of large numbers, even below", 0, 5 * 2**51, 0, 2**52),
        ("a negative tie of large numbers, odd above", 0, -3 * 2**51, 0, 2**52),
        ("a negative tie of large numbers, even above", 0, -5 * 2**51, 0, 2**52),
    ]
    return {
        "count": len(steps),
        "cases": [
            {
                "name": name,
                "base": base,
                "sum": weighted,
                "shift": shift,
                "weight": weight,
                "next": ref.next_value(base, weighted, shift, weight),
            }
            for name, base, weighted, shift, weight in steps
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
