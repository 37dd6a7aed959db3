"""Four algorithms on uneven data: the MNIST experiment of NIID-Bench, in the product's integers.

    .venv/bin/python -m benchmarks.heterogeneity [--algorithm scaffold] [--rounds 50]

Li et al. 2022 (https://arxiv.org/abs/2102.02079): 10 participants with all of MNIST, split by a
Dirichlet distribution with concentration 0.5; 50 rounds of 10 epochs with batches of 64; a small
convolutional network. The paper's optimizer has momentum 0.9 and the learning rate 0.01; here there
is none, and the rate is 0.1. One JSON object a round; about 25 minutes an algorithm on one core.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.accuracy import FRACTION_BITS, MODEL_FRACTION_BITS
from fl_chain.aggregation.fixed_point import (
    decode_model,
    encode_model,
    encode_update,
    expand_words,
)
from fl_chain.aggregation.mean import WeightedSum
from fl_chain.aggregation.step import apply_step
from fl_chain.protocol.layout import flatten, layout_of, unflatten
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import evaluate
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.parameters import get_parameters, set_parameters
from fl_chain.training.partitioners import build_partitioner

PARTICIPANTS, EPOCHS, BATCH, RATE = 10, 10, 64, 0.1
ALGORITHMS = ("fedavg", "fedprox", "fednova", "scaffold")
PROXIMAL = 0.01
Parameters = dict[str, NDArray[np.float32]]


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


def build_trainers(algorithm: str, module: nn.Module, partitions: list[Dataset]) -> list[LocalSgd]:
    """Return a trainer for each participant."""
    mean_steps = round(
        EPOCHS * sum(math.ceil(len(data) / BATCH) for data in partitions) / len(partitions)
    )
    return [
        LocalSgd(
            module,
            data,
            num_epochs=EPOCHS,
            batch_size=BATCH,
            learning_rate=RATE,
            proximal=PROXIMAL if algorithm == "fedprox" else 0,
            reference_steps=mean_steps if algorithm in ("fednova", "scaffold") else 0,
            has_control_variates=algorithm == "scaffold",
        )
        for data in partitions
    ]


def run(trainers: list[LocalSgd], start: Parameters, rounds: int) -> Iterator[Parameters]:
    """Yield the parameters after each round."""
    layout = layout_of(start)
    model = encode_model(flatten(start, layout), MODEL_FRACTION_BITS)
    former: Parameters | None = None
    for number in range(1, rounds + 1):
        base = unflatten(decode_model(model, MODEL_FRACTION_BITS), layout)
        total = WeightedSum(len(model))
        for index, trainer in enumerate(trainers):
            result = trainer.train(base, seed=1000 * number + index, former=former)
            delta = flatten(result.parameter_delta, layout)
            words = expand_words(f"{number}/{index}".encode(), len(delta))
            lanes = encode_update(delta, FRACTION_BITS, 2**15 - 1, words)
            total.add(lanes, result.num_examples)
        model = apply_step(model, total.mean(), FRACTION_BITS, MODEL_FRACTION_BITS)
        former = base
        yield unflatten(decode_model(model, MODEL_FRACTION_BITS), layout)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algorithm", choices=ALGORITHMS, action="append")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--partitioner", choices=("dirichlet", "iid"), default="dirichlet")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    split = load_dataset("mnist-full")
    options = {"alpha": 0.5} if arguments.partitioner == "dirichlet" else {}
    divider = build_partitioner(arguments.partitioner, PARTICIPANTS, 0, **options)
    partitions = [divider.load_partition(split.train, index) for index in range(PARTICIPANTS)]
    for algorithm in arguments.algorithm or ALGORITHMS:
        module = build_network()
        start = get_parameters(module)
        began = time.monotonic()
        trainers = build_trainers(algorithm, module, partitions)
        for number, parameters in enumerate(run(trainers, start, arguments.rounds), 1):
            set_parameters(module, parameters)
            result = {
                "algorithm": algorithm,
                "round": number,
                "accuracy": evaluate(module, split.test).accuracy,
                "seconds": round(time.monotonic() - began),
            }
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
