"""The seam of local training, and local SGD, its standard implementation.

Local SGD is ``ClientUpdate`` of McMahan et al. 2017 (https://arxiv.org/abs/1602.05629),
algorithm 1: E epochs over shuffled batches of B examples with a constant learning rate. With a
proximal term it is that of FedProx, Li et al. 2020 (https://arxiv.org/abs/1812.06127), equation 2:
the loss plus mu/2 times the squared distance from the received parameters, so that participants
whose data differ, or who train longer than others, do not run away from them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fl_chain.errors import TrainingError
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import Evaluation, compute_loss, evaluate
from fl_chain.training.parameters import get_parameters, set_parameters, sorted_parameters
from fl_chain.training.reproducible import reproducible

__all__ = ["LocalSgd", "Trainer", "TrainingResult"]

MAX_LEARNING_RATE: Final = float(np.finfo(np.float32).max)
"""The step is taken in float32, which can hold no higher rate."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What one round of local training yields."""

    parameter_delta: dict[str, npt.NDArray[np.float32]]
    """Trained minus received parameters, sorted by name; float32, finite."""

    num_examples: int
    """Examples in the local data set: the aggregation weight of federated averaging."""

    loss: float
    """Mean cross entropy per example over the last epoch, before each step, in nats; where a
    number is predicted, the mean squared error."""

    seconds: float
    """Wall-clock time of the training."""


class Trainer(Protocol):
    """Trains a model on data that never leaves this object."""

    def train(
        self,
        parameters: Mapping[str, npt.NDArray[np.float32]],
        *,
        seed: int,
        round_number: int = 1,
    ) -> TrainingResult:
        """Train from the given parameters and return how they changed.

        The same parameters, seed and round give the same bytes.

        Raises
        ------
        TrainingError
            The parameters do not fit the model, or training diverged.
        """
        ...

    def evaluate(
        self, parameters: Mapping[str, npt.NDArray[np.float32]], *, round_number: int = 1
    ) -> Evaluation | None:
        """Evaluate the given parameters on the trainer's evaluation data; None if it has no way.

        Raises
        ------
        TrainingError
            The parameters do not fit the model.
        """
        ...


