"""What attackers make of what a round shows, in each mode, beside what guessing blindly makes.

Two baselines say what an attack is worth. A blind guess is the nearest of as many images of the
test set as the attack has rebuilt, and of their mean. The other is the same attack on random
numbers in the place of an update, with the same labels and as many images. Of all of them the
nearest to each original counts.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf, isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fl_chain.errors import UsageError
from fl_chain.lab.inversion import INVERSIONS
from fl_chain.lab.modes import GROUP_SUM, MODES, NOISED, UPDATE, Exposure, list_shown
from fl_chain.lab.showing import show, show_random_numbers
from fl_chain.lab.similarity import WINDOW, compute_psnr, compute_ssim
from fl_chain.training.catalogue import find_dataset, load_dataset
from fl_chain.training.datasets import Dataset
from fl_chain.training.models import check_fit

RECOGNIZED: Final = 0.9
"""From this SSIM on one looks like the other."""
MARGIN_DECIBELS: Final = 3.0
"""By so much more than a blind guess: half of its squared error."""


@dataclass(frozen=True, slots=True, eq=False)
class Guessed:
    """The nearest guess to each original."""

    images: NDArray[np.float64]
    """``[n, side, side]``, in [0, 1]."""
    psnr: NDArray[np.float64]
    """Decibels, ``[n]``."""
    ssim: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Rebuilt:
    """What an attacker makes of it, for each example of the first participant."""

    exposure: Exposure
    originals: NDArray[np.float64]
    """``[n, side, side]``, in [0, 1]."""
    found: Guessed
    """Of what the attacker has rebuilt."""
    blind: Guessed
    """Of as many images of the test set, and their mean."""
    random: Guessed
    """Of what the same attack rebuilds from random numbers."""

    @property
    def num_recovered(self) -> int:
        """How many examples can be recognized, and not as well by guessing blindly."""
        is_nearer = self.found.psnr >= self.blind.psnr + MARGIN_DECIBELS
        return int(((self.found.ssim >= RECOGNIZED) & is_nearer).sum())

    @property
    def gain_psnr(self) -> float:
        """By how many decibels it is nearer than the better of the two baselines, on average."""
        best = max(self.blind.psnr.mean(), self.random.psnr.mean())
        return float(self.found.psnr.mean() - best)

    @property
    def gain_ssim(self) -> float:
        """The same in SSIM."""
        best = max(self.blind.ssim.mean(), self.random.ssim.mean())
        return float(self.found.ssim.mean() - best)


def list_exposures(
    base: Exposure,
    sizes: Sequence[int],
    inversions: Sequence[str],
    num_seeds: int,
    modes: Sequence[str] = MODES,
) -> list[Exposure]:
    """Return every combination, with all that is shown in these modes.

    Raises
    ------
    UsageError
        No such attack or mode, no such noise, or more examples than the data set has for so many.
    """
    for name in inversions:
        if name not in INVERSIONS:
            raise UsageError(f"there is no attack {name!r}", f"there is: {', '.join(INVERSIONS)}")
    every_shown = list_shown(tuple(modes))
    is_sized = all(0 < size < inf for size in (base.noise_multiplier, base.max_grad_norm))
    if NOISED in every_shown and not is_sized:
        raise UsageError(
            f"noise of {base.noise_multiplier} times {base.max_grad_norm} is none to train with",
            "--noise-multiplier and --max-grad-norm are above 0 and finite",
        )
    available = len(load_dataset(base.data).train)
    most = max(replace(base, shown=shown).num_behind for shown in every_shown)
    needed = max(sizes) * most
    if needed > available:
        raise UsageError(
            f"{most} participants with {max(sizes)} examples need {needed}, "
            f"{base.data} has {available}",
            "choose fewer with --examples, --participants or --group-size",
        )
    return [
        replace(base, num_examples=size, shown=shown, inversion=name, seed=base.seed + number)
        for size in sizes
        for shown in every_shown
        for name in inversions
        for number in range(num_seeds)
    ]


def check_images(data: str, model: str) -> str:
    """Return the model to attack, the data set's usual one if none is named.

    Raises
    ------
    TrainingError
        There is no such data set or model, or they do not fit.
    UsageError
        The examples are no images of values in [0, 1].
    """
    model = model or find_dataset(data).usual_model
    check_fit(model, data)
    features = load_dataset(data).train.features
    side = isqrt(features[0].size)
    is_flat = features.ndim == 2 and side**2 == features.shape[1] and side >= WINDOW
    if not is_flat or features.min() < 0 or features.max() > 1:
        raise UsageError(
            f"the examples of {data} are no square images of grey values",
            "what is rebuilt is compared as pictures: choose digits or mnist with --data",
        )
    return model


def attack_all(exposures: Sequence[Exposure]) -> Iterator[Rebuilt]:
    """Yield what an attacker makes of each, in order."""
    for exposure in exposures:
        yield attack(exposure)


def attack(exposure: Exposure) -> Rebuilt:
    """Train as participants do, and rebuild the examples of the first from what is shown."""
    split = load_dataset(exposure.data)
    chance = np.random.default_rng(exposure.seed)
    parts = _deal_examples(exposure, chance)
    seen = show(exposure, parts, chance)
    images = INVERSIONS[exposure.inversion](seen, exposure.num_steps, exposure.seed)
    originals = _as_images(parts[0].features, seen.side)
    tries = chance.choice(len(split.test), min(max(1, len(images)), len(split.test)), replace=False)
    # Whoever knows nothing of an example is nearest to it, in PSNR, with the mean of all.
    average = split.test.features.mean(axis=0, keepdims=True)
    guesses = _as_images(np.concatenate([split.test.features[tries], average]), seen.side)
    random = _rebuild_from_random_numbers(_drop_training(exposure))
    return Rebuilt(
        exposure,
        originals,
        _pick(originals, images if len(images) else guesses[-1:]),
        _pick(originals, guesses),
        _pick(originals, random if len(random) else guesses[-1:]),
    )


def _deal_examples(exposure: Exposure, chance: np.random.Generator) -> list[Dataset]:
    """Return the examples of those behind what is shown; the same for all that a round shows."""
    train, size = load_dataset(exposure.data).train, exposure.num_examples
    order = chance.permutation(len(train))
    return [train.subset(order[size * i : size * (i + 1)]) for i in range(exposure.num_behind)]


def _drop_training(exposure: Exposure) -> Exposure:
    """Return what stands for all exposures whose attack on random numbers is the same."""
    shown = UPDATE if exposure.num_behind == 1 else GROUP_SUM
    return Exposure(
        exposure.data,
        exposure.model,
        exposure.num_examples,
        exposure.num_behind,
        shown,
        exposure.inversion,
        exposure.seed,
        num_steps=exposure.num_steps,
        group_size=exposure.num_behind,
    )


@functools.lru_cache(maxsize=64)
def _rebuild_from_random_numbers(exposure: Exposure) -> NDArray[np.float64]:
    parts = _deal_examples(exposure, np.random.default_rng(exposure.seed))
    seen = show_random_numbers(exposure, parts)
    return INVERSIONS[exposure.inversion](seen, exposure.num_steps, exposure.seed)


def _as_images(features: NDArray[np.float32], side: int) -> NDArray[np.float64]:
    return features.astype(np.float64).reshape(-1, side, side)


def _pick(originals: NDArray[np.float64], candidates: NDArray[np.float64]) -> Guessed:
    """Return for each original the candidate with the least error.

    That is more than an attacker can do, who does not know the originals: no attack looks weaker
    here than it is.
    """
    psnr = np.stack([compute_psnr(candidates, original) for original in originals])
    nearest = candidates[psnr.argmax(axis=1)]
    return Guessed(nearest, psnr.max(axis=1), compute_ssim(originals, nearest))
