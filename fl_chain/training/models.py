"""The models that a task can name.

``mcmahan_2nn`` and ``mcmahan_cnn`` are the two MNIST models of McMahan et al. 2017,
"Communication-Efficient Learning of Deep Networks from Decentralized Data"
(https://arxiv.org/abs/1602.05629), section 3. Every model takes flat rows, float32
``[n, num_features]``, and gives unnormalised class scores, float32 ``[n, num_classes]``, or of
sequences ``[n, num_classes, num_features]``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import torch
from torch import nn

from fl_chain.errors import TrainingError
from fl_chain.training.catalogue import find_dataset
from fl_chain.training.names import unknown_name
from fl_chain.training.reproducible import GENERATORS
from fl_chain.training.seed import require_seed

__all__ = ["MODELS", "ModelSpec", "build_model", "check_fit", "find_model"]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """An entry of the registry."""

    name: str
    """Name by which a task asks for the model."""

    num_features: int
    """Length of one example's flat feature row."""

    num_classes: int
    """Number of class scores."""

    num_parameters: int
    """Number of trained scalars."""

    factory: Callable[[], nn.Module]
    """Builds the module; draws its initial parameters from torch's global generator."""


def _mcmahan_2nn() -> nn.Module:
    """Two hidden layers of 200 units: 784-200-200-10."""
    return nn.Sequential(
        OrderedDict(
            hidden1=nn.Linear(784, 200),
            relu1=nn.ReLU(),
            hidden2=nn.Linear(200, 200),
            relu2=nn.ReLU(),
            output=nn.Linear(200, 10),
        )
    )


def _mcmahan_cnn() -> nn.Module:
    """Two 5x5 convolutions with 2x2 max pooling, then 512 units.

    The paper does not name the padding; only "same" gives its 1,663,370 parameters.
    """
    return nn.Sequential(
        OrderedDict(
            image=nn.Unflatten(1, (1, 28, 28)),
            conv1=nn.Conv2d(1, 32, kernel_size=5, padding=2),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(32, 64, kernel_size=5, padding=2),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            hidden=nn.Linear(64 * 7 * 7, 512),
            relu3=nn.ReLU(),
            output=nn.Linear(512, 10),
        )
    )


def _digits_mlp() -> nn.Module:
    """One hidden layer for the 8x8 digits: 64-64-10."""
    return nn.Sequential(
        OrderedDict(hidden=nn.Linear(64, 64), relu=nn.ReLU(), output=nn.Linear(64, 10))
    )


def _heart_logistic() -> nn.Module:
    """Logistic regression, with a row of weights for each class."""
    return nn.Sequential(OrderedDict(output=nn.Linear(15, 2)))


def _heart_mlp() -> nn.Module:
    """One hidden layer for the patients: 15-16-2."""
    return nn.Sequential(
        OrderedDict(hidden=nn.Linear(15, 16), relu=nn.ReLU(), output=nn.Linear(16, 2))
    )


def _fraud_mlp() -> nn.Module:
    """One hidden layer for card payments: 29-32-2."""
    return nn.Sequential(
        OrderedDict(hidden=nn.Linear(29, 32), relu=nn.ReLU(), output=nn.Linear(32, 2))
    )


class _NextLetter(nn.Module):
    """A recurrent network that reads letters, and scores behind each which comes next.

    Parameters
    ----------
    num_letters
        Letters are places in [0, num_letters), as floats.
    """

    def __init__(self, num_letters: int) -> None:
        super().__init__()
        self.letters = nn.Embedding(num_letters, 16)
        self.memory = nn.GRU(16, 128, batch_first=True)
        self.output = nn.Linear(128, num_letters)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        states, _ = self.memory(self.letters(features.long()))
        scores: torch.Tensor = self.output(states)
        return scores.transpose(1, 2)


def _shakespeare_gru() -> nn.Module:
    """16 numbers for each of 71 letters, and a gated recurrent unit of 128."""
    return _NextLetter(71)


MODELS: Final[Mapping[str, ModelSpec]] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            ModelSpec("digits_mlp", 64, 10, 4_810, _digits_mlp),
            ModelSpec("fraud_mlp", 29, 2, 1_026, _fraud_mlp),
            ModelSpec("heart_logistic", 15, 2, 32, _heart_logistic),
            ModelSpec("heart_mlp", 15, 2, 290, _heart_mlp),
            ModelSpec("mcmahan_2nn", 784, 10, 199_210, _mcmahan_2nn),
            ModelSpec("mcmahan_cnn", 784, 10, 1_663_370, _mcmahan_cnn),
            ModelSpec("shakespeare_gru", 80, 71, 66_359, _shakespeare_gru),
        )
    }
)
"""Every model by name."""


def find_model(name: str) -> ModelSpec:
    """Look a model up by name.

    Raises
    ------
    TrainingError
        There is no such model; the hint lists those there are.
    """
    try:
        return MODELS[name]
    except KeyError:
        raise unknown_name("model", name, MODELS) from None


def check_fit(model: str, dataset: str) -> None:
    """Check that a model takes the features of a data set, without building or loading either.

    Raises
    ------
    TrainingError
        One of them is unknown, or they do not belong together.
    """
    features = find_dataset(dataset).num_features
    spec = find_model(model)
    if spec.num_features != features:
        fitting = sorted(name for name, entry in MODELS.items() if entry.num_features == features)
        raise TrainingError(
            f"the model {model} takes {spec.num_features} features, {dataset} has {features}",
            f"for {dataset} there are: {', '.join(fitting)}",
        )


def build_model(name: str, seed: int) -> nn.Module:
    """Build a model whose initial parameters depend on ``seed`` alone.

    The parameters are PyTorch's defaults, uniform within ±1/sqrt(fan-in). The global generator
    is left as it was found. Another version of PyTorch may draw other values from the same
    seed, so the genesis model is published as values, not as a seed.

    Parameters
    ----------
    name
        A key of `MODELS`.
    seed
        In [0, 2^32).

    Raises
    ------
    TrainingError
        There is no such model, or the seed is out of range.

    Examples
    --------
    >>> model = build_model("mcmahan_2nn", seed=0)
    >>> sum(parameter.numel() for parameter in model.parameters())
    199210
    """
    spec = find_model(name)
    # devices=[]: the models are built on the CPU, so only its generator is seeded and restored.
    with GENERATORS, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(require_seed(seed))
        return spec.factory()
