"""Attackers rebuild examples from an update, and find what they are told to find hard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from fl_chain.lab.exposure import attack, check_images, list_exposures
from fl_chain.lab.inversion import INVERSIONS, Seen, rebuild_from_first_layer
from fl_chain.lab.modes import MEAN, UPDATE, Exposure

BASE = Exposure("digits", "digits_mlp", 1, 10, UPDATE, "matching", seed=0)


@pytest.mark.parametrize("inversion", INVERSIONS)
def test_the_update_of_one_example_is_that_example(inversion: str) -> None:
    rebuilt = attack(replace(BASE, inversion=inversion))
    assert rebuilt.num_recovered == 1
    assert rebuilt.found.psnr[0] > 30
    assert np.abs(rebuilt.found.images - rebuilt.originals).max() < 0.1


def test_an_update_of_eight_examples_gives_most_of_them_away() -> None:
    rebuilt = attack(replace(BASE, num_examples=8))
    assert rebuilt.num_recovered >= 6
    assert rebuilt.found.psnr.mean() > rebuilt.blind.psnr.mean() + 10


@pytest.mark.parametrize("inversion", INVERSIONS)
def test_the_mean_of_many_updates_gives_less_away_than_one(inversion: str) -> None:
    exposure = replace(BASE, num_examples=8, inversion=inversion)
    update, mean = attack(exposure), attack(replace(exposure, shown=MEAN))
    assert np.array_equal(update.originals, mean.originals)
    assert mean.num_recovered <= 1 < update.num_recovered
    assert mean.found.psnr.mean() < mean.blind.psnr.mean() + 1


def test_short_lanes_show_less() -> None:
    exposure = replace(BASE, num_examples=8)
    assert (
        attack(replace(exposure, lane_bits=8)).found.psnr.mean()
        < attack(exposure).found.psnr.mean() - 5
    )


def test_who_finds_nothing_has_guessed_blindly() -> None:
    # Nothing moves: every lane is rounded to nothing, and no unit has seen anything.
    rebuilt = attack(replace(BASE, inversion="first_layer", learning_rate=1e-30))
    assert rebuilt.num_recovered == 0
    assert rebuilt.found.psnr[0] <= rebuilt.blind.psnr[0]


def test_a_model_that_reads_no_features_at_once_has_no_first_layer() -> None:
    module = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 2, 3), nn.Flatten())
    seen = Seen(module, {}, np.zeros(1, np.int64), 8)
    assert len(rebuild_from_first_layer(seen, 1, 0)) == 0


def test_the_same_attack_finds_the_same() -> None:
    one, other = attack(BASE), attack(BASE)
    assert np.array_equal(one.found.images, other.found.images)
    assert not np.array_equal(one.originals, attack(replace(BASE, seed=1)).originals)


def test_every_combination_is_tried_once() -> None:
    listed = list_exposures(BASE, (1, 8), tuple(INVERSIONS), num_seeds=2)
    assert len(listed) == len(set(listed)) == 2 * 7 * 2 * 2
    assert check_images("digits", "") == "digits_mlp"
