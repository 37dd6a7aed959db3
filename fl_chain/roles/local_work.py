"""Local training with what it cost and yielded, in the numbers that an update carries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fl_chain.protocol.measurement import (
    ENERGY_LIMIT,
    MEASURED_LIMIT,
    EnergySource,
    Measurement,
    to_millionths,
)
from fl_chain.roles.progress import timed
from fl_chain.training.energy import EnergyMeter, open_meter
from fl_chain.training.evaluation import Evaluation
from fl_chain.training.trainer import TrainingResult

__all__ = ["EnergyMeter", "open_meter", "train_and_measure"]


def train_and_measure(
    evaluate: Callable[[], Evaluation | None],
    train: Callable[[], TrainingResult],
    meter: EnergyMeter,
    values: dict[str, Any],
) -> tuple[TrainingResult, Measurement]:
    """Evaluate the base model, train on from it, and say what both came to.

    Parameters
    ----------
    evaluate, train
        Do so, on the participant's own data.
    meter
        Measures the energy of the training.
    values
        Takes the seconds of both, for the log.

    Raises
    ------
    TrainingError
        See `Trainer`.
    """
    with timed(values, "evaluate_seconds"):
        base = evaluate()
    with timed(values, "train_seconds"):
        meter.start()
        result = train()
        energy = meter.stop()
    is_known = energy.source != EnergySource.NONE and energy.joules >= 0  # NaN is not
    joules = min(energy.joules, ENERGY_LIMIT / 1000) if is_known else 0
    largest = MEASURED_LIMIT - 1
    # How many are right can not be said of numbers: that counts as not evaluated.
    counted = base if base is not None and base.num_correct is not None else None
    measurement = Measurement(
        train_examples=min(result.num_examples, largest),
        train_milliseconds=round(min(result.seconds * 1000, largest)),
        train_loss_millionths=to_millionths(result.loss),
        base_examples=min(counted.num_examples, largest) if counted else 0,
        base_correct=min(counted.num_correct or 0, largest) if counted else 0,
        base_loss_millionths=to_millionths(counted.loss) if counted else 0,
        energy_millijoules=min(round(joules * 1000), ENERGY_LIMIT - 1),
        energy_source=energy.source if is_known else EnergySource.NONE,
    )
    return result, measurement
