"""Card fraud and Shakespeare, trained together by their silos, against all data in one place.

    .venv/bin/python -m benchmarks.real_tasks fraud [--rounds 20]
    .venv/bin/python -m benchmarks.real_tasks shakespeare [--rounds 100]

*Together* is the product's encoding and aggregation in integers, with the partitioner ``natural``:
a participant has one silo. *Pooled* is the same training where one participant has everything; for
Shakespeare as many letters a round as all that are drawn have together. Deterministic.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from benchmarks.accuracy import Job, Vector, run_integer
from fl_chain.training.catalogue import DATASETS, load_dataset
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import evaluate_by_silo
from fl_chain.training.partitioners import build_partitioner


@dataclass(frozen=True)
class Terms:
    """How one of the tasks is trained."""

    share: float
    """Of the silos that take part in a round."""
    batch_size: int
    learning_rate: float
    pooled_rate: float
    """With all data in one place: a mean of many updates bears larger ones."""


TERMS = {"fraud": Terms(1, 100, 0.1, 0.1), "shakespeare": Terms(0.1, 10, 3, 1)}


def divide(data: Dataset, ways: int, partitioner: str) -> list[Dataset]:
    """Return so many parts of a data set."""
    divider = build_partitioner(partitioner, ways, 0)
    return [divider.load_partition(data, index) for index in range(ways)]


def make_runs(name: str, train: Dataset, rounds: int) -> dict[str, tuple[Job, Iterator[Vector]]]:
    """Return what trains, and the parameters after each round, by way."""
    terms, spec = TERMS[name], DATASETS[name]
    jobs = {
        "together": (divide(train, len(train.silo_names), "natural"), terms.learning_rate),
        "pooled": (divide(train, round(1 / terms.share), "iid"), terms.pooled_rate),
    }
    runs = {}
    for way, (parts, rate) in jobs.items():
        job = Job(spec.usual_model, parts, terms.share, 1, terms.batch_size, rate)
        runs[way] = (job, run_integer(job, rounds))
    return runs


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=list(TERMS))
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    split = load_dataset(arguments.task)
    runs = make_runs(arguments.task, split.train, arguments.rounds)
    print(f"{'round':>5}  {'way':10}{'accuracy':>10}{'roc auc':>10}{'precision':>11}", flush=True)
    for number in range(1, arguments.rounds + 1):
        for way, (job, models) in runs.items():
            parameters = next(models)
            if number != 1 and number % max(1, arguments.rounds // 10):
                continue
            whole, *_ = evaluate_by_silo(job.load(parameters), split.test)
            scores = (whole.evaluation.accuracy, whole.roc_auc, whole.average_precision)
            cells = "".join(f"{'-' if x is None else f'{x:.4f}':>10}" for x in scores)
            print(f"{number:>5}  {way:10}{cells}", flush=True)


if __name__ == "__main__":
    main()
