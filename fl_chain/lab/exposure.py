"""What a round shows of its participants' examples: to whoever reads an update, or the model alone.

Everything but the attacker is the product's own: local training, encoding to lanes, the mean. In
the mode ``open`` every update is read by whoever has its CID. The model is public in every mode,
and two models in turn show the mean of the updates between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.fixed_point import encode_update
from fl_chain.errors import UsageError
from fl_chain.lab.inversion import INVERSIONS, Seen
from fl_chain.lab.similarity import WINDOW, compute_psnr, compute_ssim
from fl_chain.protocol.layout import flatten, layout_of, unflatten
from fl_chain.training.catalogue import find_dataset, load_dataset
from fl_chain.training.datasets import Dataset
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.models import build_model, check_fit
from fl_chain.training.parameters import get_parameters, set_parameters

UPDATE: Final = "update"
MEAN: Final = "mean"
RECOGNIZED: Final = 0.9
"""From this SSIM on one looks like the other."""
MARGIN_DECIBELS: Final = 3.0
"""By so much more than a blind guess: half of its squared error."""
FRACTION_BITS: Final = {8: 8, 12: 12, 16: 15}
"""As of a task that names its lanes alone."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What is shown of whom."""

    data: str
    model: str
    num_examples: int
    """Of each participant."""
    num_participants: int
    """Of whose updates the mean is."""
    shown: str
    """``update`` or ``mean``."""
    inversion: str
    seed: int
    num_epochs: int = 1
    batch_size: int = 2**31
    """Examples of a step; as many and more are one step."""
    learning_rate: float = 0.1
    lane_bits: int = 16
    num_steps: int = 400
    """Of a search."""


@dataclass(frozen=True, slots=True, eq=False)
class Rebuilt:
    """What an attacker makes of it, for each example of the first participant."""

    exposure: Exposure
    originals: NDArray[np.float64]
    """``[n, side, side]``, in [0, 1]."""
    images: NDArray[np.float64]
    """The nearest of what the attacker has rebuilt, of the same shape."""
    psnr: NDArray[np.float64]
    """Decibels, ``[n]``."""
    ssim: NDArray[np.float64]
    blind_psnr: NDArray[np.float64]
    """Of the nearest of as many guesses without an update, ``[n]``."""
    blind_ssim: NDArray[np.float64]
    blind_images: NDArray[np.float64]

    @property
    def num_recovered(self) -> int:
        """How many examples can be recognized, and not as well by guessing blindly."""
        is_nearer = self.psnr >= self.blind_psnr + MARGIN_DECIBELS
        return int(((self.ssim >= RECOGNIZED) & is_nearer).sum())


def list_exposures(
    base: Exposure, sizes: Sequence[int], inversions: Sequence[str], num_seeds: int
) -> list[Exposure]:
    """Return every combination, with an update and with the mean of all.

    Raises
    ------
    UsageError
        No such attack, or more examples than the data set has for so many.
    """
    for name in inversions:
        if name not in INVERSIONS:
            raise UsageError(f"there is no attack {name!r}", f"there is: {', '.join(INVERSIONS)}")
    available = len(load_dataset(base.data).train)
    needed = max(sizes) * base.num_participants
    if needed > available:
        raise UsageError(
            f"{base.num_participants} participants with {max(sizes)} examples need {needed}, "
            f"{base.data} has {available}",
            "choose fewer with --examples or --participants",
        )
    return [
        replace(base, num_examples=size, shown=shown, inversion=name, seed=base.seed + number)
        for size in sizes
        for shown in (UPDATE, MEAN)
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
    order, size = chance.permutation(len(split.train)), exposure.num_examples
    count = 1 if exposure.shown == UPDATE else exposure.num_participants
    parts = [split.train.subset(order[size * i : size * (i + 1)]) for i in range(count)]
    seen = _show(exposure, parts, chance)
    images = INVERSIONS[exposure.inversion](seen, exposure.num_steps, exposure.seed)
    originals = _as_images(parts[0].features, seen.side)
    tries = chance.choice(len(split.test), min(max(1, len(images)), len(split.test)), replace=False)
    # Whoever knows nothing of an example is nearest to it, in PSNR, with the mean of all.
    average = split.test.features.mean(axis=0, keepdims=True)
    guesses = _as_images(np.concatenate([split.test.features[tries], average]), seen.side)
    nearest, psnr, ssim = _pick(originals, images if len(images) else guesses[-1:])
    blind, blind_psnr, blind_ssim = _pick(originals, guesses)
    return Rebuilt(exposure, originals, nearest, psnr, ssim, blind_psnr, blind_ssim, blind)


def _show(exposure: Exposure, parts: Sequence[Dataset], chance: np.random.Generator) -> Seen:
    """Return what participants with these examples put on record in their first round."""
    module = build_model(exposure.model, exposure.seed)
    received = get_parameters(module)
    layout = layout_of(received)
    bits, largest = FRACTION_BITS[exposure.lane_bits], 2 ** (exposure.lane_bits - 1) - 1
    total = np.zeros(sum(value.size for value in received.values()))
    for part in parts:
        trainer = LocalSgd(
            module,
            part,
            num_epochs=exposure.num_epochs,
            batch_size=exposure.batch_size,
            learning_rate=exposure.learning_rate,
        )
        trained = trainer.train(received, seed=int(chance.integers(2**32)))
        delta = flatten(trained.parameter_delta, layout)
        words = chance.integers(2**32, size=delta.size, dtype=np.uint32)
        total += encode_update(delta, bits, largest, words, exposure.lane_bits)
    set_parameters(module, received)
    update = unflatten((total / len(parts) * 2.0**-bits).astype(np.float32), layout)
    labels = np.concatenate([part.labels for part in parts]).astype(np.int64)
    return Seen(module, update, labels, isqrt(parts[0].features.shape[1]))


def _as_images(features: NDArray[np.float32], side: int) -> NDArray[np.float64]:
    return features.astype(np.float64).reshape(-1, side, side)


def _pick(
    originals: NDArray[np.float64], candidates: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return for each original the candidate with the least error, its PSNR and its SSIM.

    That is more than an attacker can do, who does not know the originals: no attack looks weaker
    here than it is.
    """
    psnr = np.stack([compute_psnr(candidates, original) for original in originals])
    nearest = candidates[psnr.argmax(axis=1)]
    return nearest, psnr.max(axis=1), compute_ssim(originals, nearest)
