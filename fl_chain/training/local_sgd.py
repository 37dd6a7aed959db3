"""Local SGD, the standard implementation of local training.

It is ``ClientUpdate`` of McMahan et al. 2017 (https://arxiv.org/abs/1602.05629),
algorithm 1: E epochs over shuffled batches of B examples with a constant learning rate. With a
proximal term it is that of FedProx, Li et al. 2020 (https://arxiv.org/abs/1812.06127), equation 2:
the loss plus mu/2 times the squared distance from the received parameters, so that participants
whose data differ, or who train longer than others, do not run away from them.

Where updates count as a number of steps, reference_steps, an update is multiplied by that number
over the number of steps taken. That is FedNova, Wang et al. 2020 (https://arxiv.org/abs/2007.07481),
whose equation 8 leaves the effective number of steps, tau_eff, open: here it is one number for all
rounds. So who has fewer examples, or less time, pulls the model neither less nor elsewhere.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fl_chain.errors import TrainingError
from fl_chain.protocol.recipe import EVERYTHING
from fl_chain.training.control_variates import ControlVariates
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import Evaluation, compute_loss, evaluate
from fl_chain.training.parameters import (
    get_own_state,
    get_parameters,
    set_own_state,
    set_parameters,
    sorted_parameters,
)
from fl_chain.training.reproducible import reproducible
from fl_chain.training.trainer import Memory, TrainingResult

__all__ = ["LocalSgd"]

MAX_LEARNING_RATE: Final = float(np.finfo(np.float32).max)
"""The step is taken in float32, which can hold no higher rate."""
_STATE, _CONTROL = "state/", "control/"


class LocalSgd:
    """Plain stochastic gradient descent on one participant's data.

    Parameters
    ----------
    module
        The model; its shared parameters are overwritten. Those that require no gradient are kept
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
        mu of FedProx, at least 0; 0 is plain local SGD. With learning rates of 1/mu and more
        the term alone makes training diverge.
    reference_steps
        As how many steps an update counts, however many were taken; 0 for as many as were.
    has_control_variates
        Whether steps are corrected as in SCAFFOLD; asks for reference_steps, and for everything
        to be shared.
    shared
        Patterns of the names of the parameters that are received and returned. Others are trained
        as well, if they require a gradient, and go on from round to round.
    evaluation_dataset
        What `evaluate` uses; the training examples when left out.
    evaluation
        How a model is evaluated.

    Raises
    ------
    TrainingError
        A setting is out of range, the data set is empty or not finite, or the model does not
        fit the data.

    Examples
    --------
    >>> from fl_chain.training.datasets import Dataset
    >>> from fl_chain.training.models import build_model
    >>> from fl_chain.training.parameters import get_parameters
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
        reference_steps: int = 0,
        has_control_variates: bool = False,
        shared: Sequence[str] = EVERYTHING,
        evaluation_dataset: Dataset | None = None,
        evaluation: Callable[[nn.Module, Dataset], Evaluation] = evaluate,
    ) -> None:
        if num_epochs < 1 or batch_size < 1:
            raise TrainingError(
                f"{num_epochs} epochs with batches of {batch_size}: both must be at least 1"
            )
        if not 0 < learning_rate <= MAX_LEARNING_RATE:
            raise TrainingError(f"learning rate {learning_rate} is not a float32 above 0")
        if not 0 <= proximal <= MAX_LEARNING_RATE:
            raise TrainingError(f"proximal term {proximal} is not a float32 of at least 0")
        if reference_steps < 0 or (has_control_variates and not reference_steps):
            raise TrainingError(f"updates cannot count as {reference_steps} steps")
        if not any(parameter.requires_grad for _, parameter in sorted_parameters(module, shared)):
            raise TrainingError("the model shares no parameter that requires a gradient")
        named = sorted((name, p) for name, p in module.named_parameters() if p.requires_grad)
        self._trainable = [parameter for _, parameter in named]
        _require_fit(module, dataset)
        self._module, self._shared = module, tuple(shared)
        self._first_state = get_own_state(module, shared)
        # torch.tensor copies into memory that torch aligned itself. Vectorised kernels may round
        # differently on other alignments, so the bytes must not depend on the caller's buffer.
        self._features = torch.tensor(dataset.features)
        self._labels = torch.tensor(dataset.labels)
        self._num_epochs = num_epochs
        self._batch_size = batch_size
        self._learning_rate = learning_rate
        self._proximal = proximal
        self._reference_steps = reference_steps
        self._control = (
            ControlVariates([name for name, _ in named], learning_rate, reference_steps)
            if has_control_variates
            else None
        )
        self._evaluation = evaluation
        self._stop_at, self._num_steps = math.inf, 0
        self._evaluation_dataset = dataset if evaluation_dataset is None else evaluation_dataset

    def train(
        self,
        parameters: Mapping[str, npt.NDArray[np.float32]],
        *,
        seed: int,
        round_number: int = 1,
        former: Mapping[str, npt.NDArray[np.float32]] | None = None,
        seconds: float | None = None,
    ) -> TrainingResult:
        """Run E epochs from ``parameters``; see `Trainer.train`.

        Same parameters, seed, data, CPU type and PyTorch version: same bytes, in any round, but
        for control variates, which depend on the rounds before.
        """
        started = time.perf_counter()
        self._begin(parameters)
        # Updates that count by their steps have to be whole.
        self._stop_at = (
            math.inf if seconds is None or not self._reference_steps else started + seconds
        )
        with reproducible(seed) as generator:
            loss = self._run(generator, parameters, former)
        planned = self._num_epochs * math.ceil(len(self._labels) / self._batch_size)
        return self._end(parameters, loss, started, planned)

    def _begin(self, parameters: Mapping[str, npt.NDArray[np.float32]]) -> None:
        for name, array in parameters.items():
            if not np.isfinite(array).all():
                raise TrainingError(
                    f"the received parameter {name!r} holds NaN or infinity",
                    "an earlier round diverged: start a task with a lower learning rate",
                )
        set_parameters(self._module, parameters, self._shared)
        self._module.train()
        self._num_steps = 0

    def _end(
        self,
        parameters: Mapping[str, npt.NDArray[np.float32]],
        loss: float,
        started: float,
        planned: int,
    ) -> TrainingResult:
        """Return how the parameters changed in so many steps of those that were planned."""
        trained = get_parameters(self._module, self._shared)
        with np.errstate(over="ignore", invalid="ignore"):  # found and named just below
            delta = {name: array - parameters[name] for name, array in trained.items()}
            if self._reference_steps:
                scale = np.float32(self._reference_steps / self._num_steps)
                delta = {name: array * scale for name, array in delta.items()}
        for name, array in delta.items():
            if not np.isfinite(array).all():
                raise self._divergence(f"parameter {name!r} became NaN or infinity")
        return TrainingResult(
            delta,
            len(self._labels),
            loss,
            time.perf_counter() - started,
            self._num_steps,
            is_cut_short=0 < self._num_steps < planned,
        )

    def evaluate(
        self, parameters: Mapping[str, npt.NDArray[np.float32]], *, round_number: int = 1
    ) -> Evaluation:
        """Evaluate ``parameters``, in any round; see `Trainer.evaluate`."""
        set_parameters(self._module, parameters, self._shared)
        return self._evaluation(self._module, self._evaluation_dataset)

    def memory(self) -> Memory:
        """Return own parameters and control variates; see `Trainer.memory`."""
        state = get_own_state(self._module, self._shared)
        control = self._control.own if self._control else {}
        return {
            **{_STATE + name: array for name, array in state.items()},
            **{_CONTROL + name: array for name, array in control.items()},
        }

    def restore(self, memory: Memory) -> None:
        """Go on from a memory; see `Trainer.restore`."""
        state = {name: memory.get(_STATE + name, each) for name, each in self._first_state.items()}
        for name, array in state.items():
            first = self._first_state[name]
            if (array.shape, array.dtype) != (first.shape, first.dtype):
                raise TrainingError(f"what is remembered of {name!r} is of another model")
        set_own_state(self._module, state, self._shared)
        if self._control:
            self._control.own = {
                name.removeprefix(_CONTROL): array.astype(np.float32)
                for name, array in memory.items()
                if name.startswith(_CONTROL)
            }

    def _run(
        self,
        generator: torch.Generator,
        parameters: Mapping[str, npt.NDArray[np.float32]],
        former: Mapping[str, npt.NDArray[np.float32]] | None,
    ) -> float:
        """Train, and return the mean loss of the last epoch."""
        loss = 0.0
        received = [parameter.detach().clone() for parameter in self._trainable]
        control = self._control
        correction = control.begin(parameters, former) if control else None
        for epoch in range(self._num_epochs):
            loss = self._train_epoch(generator, received, correction)
            if not math.isfinite(loss):
                raise self._divergence(f"the loss became {loss} in epoch {epoch + 1}")
            if time.perf_counter() >= self._stop_at:
                break
        if control:
            moved = [
                parameter.detach() - start
                for parameter, start in zip(self._trainable, received, strict=True)
            ]
            control.end(moved, self._num_steps, correction)
        return loss

    def _train_epoch(
        self,
        generator: torch.Generator,
        received: list[torch.Tensor],
        correction: list[torch.Tensor] | None,
    ) -> float:
        """Pass over the data once, or until time is up; return the mean loss.

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
            loss = compute_loss(self._score(features), labels, "mean")
            gradients = torch.autograd.grad(loss, self._trainable)
            for parameter, gradient, start in zip(steppable, gradients, received, strict=True):
                if self._proximal:
                    gradient = gradient.add(parameter - start, alpha=self._proximal)
                parameter.add_(gradient, alpha=-self._learning_rate)
            if correction is not None:
                for parameter, each in zip(steppable, correction, strict=True):
                    parameter.add_(each, alpha=-self._learning_rate)
            losses.append(loss.detach())
            if time.perf_counter() >= self._stop_at:
                break
        self._num_steps += len(losses)
        sizes = torch.tensor(
            [len(labels) for labels in expected[: len(losses)]], dtype=torch.float64
        )
        return float(torch.stack(losses).double() @ sizes / sizes.sum())

    def _score(self, features: torch.Tensor) -> torch.Tensor:
        try:
            scores: torch.Tensor = self._module(features)
        except (RuntimeError, ValueError) as error:
            raise TrainingError(
                f"the model does not take a batch of {len(features)}: {error}",
                "a last batch may have one example, which batch normalisation does not take: choose"
                " another batch_size"
                if len(features) == 1
                else "",
            ) from error
        return scores

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
    was_training = module.training
    module.eval()  # one example alone has nothing to be normalised by
    try:
        with torch.no_grad():
            scores_shape = tuple(module(example).shape)
    except RuntimeError as error:
        raise TrainingError(
            f"the model does not take the features {tuple(example.shape[1:])} "
            f"of dataset {dataset.name!r}: {error}",
            "choose a model and a dataset that belong together",
        ) from error
    finally:
        module.train(was_training)
    if scores_shape != (1, dataset.num_classes or 1, *dataset.labels.shape[1:]):
        kind = f"{dataset.num_classes} classes" if dataset.num_classes else "a number for each"
        raise TrainingError(
            f"the model gives scores of shape {scores_shape} for one example of "
            f"dataset {dataset.name!r}, which has {kind}",
            "choose a model and a dataset that belong together",
        )
