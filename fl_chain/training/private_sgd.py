"""DP-SGD: local training of which no single example can be told, however much is known of the rest.

Abadi et al. 2016 (https://arxiv.org/abs/1607.00133), algorithm 1. In each step every example comes
with the same small chance, by itself; the gradient of each is clipped; Gaussian noise is added to
the sum, which is divided by the expected number of examples. Per-example gradients and their norms
are Opacus' (Yousefpour et al. 2021, https://arxiv.org/abs/2109.12298), by ghost clipping, which
never holds them (Li et al. 2022, https://arxiv.org/abs/2110.05679).

What it assumes: neighbouring data sets differ by one example that is added or left out, the number
of examples is public, and nobody knows the secret that chance and noise are drawn from. Chance and
noise follow from that secret, from the round and from what training begins with. So a participant
that is killed makes the same update again, and two updates that were made of one model never differ
in their noise alone.

Losses and accuracies of the participant's examples are no part of the guarantee: they stay here.
"""

from __future__ import annotations

import hashlib
import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fl_chain.errors import TrainingError, UsageError
from fl_chain.protocol.recipe import EVERYTHING
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import Evaluation, compute_loss, evaluate
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.reproducible import reproducible
from fl_chain.training.secret_stream import SecretStream
from fl_chain.training.trainer import TrainingResult

__all__ = ["PrivateSgd", "PrivateSteps"]


@dataclass(frozen=True, slots=True)
class PrivateSteps:
    """How an update is kept from telling of single examples."""

    noise_multiplier: float
    """Standard deviation of the noise over `max_grad_norm`, above 0."""
    max_grad_norm: float
    """Norm to which the gradient of each example is clipped, above 0."""
    sampling_rate: float
    """Chance of each example to come in a step, above 0, at most 1."""
    num_steps: int
    """Per round, at least 1."""


class PrivateSgd(LocalSgd):
    """Local SGD with noise; see :class:`LocalSgd` for the rest.

    Parameters
    ----------
    module, dataset, learning_rate, proximal, shared, evaluation_dataset, evaluation
        As there.
    steps
        How the steps are taken.
    secret
        At least 32 bytes that nobody else knows.

    Raises
    ------
    TrainingError
        As there; or the model has a layer, such as batch normalisation, in which one example
        changes what is computed of another.
    UsageError
        Opacus is not installed.
    """

    def __init__(
        self,
        module: nn.Module,
        dataset: Dataset,
        *,
        steps: PrivateSteps,
        secret: bytes,
        learning_rate: float,
        proximal: float = 0,
        shared: Sequence[str] = EVERYTHING,
        evaluation_dataset: Dataset | None = None,
        evaluation: Callable[[nn.Module, Dataset], Evaluation] = evaluate,
    ) -> None:
        super().__init__(
            module,
            dataset,
            num_epochs=1,
            batch_size=1,
            learning_rate=learning_rate,
            proximal=proximal,
            shared=shared,
            evaluation_dataset=evaluation_dataset,
            evaluation=evaluation,
        )
        if not (steps.noise_multiplier > 0 and steps.max_grad_norm > 0 and steps.num_steps > 0):
            raise TrainingError("noise_multiplier, max_grad_norm and the steps must be above 0")
        if not 0 < steps.sampling_rate <= 1:
            raise TrainingError(f"sampling rate {steps.sampling_rate} is not above 0 and up to 1")
        self._steps, self._secret = steps, secret
        self._data_digest = _digest({"features": dataset.features, "labels": dataset.labels})
        self._check_layers()

    def train(
        self,
        parameters: Mapping[str, npt.NDArray[np.float32]],
        *,
        seed: int,
        round_number: int = 1,
        former: Mapping[str, npt.NDArray[np.float32]] | None = None,
        seconds: float | None = None,
    ) -> TrainingResult:
        """Take the steps; see `Trainer.train`. ``seed``, which is public, is of no use here.

        The same parameters, round, secret, data, CPU type and versions: the same bytes.
        """
        started = time.perf_counter()
        self._begin(parameters)
        # Of other data there is other noise: the difference of the two would have none.
        label = b"%d/" % round_number + _digest(parameters) + self._data_digest
        with reproducible(0):  # for what layers draw, which depends on no example
            loss = self._take_steps(label)
        return self._end(parameters, loss, started, self._steps.num_steps)

    def _take_steps(self, label: bytes) -> float:
        """Train, and return the mean loss of the examples that came."""
        from opacus.grad_sample import GradSampleModuleFastGradientClipping

        steps = self._steps
        chance = SecretStream(self._secret, b"examples/" + label)
        noise = SecretStream(self._secret, b"noise/" + label)
        received = [parameter.detach().clone() for parameter in self._trainable]
        private = GradSampleModuleFastGradientClipping(
            self._module,
            loss_reduction="sum",
            max_grad_norm=steps.max_grad_norm,
            use_ghost_clipping=True,
        )
        total, count = 0.0, 0
        try:
            for _ in range(steps.num_steps):
                chosen = torch.from_numpy(chance.uniform(len(self._labels)) < steps.sampling_rate)
                if chosen.any():
                    losses = _clip(private, self._features[chosen], self._labels[chosen])
                    total, count = total + float(losses.sum()), count + len(losses)
                self._step(noise, received)
        finally:
            private.to_standard_module()
        return total / count if count else math.nan

    def _step(self, noise: SecretStream, received: list[torch.Tensor]) -> None:
        """Move by the clipped sum with noise, over the expected number of examples."""
        steps = self._steps
        deviation = steps.noise_multiplier * steps.max_grad_norm
        expected = steps.sampling_rate * len(self._labels)
        self._num_steps += 1
        with torch.no_grad():
            for parameter, start in zip(self._trainable, received, strict=True):
                drawn = noise.normal(parameter.numel()).reshape(parameter.shape)
                summed = 0 if parameter.grad is None else parameter.grad
                gradient = ((summed + deviation * drawn) / expected).float()
                if self._proximal:
                    gradient = gradient.add(parameter - start, alpha=self._proximal)
                parameter.add_(gradient, alpha=-self._learning_rate)
                parameter.grad = None

    def _check_layers(self) -> None:
        try:
            from opacus.validators import ModuleValidator
        except ImportError:
            raise UsageError(
                "training with noise needs Opacus", "pip install 'fl_chain[privacy]'"
            ) from None
        errors = ModuleValidator.validate(self._module, strict=False)
        if errors:
            raise TrainingError(
                f"the model cannot be trained with noise for each example: {errors[0]}",
                "replace batch normalisation by group normalisation",
            )


def _clip(private: Any, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Leave the sum of the clipped gradients in the parameters, and return the losses."""
    with warnings.catch_warnings():
        # Opacus hooks a first layer, whose inputs need no gradient, and PyTorch says so.
        warnings.filterwarnings("ignore", ".*Full backward hook is firing.*")
        each = compute_loss(private(features), labels, "none")
        losses = each.reshape(len(labels), -1).mean(1)
        private.enable_hooks()
        torch.autograd.backward(losses.sum(), retain_graph=True)
        factors = private.get_clipping_coef()
        private.zero_grad()
        private.disable_hooks()
        torch.autograd.backward((factors * losses).sum())
        private.enable_hooks()
    return losses.detach()


def _digest(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return what stands for arrays, and for no others."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        total.update(f"{name}{array.dtype.str}{array.shape}".encode())
        total.update(array.data)
    return total.digest()
