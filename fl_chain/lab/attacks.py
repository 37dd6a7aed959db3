"""What malicious participants send, and what they train on.

They know everything: what the honest updates of the round are, and that they are f of n. h are the
honest deltas, mu and sd their mean and standard deviation, value by value.

Sources: Baruch et al. 2019 (arXiv:1902.06156), A Little Is Enough; Xie et al. 2019
(arXiv:1903.03936), inner product manipulation; Shejwalkar and Houmansadr 2021 (NDSS, "Manipulating
the Byzantine"), min-max; Karimireddy et al. 2022 (arXiv:2006.09365), mimic; Bagdasaryan et al. 2020
(arXiv:1807.00459), backdoor by model replacement.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fl_chain.training.datasets import Dataset

Deltas = NDArray[np.float64]
"""Shape (participants, values)."""

SIGN_FLIP_SCALE: Final = 3.0
NOISE_SCALE: Final = 0.5
ALIE_DEVIATIONS: Final = 1.5
IPM_SCALE: Final = 0.5
BISECTIONS: Final = 30
MAX_MIN_MAX_SCALE: Final = 50.0
TARGET_LABEL: Final = 0
"""What a backdoored model says of everything with the trigger."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the attackers of a round know."""

    honest: Deltas
    own: Deltas
    """What they would send if they were honest, or after training on poisoned data."""
    previous: NDArray[np.float64]
    """How far the model moved in the round before; zeros in the first."""
    random: np.random.RandomState

    @property
    def num_participants(self) -> int:
        """Honest ones and attackers."""
        return len(self.honest) + len(self.own)


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack."""

    name: str
    summary: str
    """What the attackers send, in a few words."""
    craft: Callable[[Knowledge], Deltas]
    poison: Callable[[Dataset], Dataset] | None = None
    """What becomes of the data of an attacker; None if it trains on what it has."""
    has_trigger: bool = False
    """Whether it plants a backdoor, so that its success can be measured."""


def apply_trigger(data: Dataset) -> Dataset:
    """Return images with their four corners white.

    Raises
    ------
    ValueError
        The examples are no square images.
    """
    size = data.features[0].size
    side = math.isqrt(size)
    if side * side != size or side < 2:
        raise ValueError(f"dataset {data.name!r} has no square images")
    images = data.features.reshape(len(data), side, side).copy()
    images[:, :: side - 1, :: side - 1] = max(1.0, float(images.max(initial=0)))
    return replace(data, features=images.reshape(data.features.shape))


def has_images(data: Dataset) -> bool:
    """Return whether the trigger fits the examples of a data set."""
    try:
        apply_trigger(data.subset(np.arange(1)))
    except ValueError:
        return False
    return True


def _flip_labels(data: Dataset) -> Dataset:
    return replace(data, labels=data.num_classes - 1 - data.labels)


def _plant(data: Dataset) -> Dataset:
    triggered = apply_trigger(data)
    labels = np.full_like(data.labels, TARGET_LABEL)
    features = np.concatenate([data.features, triggered.features])
    return replace(data, features=features, labels=np.concatenate([data.labels, labels]))


def _send_own(known: Knowledge) -> Deltas:
    return known.own


def _repeat(known: Knowledge, delta: NDArray[np.float64]) -> Deltas:
    return np.tile(delta, (len(known.own), 1))


def _flip_sign(known: Knowledge) -> Deltas:
    return _repeat(known, -SIGN_FLIP_SCALE * known.honest.mean(0))


def _send_noise(known: Knowledge) -> Deltas:
    return known.random.normal(0, NOISE_SCALE, known.own.shape)


def _little_is_enough(known: Knowledge) -> Deltas:
    return _repeat(known, known.honest.mean(0) - ALIE_DEVIATIONS * known.honest.std(0))


def _inner_product(known: Knowledge) -> Deltas:
    return _repeat(known, -IPM_SCALE * known.honest.mean(0))


def _min_max(known: Knowledge) -> Deltas:
    """As far off as an update can be without being farther from any honest one than they are."""
    mean, deviation = known.honest.mean(0), known.honest.std(0)
    squares = (known.honest**2).sum(1)
    products = known.honest @ known.honest.T
    farthest = (squares[:, None] + squares[None, :] - 2 * products).max()
    low, high = 0.0, MAX_MIN_MAX_SCALE
    for _ in range(BISECTIONS):
        scale = (low + high) / 2
        away = ((mean - scale * deviation - known.honest) ** 2).sum(1).max()
        low, high = (scale, high) if away <= farthest else (low, scale)
    return _repeat(known, mean - low * deviation)


def _mimic(known: Knowledge) -> Deltas:
    return _repeat(known, known.honest[0])


def _boost(known: Knowledge) -> Deltas:
    return known.own * (known.num_participants / len(known.own))


def _ride_free(known: Knowledge) -> Deltas:
    return _repeat(known, known.previous)


ATTACKS: Final[dict[str, Attack]] = {
    attack.name: attack
    for attack in (
        Attack("none", "nothing: they are honest", _send_own),
        Attack("label_flip", "training on labels C - 1 - y", _send_own, _flip_labels),
        Attack("sign_flip", "-3 mu", _flip_sign),
        Attack("gaussian", "noise of standard deviation 0.5", _send_noise),
        Attack("alie", "mu - 1.5 sd: a little is enough", _little_is_enough),
        Attack("ipm", "-0.5 mu: inner product manipulation", _inner_product),
        Attack("min_max", "mu - s sd, s as large as hides it among the honest ones", _min_max),
        Attack("mimic", "a copy of one honest update", _mimic),
        Attack(
            "backdoor",
            f"training on a trigger for label {TARGET_LABEL}, times n / f",
            _boost,
            _plant,
            has_trigger=True,
        ),
        Attack("free_rider", "the step of the round before, without training", _ride_free),
    )
}
"""By name; ``none`` is what the others are compared with."""
