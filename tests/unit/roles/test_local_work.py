"""Local work becomes a measurement that every update can carry, whatever happened."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from fl_chain.protocol.measurement import (
    ENERGY_LIMIT,
    MEASURED_LIMIT,
    EnergySource,
    Measurement,
)
from fl_chain.roles.local_work import train_and_measure
from fl_chain.training.datasets import Dataset
from fl_chain.training.energy import CpuTimeMeter, Energy
from fl_chain.training.evaluation import Evaluation
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.models import build_model
from fl_chain.training.parameters import get_parameters
from fl_chain.training.trainer import Trainer, TrainingResult


class Told:
    """A meter that says what it was told to."""

    def __init__(self, energy: Energy) -> None:
        self._energy = energy

    def start(self) -> None:
        pass

    def stop(self) -> Energy:
        return self._energy


class Extreme:
    """Trains for ages, on everything, to no avail."""

    def train(self, parameters: Any, *, seed: int, **more: Any) -> TrainingResult:
        return TrainingResult({}, 2**40, math.inf, 1e300)

    def evaluate(self, parameters: Any, *, round_number: int = 1) -> Evaluation:
        return Evaluation(2**40, 2**40, math.nan)


def measure(
    trainer: Trainer, parameters: Any, meter: Any, values: dict[str, Any]
) -> tuple[TrainingResult, Measurement]:
    train, evaluate = partial(trainer.train, seed=1), trainer.evaluate
    return train_and_measure(
        partial(evaluate, parameters), partial(train, parameters), meter, values
    )


def test_training_is_measured_from_the_base_model_on() -> None:
    rng = np.random.default_rng(0)
    data = Dataset("toy", rng.random((40, 64), np.float32), np.arange(40) % 10, num_classes=10)
    model = build_model("digits_mlp", 0)
    parameters = get_parameters(model)
    trainer = LocalSgd(model, data, num_epochs=1, batch_size=10, learning_rate=0.1)
    values: dict[str, Any] = {}
    result, measured = measure(trainer, parameters, CpuTimeMeter(), values)
    expected = trainer.evaluate(parameters)
    assert (measured.train_examples, measured.base_examples) == (40, 40)
    assert measured.base_correct == expected.num_correct
    assert measured.base_loss_millionths == round(expected.loss * 10**6)
    assert measured.train_loss_millionths == round(result.loss * 10**6)
    assert measured.energy_source == EnergySource.ESTIMATED
    assert set(values) == {"evaluate_seconds", "train_seconds"}


def test_of_numbers_nobody_says_how_many_are_right() -> None:
    data = Dataset("toy", np.ones((4, 2), np.float32), np.ones(4, np.float32), num_classes=0)
    model = torch.nn.Linear(2, 1)
    trainer = LocalSgd(model, data, num_epochs=1, batch_size=2, learning_rate=0.1)
    result, measured = measure(trainer, get_parameters(model), CpuTimeMeter(), {})
    assert measured.is_possible()
    base = measured.base_examples, measured.base_correct, measured.base_loss_millionths
    assert base == (0, 0, 0)
    assert (measured.train_examples, result.num_examples) == (4, 4)


@pytest.mark.parametrize("joules", [1e300, math.inf])
def test_numbers_beyond_all_ranges_stay_at_their_ends(joules: float) -> None:
    meter = Told(Energy(joules, EnergySource.MEASURED))
    _, measured = measure(Extreme(), {}, meter, {})
    assert measured.is_possible()
    assert measured == Measurement(
        *(MEASURED_LIMIT - 1,) * 6, ENERGY_LIMIT - 1, EnergySource.MEASURED
    )


def test_energy_that_is_no_number_is_not_said() -> None:
    for joules in (math.nan, -1.0):
        meter = Told(Energy(joules, EnergySource.ESTIMATED))
        _, measured = measure(Extreme(), {}, meter, {})
        assert (measured.energy_millijoules, measured.energy_source) == (0, EnergySource.NONE)
