"""Four algorithms on uneven data: the MNIST experiment of NIID-Bench, in the product's integers.

    .venv/bin/python -m benchmarks.heterogeneity [--algorithm scaffold] [--rounds 50]

Li et al. 2022 (https://arxiv.org/abs/2102.02079): 10 participants with all of MNIST, split by a
Dirichlet distribution with concentration 0.5; 50 rounds of 10 epochs with batches of 64; a small
convolutional network. The paper's optimizer has momentum 0.9 and the learning rate 0.01; here there
is none, and the rate is 0.1, or another one. One JSON object a round; about 35 minutes an algorithm
on one core.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator

import torch
from torch import nn

from benchmarks.accuracy import Vector, run_integer
from fl_chain.protocol.layout import flatten, layout_of, unflatten
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import Evaluation, evaluate
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.parameters import get_parameters, set_parameters
from fl_chain.training.partitioners import build_partitioner

PARTICIPANTS, EPOCHS, BATCH = 10, 10, 64
ALGORITHMS = ("fedavg", "fedprox", "fednova", "scaffold")
PROXIMAL = 0.01


def build_network() -> nn.Module:
    """Return the network of the paper: LeNet-5 with ReLU, 44,426 parameters."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


class Job:
    """All participants of one algorithm, in every round.

    Parameters
    ----------
    algorithm
        One of ALGORITHMS.
    partitions
        Of each participant.
    learning_rate
        Of local steps.
    """

    def __init__(self, algorithm: str, partitions: list[Dataset], learning_rate: float) -> None:
        self.module = build_network()
        self.initial = get_parameters(self.module)
        self.layout = layout_of(self.initial)
        self._former: Vector | None = None
        steps = [EPOCHS * math.ceil(len(data) / BATCH) for data in partitions]
        is_normalized = algorithm in ("fednova", "scaffold")
        trained = build_network()  # overwritten at the begin of each training
        self._trainers = [
            LocalSgd(
                trained,
                data,
                num_epochs=EPOCHS,
                batch_size=BATCH,
                learning_rate=learning_rate,
                proximal=PROXIMAL if algorithm == "fedprox" else 0,
                reference_steps=round(sum(steps) / len(steps)) if is_normalized else 0,
                has_control_variates=algorithm == "scaffold",
            )
            for data in partitions
        ]

    def deltas(self, parameters: Vector, number: int) -> Iterator[tuple[Vector, int]]:
        """Train every participant from the same parameters."""
        base = unflatten(parameters, self.layout)
        former = None if self._former is None else unflatten(self._former, self.layout)
        for index, trainer in enumerate(self._trainers):
            result = trainer.train(base, seed=1000 * number + index, former=former)
            yield flatten(result.parameter_delta, self.layout), result.num_examples
        self._former = parameters

    def evaluate(self, parameters: Vector, test: Dataset) -> Evaluation:
        """Return how good a model is."""
        set_parameters(self.module, unflatten(parameters, self.layout))
        return evaluate(self.module, test)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algorithm", choices=ALGORITHMS, action="append")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--partitioner", choices=("dirichlet", "iid"), default="dirichlet")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    split = load_dataset("mnist-full")
    options = {"alpha": 0.5} if arguments.partitioner == "dirichlet" else {}
    divider = build_partitioner(arguments.partitioner, PARTICIPANTS, 0, **options)
    partitions = [divider.load_partition(split.train, index) for index in range(PARTICIPANTS)]
    for algorithm in arguments.algorithm or ALGORITHMS:
        job = Job(algorithm, partitions, arguments.learning_rate)
        began = time.monotonic()
        for number, parameters in enumerate(run_integer(job, arguments.rounds), 1):
            result = {
                "algorithm": algorithm,
                "round": number,
                "accuracy": job.evaluate(parameters, split.test).accuracy,
                "seconds": round(time.monotonic() - began),
            }
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
