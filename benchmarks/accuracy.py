"""What training in integers costs in accuracy: the same job in float and in fixed point.

    .venv/bin/python -m benchmarks.accuracy [--rounds 10]

One process, plain FedAvg (McMahan et al. 2017, Algorithm 1) in float32, and the product's encoding
and aggregation, with the same data, partitions, seeds and initial model. Deterministic.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fl_chain.aggregation.fixed_point import (
    decode_model,
    encode_model,
    encode_update,
    expand_words,
)
from fl_chain.aggregation.mean import WeightedSum
from fl_chain.aggregation.step import apply_step
from fl_chain.protocol.blob import Layout
from fl_chain.protocol.layout import flatten, layout_of, unflatten
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import evaluate
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.models import build_model
from fl_chain.training.parameters import get_parameters, set_parameters
from fl_chain.training.partitioners import build_partitioner

FRACTION_BITS, MODEL_FRACTION_BITS = 15, 24
Vector = NDArray[np.float32]


class Job:
    """Model and partitions of one comparison.

    Parameters
    ----------
    model
        Its name.
    partitions
        Of each participant.
    share
        Of the participants that take part in a round, drawn anew for each.
    num_epochs, batch_size, learning_rate
        The recipe; a task's by default.
    """

    def __init__(
        self,
        model: str,
        partitions: Sequence[Dataset],
        share: float = 1,
        num_epochs: int = 1,
        batch_size: int = 10,
        learning_rate: float = 0.1,
    ) -> None:
        self.module = build_model(model, 0)
        self.initial = get_parameters(self.module)
        self.layout = layout_of(self.initial)
        self.num_selected = max(1, round(share * len(partitions)))
        trained = build_model(model, 0)  # overwritten at the begin of each training
        self.trainers = [
            LocalSgd(
                trained,
                data,
                num_epochs=num_epochs,
                batch_size=batch_size,
                learning_rate=learning_rate,
            )
            for data in partitions
        ]

    def deltas(self, parameters: Vector, number: int) -> Iterator[tuple[Vector, int]]:
        """Train every participant of a round from the same parameters."""
        named = unflatten(parameters, self.layout)
        count = len(self.trainers)
        drawn = np.random.RandomState(number).permutation(count)[: self.num_selected]
        for index in sorted(drawn.tolist()):
            trainer = self.trainers[index]
            result = trainer.train(named, seed=1000 * number + index)
            yield flatten(result.parameter_delta, self.layout), result.num_examples

    def load(self, parameters: Vector) -> nn.Module:
        """Return the model with these parameters."""
        set_parameters(self.module, unflatten(parameters, self.layout))
        return self.module


def run_float(job: Job, rounds: int) -> Iterator[Vector]:
    """Yield the parameters after each round of the plain float loop."""
    parameters = flatten(job.initial, job.layout)
    for number in range(rounds):
        deltas = list(job.deltas(parameters, number))
        total = sum(weight for _, weight in deltas)
        parameters = parameters + sum(delta * np.float32(w / total) for delta, w in deltas)
        yield parameters


class Work(Protocol):
    """What is trained in rounds."""

    initial: dict[str, Vector]
    layout: Layout

    def deltas(self, parameters: Vector, number: int) -> Iterator[tuple[Vector, int]]:
        """Train every participant of a round from the same parameters."""
        ...


def run_integer(
    job: Work, rounds: int, fraction_bits: int = FRACTION_BITS, max_abs: int = 2**15 - 1
) -> Iterator[Vector]:
    """Yield the parameters after each round of the product's integer pipeline."""
    model = encode_model(flatten(job.initial, job.layout), MODEL_FRACTION_BITS)
    for number in range(rounds):
        total = WeightedSum(len(model))
        parameters = decode_model(model, MODEL_FRACTION_BITS)
        for index, (delta, weight) in enumerate(job.deltas(parameters, number)):
            words = expand_words(f"{number}/{index}".encode(), len(delta))
            total.add(encode_update(delta, fraction_bits, max_abs, words), weight)
        model = apply_step(model, total.mean(), fraction_bits, MODEL_FRACTION_BITS)
        yield decode_model(model, MODEL_FRACTION_BITS)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--participants", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    split, partitioner = load_dataset("mnist"), build_partitioner("iid", arguments.participants, 0)
    partitions = [
        partitioner.load_partition(split.train, index) for index in range(arguments.participants)
    ]
    job = Job("mcmahan_2nn", partitions)
    columns = {
        "float32": run_float(job, arguments.rounds),
        "16 bits, F=15": run_integer(job, arguments.rounds),
        "8 bits, F=8": run_integer(job, arguments.rounds, 8, 2**7 - 1),
    }
    results = {
        name: [evaluate(job.load(parameters), split.test).accuracy for parameters in models]
        for name, models in columns.items()
    }
    print("test accuracy of mcmahan_2nn on 10,000 MNIST digits (8,000 train, 2,000 test)")
    print("round  " + "  ".join(f"{name:>14}" for name in results))
    for number in range(arguments.rounds):
        cells = "  ".join(f"{accuracies[number]:14.4f}" for accuracies in results.values())
        print(f"{number + 1:5}  {cells}")


if __name__ == "__main__":
    main()
