"""What the modes of a round show: masked lanes and ciphertext nothing, a group its sum alone."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fl_chain.errors import UsageError
from fl_chain.lab.exposure import Rebuilt, attack, list_exposures
from fl_chain.lab.exposure_summary import Spread, summarize_exposures
from fl_chain.lab.inversion import INVERSIONS
from fl_chain.lab.masked_group import deal, mask, unmask
from fl_chain.lab.modes import (
    CIPHERTEXT,
    EVERY_MODE,
    GROUP_SUM,
    LANES,
    MEAN,
    MODES,
    NOISED,
    NOISED_SUM,
    UPDATE,
    Exposure,
    list_shown,
)
from fl_chain.lab.showing import show
from fl_chain.protocol.layout import flatten, layout_of
from fl_chain.training.catalogue import load_dataset

BASE = Exposure("digits", "digits_mlp", 8, 10, UPDATE, "first_layer", seed=0, group_size=4)
MAX_ABS = 2**15 - 1


def read(exposure: Exposure) -> NDArray[np.float32]:
    """What is shown of the first participants, as one vector."""
    train, size = load_dataset("digits").train, exposure.num_examples
    parts = [train.subset(np.arange(size * i, size * (i + 1))) for i in range(exposure.num_behind)]
    update = show(exposure, parts, np.random.default_rng(1)).update
    return flatten(update, layout_of(update))


def correlate(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Correlation of ranks, of which the distribution without any does not depend on values."""
    ranks = np.stack([values.argsort().argsort() for values in (one, other)])
    matrix: NDArray[np.float64] = np.atleast_2d(np.corrcoef(ranks))
    return float(matrix[0, 1])


@pytest.mark.parametrize("shown", [LANES, CIPHERTEXT])
@pytest.mark.parametrize("lane_bits", [8, 12, 16])
def test_masked_lanes_and_ciphertext_have_nothing_to_do_with_the_update(
    shown: str, lane_bits: int
) -> None:
    exposure = replace(BASE, lane_bits=lane_bits)
    update, seen = read(exposure), read(replace(exposure, shown=shown))
    # So far from 0 by chance once in 15,000 times; the seed is fixed.
    assert abs(correlate(update, seen)) < 4 / math.sqrt(update.size)


@pytest.mark.parametrize("shown", [UPDATE, MEAN, GROUP_SUM])
def test_an_open_update_and_sums_that_it_is_in_have_to_do_with_it(shown: str) -> None:
    assert correlate(read(BASE), read(replace(BASE, shown=shown))) > 0.3


def test_what_comes_out_of_a_group_is_the_sum_of_its_updates_and_no_more() -> None:
    random = np.random.default_rng(0)
    values = random.integers(-MAX_ABS, MAX_ABS + 1, (4, 1000)).astype(np.int16)
    group = deal(4, 0)
    masked = [mask(group, i, lanes, MAX_ABS) for i, lanes in enumerate(values)]
    assert np.array_equal(unmask(group, masked, MAX_ABS), values.astype(np.int32).sum(axis=0))
    assert all((lanes != value).mean() > 0.99 for lanes, value in zip(masked, values, strict=True))
    assert not np.array_equal(mask(deal(4, 1), 0, values[0], MAX_ABS), masked[0])


def test_a_group_without_masks_shows_what_the_mean_of_as_many_shows() -> None:
    mean = replace(BASE, shown=MEAN, num_participants=BASE.group_size)
    assert np.array_equal(read(replace(BASE, shown=GROUP_SUM)), read(mean))


@pytest.mark.parametrize("inversion", INVERSIONS)
@pytest.mark.parametrize("shown", [LANES, CIPHERTEXT, NOISED])
def test_without_a_key_or_under_noise_nothing_is_better_than_a_blind_guess(
    shown: str, inversion: str
) -> None:
    rebuilt = attack(replace(BASE, shown=shown, inversion=inversion, num_examples=1))
    assert rebuilt.num_recovered == 0
    assert rebuilt.gain_psnr < 0
    assert rebuilt.gain_ssim < 0


