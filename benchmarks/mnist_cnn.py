"""McMahan's convolutional network on all of MNIST, in integers, up to 99 %.

    .venv/bin/python -m benchmarks.mnist_cnn [--rounds 20] [--partitioner dirichlet --alpha 0.5]

The setting of McMahan et al. 2017 (https://arxiv.org/abs/1602.05629), table 2: 100 participants, a
tenth of them in each round, 5 epochs with batches of 10. The product's encoding and aggregation,
one process, no chain. Deterministic; takes about half an hour on one core.
"""

from __future__ import annotations

import argparse
import time

import torch

from benchmarks.accuracy import Job, run_integer
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.evaluation import evaluate
from fl_chain.training.partitioners import build_partitioner

PARTICIPANTS = 100


def main() -> None:
    """Train, and print the accuracy on the test set after each round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--partitioner", default="iid")
    parser.add_argument("--alpha", type=float)
    parser.add_argument("--learning-rate", type=float, default=0.215)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    split = load_dataset("mnist-full")
    options = {} if arguments.alpha is None else {"alpha": arguments.alpha}
    divider = build_partitioner(arguments.partitioner, PARTICIPANTS, 0, **options)
    indices = divider.partition_indices(split.train.labels)
    partitions = [split.train.subset(part) for part in indices]
    job = Job("mcmahan_cnn", partitions, 0.1, 5, 10, arguments.learning_rate)
    started = time.monotonic()
    print("round  accuracy  loss    seconds")
    for number, parameters in enumerate(run_integer(job, arguments.rounds), 1):
        found = evaluate(job.load(parameters), split.test)
        seconds = time.monotonic() - started
        print(f"{number:5}  {found.accuracy:8.4f}  {found.loss:.4f}  {seconds:7.0f}", flush=True)


if __name__ == "__main__":
    main()
