"""Costs: integers that are never below what they stand for."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.errors import ValueOutOfRange
from fl_chain.privacy.noise.sensitivity import Sensitivity, bound_sensitivity
from fl_chain.privacy.noise.zcdp import (
    COST_OF_ONE_RHO,
    MAX_COST,
    compute_gaussian_cost,
    compute_skellam_cost,
    cost_of_rdp,
)

ORDERS = range(2, 2049)
GOLDEN = [
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


@pytest.mark.parametrize(("sensitivity", "variance", "expected"), GOLDEN)
def test_costs_are_the_golden_ones(sensitivity: Sensitivity, variance: int, expected: int) -> None:
    assert compute_skellam_cost(sensitivity, variance) == expected


@given(SENSITIVITIES, VARIANCES)
def test_a_cost_covers_the_divergence_of_every_order(
    sensitivity: Sensitivity, variance: int
) -> None:
    try:
        cost = compute_skellam_cost(sensitivity, variance)
    except ValueOutOfRange:
        assert skellam_divergence(2, sensitivity, variance) > 2**30
        return
    for order in ORDERS:
        allowed = Fraction(cost * order, COST_OF_ONE_RHO)
        assert skellam_divergence(order, sensitivity, variance) <= allowed


@given(SENSITIVITIES, st.integers(10**4, 10**12))
def test_a_cost_is_that_of_gaussian_noise_and_little_more(
    sensitivity: Sensitivity, variance: int
) -> None:
    cost = compute_skellam_cost(sensitivity, variance)
    gaussian = compute_gaussian_cost(sensitivity.squared_l2, variance)
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


@given(SENSITIVITIES, st.integers(10**3, 10**12))
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
    with pytest.raises(ValueOutOfRange, match="hides nothing"):
        compute_gaussian_cost(1, variance)


def test_the_cost_of_gaussian_noise_is_rounded_up() -> None:
    assert compute_gaussian_cost(1, 1) == COST_OF_ONE_RHO // 2
    assert compute_gaussian_cost(1, 3) == -(-COST_OF_ONE_RHO // 6)
    assert compute_gaussian_cost(0, 1) == 0
    assert compute_gaussian_cost(1, 2**80) == 1


def test_a_cost_that_does_not_fit_is_refused() -> None:
    assert compute_gaussian_cost(2**33 - 1, 1) == MAX_COST - 2**31 + 1
    with pytest.raises(ValueOutOfRange, match="so little noise"):
        compute_gaussian_cost(2**33, 1)
    with pytest.raises(ValueOutOfRange, match="negative"):
        compute_gaussian_cost(-1, 1)


DIVERGENCES = st.lists(
    st.tuples(st.integers(2, 2048), st.floats(0, 10**6, allow_subnormal=True)), min_size=1
)


@given(DIVERGENCES)
def test_the_cost_of_divergences_is_the_least_that_covers_all(
    pairs: list[tuple[int, float]],
) -> None:
    orders, divergences = [a for a, _ in pairs], [divergence for _, divergence in pairs]
    cost = cost_of_rdp(orders, divergences)

    def covers(cost: int) -> bool:
        return all(Fraction(d) <= Fraction(cost * a, COST_OF_ONE_RHO) for a, d in pairs)

    assert covers(cost)
    assert cost == 0 or not covers(cost - 1)


@pytest.mark.parametrize(
    ("orders", "divergences"),
    [
        ([], []),
        ([2], []),
        ([1], [0.5]),
        ([2], [float("inf")]),
        ([2], [float("nan")]),
        ([2], [-0.1]),
    ],
)
def test_divergences_that_are_none_are_refused(orders: list[int], divergences: list[float]) -> None:
    with pytest.raises(ValueOutOfRange):
        cost_of_rdp(orders, divergences)
