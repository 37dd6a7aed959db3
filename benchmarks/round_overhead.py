"""What an audited round costs beyond the local training: the median round, and where it goes.

    .venv/bin/python -m benchmarks.round_overhead [--rounds 10] [--blocks 3] [--aggregators 1]

The job of scripts/demo with more rounds, and with one aggregator unless told otherwise. *Training
alone* is what the same processes need for the same local work, the evaluation of the base model and
the training, at the same time on the same cores with nothing else to do. Blocks of both take turns
in one run. Overhead is the median round minus the median training alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import defaultdict
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from fl_chain.cli.main import run as run_command
from fl_chain.process_pool import start_fork_server
from fl_chain.roles.demo import PRELOADED, Demo, stop_demo
from fl_chain.roles.demo_options import DemoOptions
from fl_chain.roles.join import MAX_EVALUATED
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.models import build_model
from fl_chain.training.parameters import get_parameters
from fl_chain.training.partitioners import build_partitioner

WARM_UP_ROUNDS = 3


def make_trainer(index: int, count: int) -> tuple[LocalSgd, dict[str, npt.NDArray[np.float32]]]:
    """Return what a participant of the demo trains with, and the parameters to begin with."""
    split = load_dataset("mnist")
    dataset = build_partitioner("iid", count, 0).load_partition(split.train, index)
    module = build_model("mcmahan_2nn", 0)
    trainer = LocalSgd(
        *(module, dataset),
        num_epochs=1,
        batch_size=10,
        learning_rate=0.1,
        evaluation_dataset=dataset.subset(np.arange(min(len(dataset), MAX_EVALUATED))),
    )
    return trainer, get_parameters(module)


def train_at_the_bell(index: int, count: int, rounds: int, bell: Barrier) -> None:
    """Train one partition every time the bell rings."""
    torch.set_num_threads(1)  # as participants do
    trainer, parameters = make_trainer(index, count)
    for number in range(rounds):
        bell.wait()
        trainer.evaluate(parameters)
        trainer.train(parameters, seed=number)
        bell.wait()


def measure_training_alone(count: int, rounds: int) -> list[float]:
    """Return the seconds in which all processes train once, for each of some rounds."""
    context = start_fork_server(PRELOADED)
    rounds += WARM_UP_ROUNDS
    bell = context.Barrier(count + 1)
    processes = [
        context.Process(target=train_at_the_bell, args=(i, count, rounds, bell), daemon=True)
        for i in range(count)
    ]
    for process in processes:
        process.start()
    seconds = []
    for _ in range(rounds):
        bell.wait()
        start = time.perf_counter()
        bell.wait()
        seconds.append(time.perf_counter() - start)
    for process in processes:
        process.join()
    return seconds[WARM_UP_ROUNDS:]


def measure_rounds(
    options: DemoOptions, rounds: list[float], steps: dict[str, list[float]]
) -> float:
    """Add seconds per warm round and per step; return the time to the first model."""
    first = 0.0
    with Demo(options, run_command, lambda step: None) as job:
        job.prepare()
        job.start()
        last = job.started_at
        for event in job.events():
            is_warm = event.values.get("round", 0) > WARM_UP_ROUNDS
            role = event.source.split("-")[0]
            for name, value in event.values.items():
                if name.endswith("_seconds") and is_warm:
                    steps[f"{role} {name.removesuffix('_seconds')}"].append(value)
            if event.event == "finalized":
                now = time.monotonic()
                first = first or now - job.started_at
                if is_warm:
                    rounds.append(now - last)
                last = now
    return first


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="measured per block")
    parser.add_argument("--blocks", type=int, default=3, help="of training alone, then rounds")
    parser.add_argument("--participants", type=int, default=10)
    parser.add_argument("--aggregators", type=int, default=1)
    arguments = parser.parse_args()
    count = arguments.participants
    load_dataset("mnist")
    alone: list[float] = []
    rounds: list[float] = []
    first: list[float] = []
    steps: dict[str, list[float]] = defaultdict(list)
    for _ in range(arguments.blocks):
        alone += measure_training_alone(count, arguments.rounds)
        with tempfile.TemporaryDirectory() as directory:
            options = DemoOptions(
                Path(directory),
                count,
                WARM_UP_ROUNDS + arguments.rounds,
                num_aggregators=arguments.aggregators,
            )
            try:
                first.append(measure_rounds(options, rounds, steps))
            finally:
                stop_demo(Path(directory))
    alone += measure_training_alone(count, arguments.rounds)
    print(f"{count} participants, {arguments.aggregators} aggregators, mcmahan_2nn,")
    print(f"{len(rounds)} rounds in {arguments.blocks} blocks,", end=" ")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end; seconds")
    print("                         median      min      max")
    show("first model", first)
    show("round", rounds)
    show("training alone", alone)
    print(f"overhead                {statistics.median(rounds) - statistics.median(alone):7.3f}")
    print("\nstep, wall time while the others run        median ms   per round ms, all processes")
    for name in sorted(steps):
        values = [1000 * value for value in steps[name]]
        print(f"{name:<43} {statistics.median(values):9.1f} {sum(values) / len(rounds):12.1f}")


def show(name: str, values: list[float]) -> None:
    """Print one line of the summary."""
    print(f"{name:<24}{statistics.median(values):7.3f}  {min(values):7.3f}  {max(values):7.3f}")


if __name__ == "__main__":
    main()
