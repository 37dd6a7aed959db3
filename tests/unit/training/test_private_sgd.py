"""Training with noise: the dull definition step by step, and nothing that others could repeat."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from fl_chain.errors import TrainingError
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import compute_loss
from fl_chain.training.models import build_model
from fl_chain.training.parameters import get_parameters, set_parameters
from fl_chain.training.private_sgd import PrivateSgd, PrivateSteps, _digest
from fl_chain.training.secret_stream import SecretStream

SECRET = b"\x5a" * 32
COUNT = 40


def make_data(count: int = COUNT, seed: int = 0) -> Dataset:
    chance = np.random.default_rng(seed)
    features = chance.normal(size=(count, 64)).astype(np.float32)
    return Dataset("some", features, chance.integers(0, 10, count), num_classes=10)


def make_trainer(
    steps: PrivateSteps, secret: bytes = SECRET, data: Dataset | None = None, proximal: float = 0
) -> tuple[PrivateSgd, nn.Module]:
    module = build_model("digits_mlp", seed=3)
    data = make_data() if data is None else data
    trainer = PrivateSgd(
        module, data, steps=steps, secret=secret, learning_rate=0.2, proximal=proximal
    )
    return trainer, module


def train_dully(
    steps: PrivateSteps, data: Dataset, round_number: int, proximal: float
) -> list[torch.Tensor]:
    """Algorithm 1 of Abadi et al., an example at a time."""
    module = build_model("digits_mlp", seed=3)
    parameters = [p for _, p in sorted(module.named_parameters())]
    received = [p.detach().clone() for p in parameters]
    of_data = _digest({"features": data.features, "labels": data.labels})
    label = b"%d/" % round_number + _digest(get_parameters(module)) + of_data
    chance = SecretStream(SECRET, b"examples/" + label)
    noise = SecretStream(SECRET, b"noise/" + label)
    for _ in range(steps.num_steps):
        chosen = np.flatnonzero(chance.uniform(len(data)) < steps.sampling_rate)
        total = [torch.zeros_like(p) for p in parameters]
        for position in chosen:
            features = torch.tensor(data.features[position : position + 1])
            label_ = torch.tensor(data.labels[position : position + 1])
            loss = compute_loss(module(features), label_, "sum")
            gradients = torch.autograd.grad(loss, parameters)
            norm = math.sqrt(sum(float((g**2).sum()) for g in gradients))
            factor = min(1.0, steps.max_grad_norm / norm)
            for kept, gradient in zip(total, gradients, strict=True):
                kept += factor * gradient
        for parameter, summed, start in zip(parameters, total, received, strict=True):
            drawn = noise.normal(parameter.numel()).reshape(parameter.shape)
            deviation = steps.noise_multiplier * steps.max_grad_norm
            gradient = (summed + deviation * drawn) / (steps.sampling_rate * len(data))
            move = gradient + proximal * (parameter.detach() - start)
            parameter.data -= 0.2 * move.float()
    return [p.detach() - start for p, start in zip(parameters, received, strict=True)]


@pytest.mark.parametrize("proximal", [0.0, 0.5])
def test_steps_are_those_of_the_dull_definition(proximal: float) -> None:
    steps = PrivateSteps(0.7, 0.5, 0.3, 5)
    trainer, module = make_trainer(steps, proximal=proximal)
    result = trainer.train(get_parameters(module), seed=1, round_number=4)
    expected = train_dully(steps, make_data(), 4, proximal)
    for got, wanted in zip(result.parameter_delta.values(), expected, strict=True):
        assert np.allclose(got, wanted.numpy(), atol=1e-5)
    assert (result.num_steps, result.num_examples, result.is_cut_short) == (5, COUNT, False)


def test_the_same_training_yields_the_same_bytes_and_no_other_does() -> None:
    steps = PrivateSteps(1.0, 1.0, 0.2, 3)

    def run(
        secret: bytes = SECRET, round_number: int = 1, seed: int = 1, shift: float = 0
    ) -> bytes:
        trainer, module = make_trainer(steps, secret)
        start = {name: array + np.float32(shift) for name, array in get_parameters(module).items()}
        delta = trainer.train(start, seed=seed, round_number=round_number).parameter_delta
        return b"".join(array.tobytes() for array in delta.values())

    first = run()
    assert run() == first
    assert run(seed=2) == first  # what everybody knows decides nothing
    others = {run(secret=b"\1" * 32), run(round_number=2), run(shift=0.25)}
    assert first not in others
    assert len(others) == 3


@pytest.mark.parametrize("what", ["features", "labels"])
def test_of_other_data_there_is_other_noise(what: str) -> None:
    """Or the difference of two updates, of the same round and model, would have none."""
    data = make_data()
    changed = getattr(data, what).copy()
    changed[0] = 1 - changed[0]
    updates = []
    for one in (data, replace(data, **{what: changed})):
        trainer, module = make_trainer(PrivateSteps(50.0, 1.0, 1.0, 1), data=one)
        delta = trainer.train(get_parameters(module), seed=0).parameter_delta
        updates.append(np.concatenate([array.ravel() for array in delta.values()]))
    length = np.linalg.norm(updates[0])
    assert np.linalg.norm(updates[0] - updates[1]) > length


def test_one_example_more_moves_the_sum_by_no_more_than_the_norm() -> None:
    """Without noise and chance: what the guarantee rests on."""
    data = make_data()
    steps = PrivateSteps(1e-9, 0.25, 1.0, 1)
    moves = []
    for count in (COUNT, COUNT - 1):
        part = data.subset(np.arange(count))
        trainer, module = make_trainer(steps, data=part)
        delta = trainer.train(get_parameters(module), seed=0).parameter_delta
        flat = np.concatenate([array.ravel() for array in delta.values()])
        moves.append(flat * count / 0.2)  # the sum of the clipped gradients
    assert np.linalg.norm(moves[0] - moves[1]) <= 0.25 * 1.001


def test_a_step_without_any_example_is_noise_alone() -> None:
    trainer, module = make_trainer(PrivateSteps(1.0, 1.0, 1e-12, 2))
    result = trainer.train(get_parameters(module), seed=0)
    assert math.isnan(result.loss)
    assert all(
        np.isfinite(array).all() and array.any() for array in result.parameter_delta.values()
    )


def test_noise_is_normal_and_chance_is_uniform() -> None:
    noise = SecretStream(SECRET, b"a").normal(200_000).numpy()
    assert stats.kstest(noise, "norm").pvalue > 1e-3
    uniform = SecretStream(SECRET, b"b").uniform(200_000)
    assert stats.kstest(uniform, "uniform").pvalue > 1e-3
    assert 0 <= uniform.min() <= uniform.max() < 1
    assert not np.array_equal(uniform, SecretStream(SECRET, b"c").uniform(200_000))
    assert not np.array_equal(uniform, SecretStream(b"\1" * 32, b"b").uniform(200_000))


def test_a_stream_goes_on_where_it_was() -> None:
    whole = SecretStream(SECRET, b"a").uniform(10)
    stream = SecretStream(SECRET, b"a")
    assert np.array_equal(np.concatenate([stream.uniform(3), stream.uniform(7)]), whole)


def test_layers_in_which_examples_meet_are_refused() -> None:
    class Mixing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(64)
            self.linear = nn.Linear(64, 10)

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.linear(self.norm(features))
            return scores

    steps = PrivateSteps(1.0, 1.0, 0.5, 1)
    with pytest.raises(TrainingError, match="cannot be trained with noise"):
        PrivateSgd(
            Mixing(),
            make_data(),
            steps=steps,
            secret=SECRET,
            learning_rate=0.1,
            shared=("linear.*",),
        )


@pytest.mark.parametrize(
    "steps",
    [
        PrivateSteps(0.0, 1.0, 0.5, 1),
        PrivateSteps(1.0, 0.0, 0.5, 1),
        PrivateSteps(1.0, 1.0, 0.0, 1),
        PrivateSteps(1.0, 1.0, 1.5, 1),
        PrivateSteps(1.0, 1.0, 0.5, 0),
        PrivateSteps(float("nan"), 1.0, 0.5, 1),
    ],
    ids=str,
)
def test_settings_without_protection_are_refused(steps: PrivateSteps) -> None:
    with pytest.raises(TrainingError):
        make_trainer(steps)


def test_the_model_is_as_before_afterwards() -> None:
    """No hook stays behind: evaluating and training without noise are what they were."""
    trainer, module = make_trainer(PrivateSteps(1.0, 1.0, 0.5, 2))
    before = get_parameters(module)
    trainer.train(before, seed=0)
    set_parameters(module, before)
    assert not any(part._forward_hooks or part._backward_hooks for part in module.modules())
    assert not any(
        hasattr(p, "grad_sample") and p.grad_sample is not None for p in module.parameters()
    )
