"""Integers under a digest: the fast code against Python's exact integers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.aggregation.fixed_point import (
    decode_model,
    encode_fixed_point,
    encode_model,
    encode_update,
    expand_words,
)
from fl_chain.aggregation.mean import WeightedSum
from fl_chain.aggregation.rounding import div_rhe
from fl_chain.aggregation.step import apply_step
from tests import reference as ref

FLOAT32 = st.floats(allow_nan=False, allow_infinity=False, width=32)
FLOAT64 = st.floats(allow_nan=False, allow_infinity=False)
SMALL = st.floats(-4, 4, width=32)
BITS = st.integers(0, 30)
BOUNDS = st.integers(1, 32767)
WORDS = st.integers(0, 2**32 - 1)
NUMERATORS = st.integers(-(2**62) + 1, 2**62 - 1)
DENOMINATORS = st.integers(1, 2**62 - 1)
LANES = st.integers(-32768, 32767)


# ------------------------------------------------------------------------------------ encoding


@given(st.lists(FLOAT32 | FLOAT64 | SMALL, max_size=8), BITS, BOUNDS)
def test_rounding_to_nearest_is_that_of_exact_fractions(
    values: list[float], bits: int, bound: int
) -> None:
    expected = [ref.encode_nearest(value, bits, bound) for value in values]
    assert encode_fixed_point(np.array(values, np.float64), bits, bound).tolist() == expected


@given(st.lists(st.tuples(FLOAT32 | SMALL, WORDS), max_size=8), BITS, BOUNDS)
def test_stochastic_rounding_is_that_of_the_definition(
    pairs: list[tuple[float, int]], bits: int, bound: int
) -> None:
    values = np.array([value for value, _ in pairs], np.float32)
    words = np.array([word for _, word in pairs], np.uint32)
    expected = [ref.encode_stochastic(value, bits, bound, word) for value, word in pairs]
    assert encode_fixed_point(values, bits, bound, words).tolist() == expected


@given(FLOAT32 | SMALL, WORDS, BITS, BOUNDS)
def test_stochastic_rounding_gives_a_neighbour_and_never_passes_the_bound(
    value: float, word: int, bits: int, bound: int
) -> None:
    (q,) = encode_fixed_point(np.array([value], np.float32), bits, bound, np.array([word], "<u4"))
    exact = ref.clip(Fraction(value) * 2**bits, bound)
    assert math.floor(exact) <= q <= math.ceil(exact)
    assert abs(q) <= bound


@given(SMALL, st.integers(0, 15))
def test_stochastic_rounding_is_unbiased_over_all_words(value: float, bits: int) -> None:
    """Exactly as many words round up as the fraction asks for, to within one word in 2^32."""
    exact = Fraction(value) * 2**bits
    fraction = exact - math.floor(exact)
    low, high = 0, 2**32  # the first word that rounds down, by bisection

    def rounds_up(word: int) -> bool:
        words = np.array([word], np.uint32)
        (q,) = encode_fixed_point(np.array([value], np.float32), bits, 2**20, words)
        return bool(q > math.floor(exact))

    while low < high:
        middle = (low + high) // 2
        if rounds_up(middle):
            low = middle + 1
        else:
            high = middle
    assert abs(Fraction(low, 2**32) - fraction) <= Fraction(1, 2**32)


def test_the_mean_of_many_stochastic_roundings_approaches_the_value() -> None:
    count = 100_000
    values = np.full(count, 0.3, np.float32)
    encoded = encode_fixed_point(values, 0, 1, expand_words(b"unbiased", count))
    assert set(encoded.tolist()) == {0, 1}
    # Six standard deviations of a Bernoulli mean; the words are fixed, so this cannot flicker.
    assert abs(encoded.mean() - np.float32(0.3)) < 6 * math.sqrt(0.3 * 0.7 / count)


@given(st.lists(FLOAT32, min_size=1, max_size=8), st.integers(0, 30), BOUNDS)
def test_the_lanes_of_an_update_stay_within_their_bound(
    values: list[float], bits: int, bound: int
) -> None:
    lanes = encode_update(np.array(values, np.float32), bits, bound, None)
    assert lanes.dtype == np.int16
    assert all(-bound <= lane <= bound for lane in lanes.tolist())


@given(st.lists(st.integers(-(2**24), 2**24), max_size=8), st.integers(0, 30))
def test_models_of_24_bits_survive_the_way_to_floats_and_back(values: list[int], bits: int) -> None:
    model = np.array(values, np.int32)
    assert encode_model(decode_model(model, bits), bits).tolist() == values


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 30))
def test_a_models_view_is_rounded_once_to_the_nearest_float(value: int, bits: int) -> None:
    (view,) = decode_model(np.array([value], np.int32), bits).tolist()
    exact = Fraction(value, 2**bits)
    spacing = Fraction(2) ** (math.frexp(view)[1] - 24) if view else Fraction(0)
    assert abs(Fraction(view) - exact) <= spacing / 2


# ------------------------------------------------------------------------------------ division


@given(st.lists(NUMERATORS, max_size=8), DENOMINATORS)
def test_division_is_that_of_exact_fractions(numerators: list[int], denominator: int) -> None:
    expected = [ref.div_rhe(numerator, denominator) for numerator in numerators]
    assert div_rhe(np.array(numerators, np.int64), denominator).tolist() == expected


@given(st.integers(-(2**40), 2**40), st.integers(1, 2**20), st.integers(-1, 1))
def test_division_is_exact_around_ties(quotient: int, half: int, offset: int) -> None:
    numerator, denominator = (2 * quotient + 1) * half + offset, 2 * half
    (actual,) = div_rhe(np.array([numerator]), denominator).tolist()
    assert actual == ref.div_rhe(numerator, denominator)


@given(NUMERATORS, DENOMINATORS)
def test_division_is_symmetric_about_zero(numerator: int, denominator: int) -> None:
    positive, negative = div_rhe(np.array([numerator, -numerator]), denominator).tolist()
    assert positive == -negative


# ---------------------------------------------------------------------------------------- mean


@st.composite
def rounds(draw: st.DrawFn) -> tuple[list[list[int]], list[int], list[int]]:
    """Draw updates, weights and a base model."""
    width, count = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    lanes = st.lists(LANES, min_size=width, max_size=width)
    updates = draw(st.lists(lanes, min_size=count, max_size=count))
    weights = draw(st.lists(st.integers(1, 2**20), min_size=count, max_size=count))
    values = st.integers(-(2**31), 2**31 - 1)
    return updates, weights, draw(st.lists(values, min_size=width, max_size=width))


def sum_of(updates: list[list[int]], weights: list[int]) -> WeightedSum:
    total = WeightedSum(len(updates[0]))
    for lanes, weight in zip(updates, weights, strict=True):
        total.add(np.array(lanes, np.int16), weight)
    return total


@given(rounds(), st.integers(0, 30), st.integers(0, 20))
def test_the_next_model_is_that_of_exact_integers(drawn: Any, bits: int, shift: int) -> None:
    updates, weights, base = drawn
    model_bits = bits + min(shift, 61 - 15 - sum(weights).bit_length())
    model = apply_step(np.array(base, np.int32), sum_of(updates, weights).mean(), bits, model_bits)
    assert model.tolist() == ref.next_model(base, updates, weights, bits, model_bits)


@given(rounds(), st.randoms(use_true_random=False))
def test_updates_in_any_order_give_the_same_sum(drawn: Any, random: Any) -> None:
    updates, weights, _ = drawn
    order = list(range(len(updates)))
    random.shuffle(order)
    shuffled = sum_of([updates[i] for i in order], [weights[i] for i in order])
    assert shuffled.values.tobytes() == sum_of(updates, weights).values.tobytes()
    assert shuffled.weight == sum(weights)


@given(rounds(), st.data())
def test_partial_sums_of_any_partition_add_up(drawn: Any, data: st.DataObject) -> None:
    updates, weights, _ = drawn
    groups = data.draw(st.lists(st.integers(0, 2), min_size=len(updates), max_size=len(updates)))
    total = np.zeros(len(updates[0]), np.int64)
    for group in set(groups):
        members = [i for i, name in enumerate(groups) if name == group]
        total += sum_of([updates[i] for i in members], [weights[i] for i in members]).values
    assert total.tolist() == ref.weighted_sum(updates, weights)


@given(st.lists(LANES, min_size=1, max_size=6), st.integers(1, 50), st.integers(0, 15))
def test_the_mean_of_equal_updates_is_the_update(lanes: list[int], copies: int, shift: int) -> None:
    total = sum_of([lanes] * copies, [3] * copies)
    model = apply_step(np.zeros(len(lanes), np.int32), total.mean(), 15, 15 + shift)
    assert model.tolist() == [lane << shift for lane in lanes]


@given(rounds())
def test_a_model_saturates_and_never_wraps(drawn: Any) -> None:
    updates, weights, base = drawn
    total = sum_of(updates, weights)
    model = apply_step(np.array(base, np.int32), total.mean(), 0, 15)
    for before, after, step in zip(base, model.tolist(), total.values.tolist(), strict=True):
        assert (after - before) * step >= 0
        assert -(2**31) <= after < 2**31


@given(st.integers(1, 32767), st.integers(0, 30), st.data())
def test_the_headroom_that_a_manifest_asks_for_is_enough(
    max_abs: int, shift: int, data: st.DataObject
) -> None:
    """The heaviest round within max weight * target * max_abs * 2^(G-F) < 2^62 can be derived."""
    largest = (2**62 - 1) // (max_abs << shift)
    weights = [largest // 2, largest - largest // 2] if largest > 1 else [largest]
    total = WeightedSum(2, max_abs)
    for weight in weights:
        total.add(np.array([max_abs, -max_abs], np.int16), weight)
    base = data.draw(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=2, max_size=2))
    updates = [[max_abs, -max_abs]] * len(weights)
    model = apply_step(np.array(base, np.int32), total.mean(), 0, shift)
    assert model.tolist() == ref.next_model(base, updates, weights, 0, shift)