class LocalSgd:
    """Plain stochastic gradient descent on one participant's data.

    Parameters
    ----------
    module
        The model; its own parameters are overwritten. Those that require no gradient are kept
        as received.
    dataset
        The participant's examples.
    num_epochs
        E, passes over the data per round, at least 1.
    batch_size
        B, examples per step, at least 1; the last batch of an epoch may be smaller. The size
        of the data set or more means full-batch descent, the paper's B = ∞.
    learning_rate
        Step size, above 0.
    proximal
        mu of FedProx, at least 0; 0 is plain local SGD. With learning rates of 1/mu and more the
        term alone makes training diverge.
    evaluation_dataset
        What `evaluate` uses; the training examples when left out.

    Raises
    ------
    TrainingError
        A setting is out of range, the data set is empty or not finite, or the model does not
        fit the data.

    Examples
    --------
    >>> from fl_chain.training.datasets import Dataset
    >>> from fl_chain.training.models import build_model
    >>> data = Dataset("zeros", np.zeros((4, 64), np.float32), np.arange(4), num_classes=10)
    >>> model = build_model("digits_mlp", seed=0)
    >>> trainer = LocalSgd(model, data, num_epochs=1, batch_size=2, learning_rate=0.1)
    >>> trainer.train(get_parameters(model), seed=1).num_examples
    4
    """

    def __init__(
        self,
        module: nn.Module,
        dataset: Dataset,
        *,
        num_epochs: int,
        batch_size: int,
        learning_rate: float,
        proximal: float = 0,
        evaluation_dataset: Dataset | None = None,
    ) -> None:
        if num_epochs < 1 or batch_size < 1:
            raise TrainingError(
                f"{num_epochs} epochs with batches of {batch_size}: both must be at least 1"
            )
        if not 0 < learning_rate <= MAX_LEARNING_RATE:
            raise TrainingError(f"learning rate {learning_rate} is not a float32 above 0")
        if not 0 <= proximal <= MAX_LEARNING_RATE:
            raise TrainingError(f"proximal term {proximal} is not a float32 of at least 0")
        self._trainable = [p for _, p in sorted_parameters(module) if p.requires_grad]
        if not self._trainable:
            raise TrainingError("the model has no parameter that requires a gradient")
        _require_fit(module, dataset)
        self._module = module
        # torch.tensor copies into memory that torch aligned itself. Vectorised kernels may round
        # differently on other alignments, so the bytes must not depend on the caller's buffer.
        self._features = torch.tensor(dataset.features)
        self._labels = torch.tensor(dataset.labels)
        self._num_epochs = num_epochs
        self._batch_size = batch_size
        self._learning_rate = learning_rate
        self._proximal = proximal
        self._evaluation_dataset = dataset if evaluation_dataset is None else evaluation_dataset

    def train(
        self,
        parameters: Mapping[str, npt.NDArray[np.float32]],
        *,
        seed: int,
        round_number: int = 1,
    ) -> TrainingResult:
        """Run E epochs from ``parameters``; see `Trainer.train`.

        Same parameters, seed, data, CPU type and PyTorch version: same bytes, in any round.
        """
        started = time.perf_counter()
        for name, array in parameters.items():
            if not np.isfinite(array).all():
                raise TrainingError(
                    f"the received parameter {name!r} holds NaN or infinity",
                    "an earlier round diverged: start a task with a lower learning rate",
                )
        set_parameters(self._module, parameters)
        self._module.train()
        with reproducible(seed) as generator:
            loss = self._run(generator)
        trained = get_parameters(self._module)
        with np.errstate(over="ignore", invalid="ignore"):  # found and named just below
            delta = {name: array - parameters[name] for name, array in trained.items()}
        for name, array in delta.items():
            if not np.isfinite(array).all():
                raise self._divergence(f"parameter {name!r} became NaN or infinity")
        return TrainingResult(delta, len(self._labels), loss, time.perf_counter() - started)

    def evaluate(
        self, parameters: Mapping[str, npt.NDArray[np.float32]], *, round_number: int = 1
    ) -> Evaluation:
        """Evaluate ``parameters``, in any round; see `Trainer.evaluate`."""
        set_parameters(self._module, parameters)
        return evaluate(self._module, self._evaluation_dataset)

    def _run(self, generator: torch.Generator) -> float:
        """Train, and return the mean loss of the last epoch."""
        loss = 0.0
        received = [parameter.detach().clone() for parameter in self._trainable]
        for epoch in range(self._num_epochs):
            loss = self._train_epoch(generator, received)
            if not math.isfinite(loss):
                raise self._divergence(f"the loss became {loss} in epoch {epoch + 1}")
        return loss

    def _train_epoch(self, generator: torch.Generator, received: list[torch.Tensor]) -> float:
        """Pass over the data once; return the mean loss.

        With models this small the overhead of a step is the cost: so the epoch is permuted once
        and cut into views, no optimiser and no data loader stands in between, and the losses
        are read at the end only.
        """
        order = torch.randperm(len(self._labels), generator=generator)
        batches = torch.split(self._features[order], self._batch_size)
        expected = torch.split(self._labels[order], self._batch_size)
        # Detached, the parameters can be stepped in place without a no_grad block per step.
        steppable = [parameter.detach() for parameter in self._trainable]
        losses = []
        for features, labels in zip(batches, expected, strict=True):
            loss = compute_loss(self._module(features), labels, "mean")
            gradients = torch.autograd.grad(loss, self._trainable)
            for parameter, gradient, start in zip(steppable, gradients, received, strict=True):
                if self._proximal:
                    gradient = gradient.add(parameter - start, alpha=self._proximal)
                parameter.add_(gradient, alpha=-self._learning_rate)
            losses.append(loss.detach())
        sizes = torch.tensor([len(labels) for labels in expected], dtype=torch.float64)
        return float(torch.stack(losses).double() @ sizes / sizes.sum())

    def _divergence(self, what: str) -> TrainingError:
        return TrainingError(
            f"local training diverged: {what}",
            f"the learning rate {self._learning_rate:g} is probably too high for this model",
        )


def _require_fit(module: nn.Module, dataset: Dataset) -> None:
    """Refuse data that the model cannot be trained on."""
    if len(dataset) == 0:
        raise TrainingError(f"dataset {dataset.name!r} has no examples to train on")
    if not np.isfinite(dataset.features).all():
        raise TrainingError(f"the features of dataset {dataset.name!r} hold NaN or infinity")
    example = torch.tensor(dataset.features[:1])
    try:
        with torch.no_grad():
            scores_shape = tuple(module(example).shape)
    except RuntimeError as error:
        raise TrainingError(
            f"the model does not take the features {tuple(example.shape[1:])} "
            f"of dataset {dataset.name!r}: {error}",
            "choose a model and a dataset that belong together",
        ) from error
    if scores_shape != (1, dataset.num_classes or 1):
        kind = f"{dataset.num_classes} classes" if dataset.num_classes else "a number for each"
        raise TrainingError(
            f"the model gives scores of shape {scores_shape} for one example of "
            f"dataset {dataset.name!r}, which has {kind}",
            "choose a model and a dataset that belong together",
        )
