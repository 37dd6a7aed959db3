"""Noise on updates: bounds and costs that are never below what they stand for."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.errors import ValueOutOfRange
from fl_chain.privacy.noise.skellam import compute_table
from fl_chain.protocol.canonical_json import MAX_INTEGER
from fl_chain.protocol.sampled_gaussian import COST_OF_ONE_RHO
from fl_chain.protocol.skellam_noise import (
    MAX_CLIP_NORM,
    MAX_DIMENSION,
    Sensitivity,
    bound_magnitude,
    bound_sensitivity,
    ceil_sqrt,
    compute_skellam_cost,
)

ORDERS = range(2, 2049)
GOLDEN_COSTS = [
    (Sensitivity(1, 1), 1, 5_368_709_120),
    (Sensitivity(10_000, 10_000), 10_000, 2_148_020_519),
    (Sensitivity(35_259, 35_259), 10_000, 7_573_705_548),
    (Sensitivity(1_026_159, 320_338), 1_000_000, 2_203_662_909),
    (Sensitivity(4_295_057_991, 20_724_522), 65_536**2, 2_147_528_997),
]


def skellam_divergence(order: int, sensitivity: Sensitivity, variance: int) -> Fraction:
    squared, l1 = sensitivity.squared_l2, sensitivity.l1
    excess = Fraction((2 * order - 1) * squared + 6 * l1, 4 * variance**2)
    return Fraction(order * squared, 2 * variance) + min(excess, Fraction(3 * l1, 2 * variance))


SENSITIVITIES = st.builds(bound_sensitivity, st.integers(1, 10**5), st.integers(1, 10**7))
VARIANCES = st.integers(1, 12).flatmap(lambda digits: st.integers(1, 10**digits))


@pytest.mark.parametrize(("sensitivity", "variance", "expected"), GOLDEN_COSTS)
def test_costs_are_the_golden_ones(sensitivity: Sensitivity, variance: int, expected: int) -> None:
    assert compute_skellam_cost(sensitivity, variance) == expected


@given(SENSITIVITIES, VARIANCES)
def test_a_cost_covers_the_divergence_of_every_order(
    sensitivity: Sensitivity, variance: int
) -> None:
    try:
        cost = compute_skellam_cost(sensitivity, variance)
    except ValueOutOfRange:
        assert skellam_divergence(2, sensitivity, variance) > 2**20
        return
    for order in ORDERS:
        allowed = Fraction(cost * order, COST_OF_ONE_RHO)
        assert skellam_divergence(order, sensitivity, variance) <= allowed


@given(SENSITIVITIES, st.integers(10**4, 10**12))
def test_a_cost_is_that_of_gaussian_noise_and_little_more(
    sensitivity: Sensitivity, variance: int
) -> None:
    cost = compute_skellam_cost(sensitivity, variance)
    gaussian = Fraction(sensitivity.squared_l2 * COST_OF_ONE_RHO, 2 * variance)
    assert gaussian <= cost <= gaussian * (1 + 2.5 / variance**0.5) + 1


@pytest.mark.parametrize("variance", [1, 3, 10, 40])
@pytest.mark.parametrize("shift", [1, 2, 5])
def test_a_cost_covers_the_true_divergence_of_noise_that_is_shifted(
    variance: int, shift: int
) -> None:
    cost = compute_skellam_cost(Sensitivity(shift**2, shift), variance)
    with mpmath.workprec(500):
        bessel = [mpmath.besseli(k, variance) for k in range(250)]
        for order in (2, 3, 5, 8):
            moment = sum(
                (bessel[abs(k)] / bessel[abs(k - shift)]) ** (order - 1) * bessel[abs(k)]
                for k in range(-200, 201)
            )
            divergence = (mpmath.log(moment) - variance) / (order - 1)
            assert divergence <= mpmath.mpf(cost * order) / COST_OF_ONE_RHO


@given(SENSITIVITIES, st.integers(10**5, 10**12))
def test_more_noise_costs_less_and_more_sensitivity_more(
    sensitivity: Sensitivity, variance: int
) -> None:
    cost = compute_skellam_cost(sensitivity, variance)
    assert compute_skellam_cost(sensitivity, variance + 1) <= cost
    assert compute_skellam_cost(sensitivity, 2 * variance) < cost
    squared, l1 = sensitivity.squared_l2, sensitivity.l1
    assert compute_skellam_cost(Sensitivity(squared + 1, l1), variance) >= cost
    assert compute_skellam_cost(Sensitivity(squared, l1 + 1), variance) >= cost


@pytest.mark.parametrize("variance", [0, -1])
def test_no_noise_has_no_cost(variance: int) -> None:
    with pytest.raises(ValueOutOfRange, match="hides nothing"):
        compute_skellam_cost(Sensitivity(1, 1), variance)


def test_a_cost_that_does_not_fit_a_manifest_is_refused() -> None:
    largest = MAX_INTEGER * 4 // (2 * COST_OF_ONE_RHO) - 3
    assert compute_skellam_cost(Sensitivity(largest, 0), 1) <= MAX_INTEGER
    with pytest.raises(ValueOutOfRange, match="so little noise"):
        compute_skellam_cost(Sensitivity(2 * largest, 0), 1)


@pytest.mark.parametrize("variance", [1, 2, 3, 10, 99, 1000, 4096, 10**5, 10**6])
def test_no_noise_exceeds_its_bound(variance: int) -> None:
    assert compute_table(variance).upper.size <= bound_magnitude(variance)
    assert bound_magnitude(variance) <= 61 + 13.5 * variance**0.5


GOLDEN_BOUNDS = [
    (1, 1, Sensitivity(3, 2)),
    (1, 4, Sensitivity(4, 4)),
    (100, 100_000, Sensitivity(35_259, 35_259)),
    (1000, 100_000, Sensitivity(1_026_159, 320_338)),
    (65_536, 100_000, Sensitivity(4_295_057_991, 20_724_522)),
]


@pytest.mark.parametrize(("clip_norm", "dimension", "expected"), GOLDEN_BOUNDS)
def test_bounds_are_the_golden_ones(clip_norm: int, dimension: int, expected: Sensitivity) -> None:
    assert bound_sensitivity(clip_norm, dimension) == expected


@given(st.integers(1, MAX_CLIP_NORM), st.integers(1, MAX_DIMENSION))
def test_bounds_are_the_formula_rounded_up(clip_norm: int, dimension: int) -> None:
    found = bound_sensitivity(clip_norm, dimension)
    with mpmath.workprec(300):
        root = mpmath.sqrt(dimension)
        rounded = clip_norm**2 + mpmath.mpf(dimension) / 4 + clip_norm + root / 2
        squared = min(rounded, (clip_norm + root) ** 2)
        assert squared <= found.squared_l2 < squared + 2
        l1 = min(root * mpmath.sqrt(found.squared_l2), found.squared_l2)
        assert l1 <= found.l1 < l1 + 1


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_bounds_grow_with_both(clip_norm: int, dimension: int) -> None:
    here = bound_sensitivity(clip_norm, dimension)
    for other in (
        bound_sensitivity(clip_norm + 1, dimension),
        bound_sensitivity(clip_norm, dimension + 1),
    ):
        assert other.squared_l2 >= here.squared_l2
        assert other.l1 >= here.l1


@pytest.mark.parametrize(
    ("clip_norm", "dimension"), [(0, 1), (MAX_CLIP_NORM + 1, 1), (1, 0), (1, MAX_DIMENSION + 1)]
)
def test_arguments_out_of_range_are_refused(clip_norm: int, dimension: int) -> None:
    with pytest.raises(ValueOutOfRange):
        bound_sensitivity(clip_norm, dimension)


@given(st.integers(0, 2**200))
def test_a_root_is_rounded_up(value: int) -> None:
    root = ceil_sqrt(value)
    assert root**2 >= value
    assert root == 0 or (root - 1) ** 2 < value
