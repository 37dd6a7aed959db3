"""Epsilons: the golden figures, and that none goes without what it means."""

from __future__ import annotations

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain import __version__
from fl_chain.errors import UsageError, ValueOutOfRange
from fl_chain.protocol.sampled_gaussian import COST_OF_ONE_RHO
from fl_chain.protocol.skellam_noise import (
    Sensitivity,
    bound_sensitivity,
    compute_skellam_cost,
)
from fl_chain.roles.accounting import (
    INTEGER_ORDERS,
    PARTICIPANT,
    PLD,
    RDP,
    RDP_2017,
    SAMPLE,
    SAMPLE_ACCOUNTANTS,
    ZCDP_2016,
    Guarantee,
    account_for_cost,
    account_for_sgd,
    compute_sgd_divergences,
    convert_divergences,
)

DELTA = 1e-5
SGD = [
    # sample rate, noise multiplier, steps, and epsilon by rdp, rdp-2017 and pld; where one is None,
    # it is published nowhere
    (256 / 60_000, 1.3, 3_515, 0.9544, 1.1921, None),
    (256 / 60_000, 1.1, 14_062, 2.5966, 3.0083, None),
    (256 / 60_000, 0.7, 10_546, 6.3195, 7.1013, None),
    (0.004, 1.3, 3_750, 0.9220, 1.1597, 0.8336),
    (0.004, 1.1, 15_000, 2.5029, 2.9050, 2.2955),
    (0.004, 0.7, 11_250, 6.0937, 6.8596, 5.4312),
    (0.1, 1.0, 100, 7.9039, None, 7.0466),
    (0.1, 2.0, 100, 2.5806, None, 2.3374),
    (1, 5.0, 50, 7.0774, None, 6.5730),
    (1, 1.0, 1, 4.7285, None, 4.3772),
]
SKELLAM = [
    # clip norm in units of lanes, noise multiplier, rounds, epsilon; 100,000 lanes
    (100, 1, 1, 10.091),
    (1_000, 1, 1, 4.8181),
    (10_000, 1, 1, 4.7536),
    (65_536, 1, 1, 4.75278),
    (65_536, 10, 100, 4.7528),
]


def epsilon_of_sgd(accountant: str, rate: float, noise: float, steps: int) -> float:
    return account_for_sgd(
        sample_rate=rate,
        noise_multiplier=noise,
        num_steps=steps,
        delta=DELTA,
        accountant=accountant,
    ).epsilon


@pytest.mark.parametrize(("rate", "noise", "steps", "rdp", "older", "pld"), SGD)
def test_epsilons_of_sgd_are_the_golden_ones(
    rate: float, noise: float, steps: int, rdp: float, older: float | None, pld: float | None
) -> None:
    for accountant, expected in zip(SAMPLE_ACCOUNTANTS, (rdp, older, pld), strict=True):
        if expected is not None:
            found = epsilon_of_sgd(accountant, rate, noise, steps)
            assert found == pytest.approx(expected, abs=6e-5)


def test_the_published_figures_are_those_of_the_older_conversion() -> None:
    found = [epsilon_of_sgd(RDP_2017, *row[:3]) for row in SGD[:3]]
    assert [round(epsilon, 2) for epsilon in found] == [1.19, 3.01, 7.10]


def test_a_sharper_accountant_gives_less() -> None:
    for row in (SGD[3], SGD[7]):
        pld, rdp, older = (epsilon_of_sgd(name, *row[:3]) for name in (PLD, RDP, RDP_2017))
        assert pld < rdp < older


def test_more_noise_gives_less_and_more_steps_more() -> None:
    for accountant in SAMPLE_ACCOUNTANTS:
        here = epsilon_of_sgd(accountant, 0.01, 1.0, 500)
        assert epsilon_of_sgd(accountant, 0.01, 1.2, 500) < here
        assert epsilon_of_sgd(accountant, 0.01, 1.0, 600) > here
        assert epsilon_of_sgd(accountant, 0.02, 1.0, 500) > here


def test_divergences_of_full_batches_are_those_of_gaussian_noise() -> None:
    found = compute_sgd_divergences(
        sample_rate=1, noise_multiplier=4.0, num_steps=3, orders=[1.5, 2, 17, 500]
    )
    assert found == pytest.approx([3 * order / 32 for order in (1.5, 2, 17, 500)], rel=1e-9)


def test_the_divergence_of_order_2_is_the_closed_form() -> None:
    (found,) = compute_sgd_divergences(
        sample_rate=0.01, noise_multiplier=0.9, num_steps=7, orders=[2]
    )
    assert found == pytest.approx(7 * math.log1p(0.01**2 * math.expm1(1 / 0.81)), rel=1e-9)


def test_a_guarantee_says_what_it_means() -> None:
    guarantee = account_for_sgd(
        sample_rate=1, noise_multiplier=5.0, num_steps=50, delta=DELTA, accountant=RDP
    )
    assert (guarantee.delta, guarantee.unit, guarantee.accountant) == (DELTA, SAMPLE, RDP)
    assert guarantee.library.startswith("dp-accounting ")
    text = "epsilon 7.077 at delta 1e-05 for one sample (rdp, dp-accounting 0.6.0)"
    assert str(guarantee).startswith(text.split(" 0.6")[0])
    other = account_for_cost(COST_OF_ONE_RHO, 1e-6, unit=PARTICIPANT)
    assert other.library == f"fl_chain {__version__}"
    assert f"delta 1e-06 for one participant (zcdp, fl_chain {__version__})" in str(other)


