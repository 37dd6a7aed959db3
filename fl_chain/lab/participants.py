"""What participants of an experiment have, and how they train: as the product's do."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from fl_chain.errors import UsageError
from fl_chain.training.datasets import Dataset
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.partitioners import build_partitioner
from fl_chain.training.private_sgd import PrivateSgd, PrivateSteps


@dataclass(frozen=True, slots=True)
class Noise:
    """What participants train with, where single examples are protected; see `PrivateSteps`."""

    noise_multiplier: float
    max_grad_norm: float


def divide(train: Dataset, split: str, num_participants: int, seed: int) -> list[NDArray[np.int64]]:
    """Return which examples each participant has, by their places in the data set.

    Parameters
    ----------
    train
        What is divided.
    split
        Name of a partitioner, and what its option is after a colon: ``dirichlet:0.5``.
    num_participants
        Among whom.
    seed
        Of the partitioner.

    Raises
    ------
    TrainingError
        The way of splitting does not exist or does not fit.
    UsageError
        Its option is no number.
    """
    name, _, option = split.partition(":")
    try:
        options: dict[str, Any] = {"alpha": float(option)} if option else {}
    except ValueError:
        raise UsageError(
            f"the split {split!r} has no number behind the colon",
            "such as iid, or dirichlet:0.5",
        ) from None
    return build_partitioner(name, num_participants, seed, **options).divide(train)


def make_trainer(
    module: nn.Module,
    dataset: Dataset,
    *,
    num_epochs: int,
    batch_size: int,
    learning_rate: float,
    noise: Noise | None,
    secret: bytes,
) -> LocalSgd:
    """Return what trains for one participant.

    With noise it takes as many steps as without, of as many examples each on average.

    Parameters
    ----------
    module, dataset, num_epochs, batch_size, learning_rate
        See `LocalSgd`.
    noise
        None for plain local SGD.
    secret
        At least 32 bytes, from which the noise follows.

    Raises
    ------
    TrainingError
        A setting is out of range, or the model does not fit the data or the noise.
    UsageError
        There is noise to train with, and no Opacus.
    """
    if noise is None or not len(dataset):  # which says that there is nothing to train on
        return LocalSgd(
            module,
            dataset,
            num_epochs=num_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
        )
    steps = PrivateSteps(
        noise.noise_multiplier,
        noise.max_grad_norm,
        min(1.0, batch_size / len(dataset)),
        num_epochs * ceil(len(dataset) / batch_size),
    )
    return PrivateSgd(module, dataset, steps=steps, secret=secret, learning_rate=learning_rate)
