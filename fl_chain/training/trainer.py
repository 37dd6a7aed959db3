"""The seam of local training: from the parameters of a model to how they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fl_chain.training.evaluation import Evaluation

__all__ = ["Memory", "Trainer", "TrainingResult"]

Memory = Mapping[str, npt.NDArray[np.generic]]
"""What a trainer knows of the rounds before, as named arrays of numbers."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What one round of local training yields."""

    parameter_delta: dict[str, npt.NDArray[np.float32]]
    """Trained minus received parameters, sorted by name; float32, finite."""

    num_examples: int
    """Examples in the local data set: the aggregation weight of federated averaging."""

    loss: float
    """Mean cross entropy per example over the last epoch, before each step, in nats; where a
    number is predicted, the mean squared error. NaN if nobody says."""

    seconds: float
    """Wall-clock time of the training."""

    num_steps: int = 0
    """Local steps taken; 0 if that is not known."""

    is_cut_short: bool = False
    """Whether time was up before all steps were taken."""


class Trainer(Protocol):
    """Trains a model on data that never leaves this object."""

    def train(
        self,
        parameters: Mapping[str, npt.NDArray[np.float32]],
        *,
        seed: int,
        round_number: int = 1,
        former: Mapping[str, npt.NDArray[np.float32]] | None = None,
        seconds: float | None = None,
    ) -> TrainingResult:
        """Train from the given parameters and return how they changed.

        The same parameters, seed, round and former model give the same bytes, unless time is up.

        Parameters
        ----------
        parameters
            Of the model to train.
        seed, round_number
            Of this training.
        former
            Parameters of the model before that one; None for genesis.
        seconds
            Time to train, after which a trainer that counts its steps stops; None for no end.

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

    def memory(self) -> Memory:
        """Return what the next training depends on, beside what it is given; empty for nothing."""
        return {}

    def restore(self, memory: Memory) -> None:
        """Go on as after the training that a memory was taken after; empty for none at all.

        Raises
        ------
        TrainingError
            It is the memory of another trainer.
        """