@pytest.mark.parametrize(
    ("rate", "noise", "steps", "delta"),
    [
        (0, 1, 1, DELTA),
        (1.1, 1, 1, DELTA),
        (math.nan, 1, 1, DELTA),
        (1, 0, 1, DELTA),
        (1, 1, 0, DELTA),
        (1, 1, 1, 0),
        (1, 1, 1, 1),
        (1, 1, 1, math.nan),
    ],
)
@pytest.mark.parametrize("accountant", SAMPLE_ACCOUNTANTS)
def test_values_out_of_range_are_refused(
    accountant: str, rate: float, noise: float, steps: int, delta: float
) -> None:
    with pytest.raises(ValueOutOfRange):
        account_for_sgd(
            sample_rate=rate,
            noise_multiplier=noise,
            num_steps=steps,
            delta=delta,
            accountant=accountant,
        )


def test_an_unknown_accountant_is_refused() -> None:
    with pytest.raises(UsageError, match="no accountant 'prv'"):
        epsilon_of_sgd("prv", 1, 1, 1)
    with pytest.raises(UsageError, match="by 'rdp'"):
        account_for_cost(1, DELTA, unit=SAMPLE, accountant=RDP)
    with pytest.raises(UsageError, match="for one 'round'"):
        account_for_cost(1, DELTA, unit="round")


def test_without_the_package_one_learns_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(UsageError, match=r"pip install 'fl_chain\[privacy\]'"):
        epsilon_of_sgd(RDP, 1, 1, 1)


def divergence_of_skellam(order: int, sensitivity: Sensitivity, variance: int) -> float:
    """Bound a Renyi divergence as Agarwal, Kairouz and Liu 2021 do (arXiv:2110.04995)."""
    squared_l2, l1 = float(sensitivity.squared_l2), float(sensitivity.l1)
    return order * squared_l2 / (2 * variance) + min(
        ((2 * order - 1) * squared_l2 + 6 * l1) / (4 * float(variance) ** 2),
        3 * l1 / (2 * variance),
    )


def epsilon_of_skellam(sensitivity: Sensitivity, variance: int, rounds: int) -> float:
    """Convert the divergences of every order, of which a cost keeps one integer."""
    divergences = [
        rounds * divergence_of_skellam(order, sensitivity, variance) for order in INTEGER_ORDERS
    ]
    return convert_divergences(INTEGER_ORDERS, divergences, DELTA)


@pytest.mark.parametrize(("clip_norm", "noise", "rounds", "expected"), SKELLAM)
def test_what_a_ledger_adds_up_for_skellam_noise_comes_to_the_golden_epsilons(
    clip_norm: int, noise: int, rounds: int, expected: float
) -> None:
    sensitivity = bound_sensitivity(clip_norm, 100_000)
    variance = (noise * clip_norm) ** 2
    exact = epsilon_of_skellam(sensitivity, variance, rounds)
    assert exact == pytest.approx(expected, rel=1e-4)
    cost = rounds * compute_skellam_cost(sensitivity, variance)
    found = account_for_cost(cost, DELTA, unit=PARTICIPANT)
    assert exact <= found.epsilon <= exact * 1.0001
    assert (found.unit, found.accountant) == (PARTICIPANT, "zcdp")


@given(st.integers(1, 10**4), st.integers(1, 10**6), st.integers(10**4, 10**9))
def test_a_cost_never_promises_more_than_the_divergences(
    clip_norm: int, dimension: int, variance: int
) -> None:
    sensitivity = bound_sensitivity(clip_norm, dimension)
    cost = compute_skellam_cost(sensitivity, variance)
    exact = epsilon_of_skellam(sensitivity, variance, 1)
    assert account_for_cost(cost, DELTA, unit=PARTICIPANT).epsilon >= exact * (1 - 1e-9)
    divergences = [divergence_of_skellam(a, sensitivity, variance) for a in INTEGER_ORDERS]
    for order, divergence in zip(INTEGER_ORDERS, divergences, strict=True):
        assert divergence <= cost * order / COST_OF_ONE_RHO * (1 + 1e-9)


def test_no_cost_hides_everything_and_costs_below_0_do_not_exist() -> None:
    assert account_for_cost(0, DELTA, unit=SAMPLE).epsilon < 0.01
    assert account_for_cost(0, DELTA, unit=SAMPLE, accountant=ZCDP_2016).epsilon == 0
    with pytest.raises(ValueOutOfRange):
        account_for_cost(-1, DELTA, unit=SAMPLE)


def test_the_formula_for_paper_is_the_one_of_the_paper() -> None:
    half = account_for_cost(COST_OF_ONE_RHO // 2, DELTA, unit=SAMPLE, accountant=ZCDP_2016)
    expected = 0.5 + 2 * math.sqrt(0.5 * math.log(1e5))
    assert half == Guarantee(
        pytest.approx(expected), DELTA, SAMPLE, "zcdp-2016", f"fl_chain {__version__}"
    )