def test_little_noise_hides_nothing() -> None:
    noised = replace(BASE, num_examples=1, shown=NOISED, noise_multiplier=1e-4)
    assert attack(noised).num_recovered == 1


def test_a_group_hides_nobody_who_has_a_single_example() -> None:
    rebuilt = attack(replace(BASE, num_examples=1, shown=GROUP_SUM))
    assert rebuilt.num_recovered == 1
    assert rebuilt.gain_psnr > 10


@pytest.mark.parametrize("inversion", INVERSIONS)
def test_a_group_with_noise_on_its_updates_hides_even_a_single_example(inversion: str) -> None:
    """A twentieth of the length of an update is enough, and no sum of noise is none."""
    noised = replace(BASE, num_examples=1, shown=NOISED_SUM, group_size=8, inversion=inversion)
    rebuilt = attack(replace(noised, noise_multiplier=0.05))
    assert rebuilt.num_recovered == 0
    assert rebuilt.gain_psnr < 0
    assert rebuilt.gain_ssim < 0


def test_next_to_no_noise_on_updates_hides_nobody() -> None:
    noised = replace(BASE, num_examples=1, shown=NOISED_SUM, group_size=8, noise_multiplier=1e-4)
    assert attack(noised).num_recovered == 1


def test_noise_that_lanes_have_no_room_for_is_told() -> None:
    with pytest.raises(UsageError, match="no room for noise"):
        attack(replace(BASE, num_examples=1, shown=NOISED_SUM, noise_multiplier=1e6))


def test_a_group_of_eight_with_eight_examples_each_is_as_good_as_a_blind_guess() -> None:
    rebuilt = attack(replace(BASE, shown=GROUP_SUM, group_size=8))
    assert rebuilt.num_recovered == 0
    assert rebuilt.gain_psnr < 1


def test_every_mode_shows_the_same_participants() -> None:
    found = [attack(replace(BASE, shown=shown)) for shown in list_shown(MODES)]
    assert all(np.array_equal(one.originals, found[0].originals) for one in found)
    assert [one.exposure.mode for one in found] == [
        *("open", "sealed", "masked", "masked", "noised", "noised"),
        EVERY_MODE,
    ]


def test_random_numbers_are_attacked_in_the_place_of_an_update() -> None:
    one, other = attack(BASE), attack(replace(BASE, shown=LANES))
    assert np.array_equal(one.random.images, other.random.images)
    assert one.random.psnr.mean() < one.blind.psnr.mean() < one.found.psnr.mean()


def test_seeds_are_summed_up() -> None:
    found: list[Rebuilt] = [attack(replace(BASE, seed=seed, num_examples=1)) for seed in (0, 1)]
    (summary,) = summarize_exposures(found)
    assert (summary.num_recovered, summary.num_examples) == (2, 2)
    one, other = (rebuilt.gain_psnr for rebuilt in found)
    assert summary.gain_psnr.mean == pytest.approx((one + other) / 2)
    assert summary.gain_psnr.deviation == pytest.approx(abs(one - other) / 2**0.5)
    assert Spread(1.26, 0.5).show(1, is_signed=True) == "+1.3 ± 0.5"
    assert Spread(1.26, 0.0).show(1) == "1.3"


def test_no_other_mode_is_known() -> None:
    with pytest.raises(UsageError, match="there is no mode 'hidden'") as caught:
        list_exposures(BASE, (1,), ("matching",), 1, ("open", "hidden"))
    assert "open, sealed, masked, noised" in str(caught.value.hint)


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["noise_multiplier", "max_grad_norm"])
def test_noise_of_no_size_is_refused_before_anything_is_trained(name: str, wrong: float) -> None:
    base = replace(BASE, **{name: wrong})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="none to train with"):
        list_exposures(base, (1,), ("matching",), 1)
    assert list_exposures(base, (1,), ("matching",), 1, ("open",))


def test_noise_needs_opacus_before_anything_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opacus", None)
    with pytest.raises(UsageError, match="needs Opacus") as caught:
        list_shown(MODES)
    assert "--modes open,sealed,masked" in str(caught.value.hint)
    assert list_shown(("sealed", "open")) == (UPDATE, CIPHERTEXT, MEAN)
