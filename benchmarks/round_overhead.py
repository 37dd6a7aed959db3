"""What an audited round costs beyond the local training: the median round, and where it goes.

    .venv/bin/python -m benchmarks.round_overhead [--rounds 30]

The job of scripts/demo with more rounds. *Training alone* is what the same processes need for the
same local training at the same time on the same cores with nothing else to do; it is measured in
the same run, before and after. Overhead is the median round minus that.
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

from fl_chain.cli.main import run as run_command
from fl_chain.roles.demo import Demo, DemoOptions, fork_context, stop_demo
from fl_chain.training.datasets import load_dataset
from fl_chain.training.models import build_model
from fl_chain.training.parameters import get_parameters
from fl_chain.training.partitioners import build_partitioner
from fl_chain.training.trainer import LocalSgd

WARM_UP_ROUNDS = 3


def train_at_the_bell(index: int, count: int, rounds: int, bell: Barrier) -> None:
    """Train one partition every time the bell rings."""
    split = load_dataset("mnist")
    dataset = build_partitioner("iid", count, 0).load_partition(split.train, index)
    module = build_model("mcmahan_2nn", 0)
    trainer = LocalSgd(module, dataset, num_epochs=1, batch_size=10, learning_rate=0.1)
    parameters = get_parameters(module)
    for number in range(rounds):
        bell.wait()
        trainer.train(parameters, seed=number)
        bell.wait()


def measure_training_alone(count: int, rounds: int) -> float:
    """Return the median seconds in which all processes train once."""
    context = fork_context()
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
    return statistics.median(seconds[WARM_UP_ROUNDS:])


def measure_rounds(options: DemoOptions) -> tuple[list[float], dict[str, list[float]], float]:
    """Return seconds per round, seconds per step and role, and the time to the first model."""
    steps: dict[str, list[float]] = defaultdict(list)
    rounds, first = [], 0.0
    with Demo(options, run_command, lambda step: None) as job:
        job.prepare()
        job.start()
        last = job.started_at
        for event in job.events():
            role = event.source.split("-")[0]
            for name, value in event.values.items():
                if name.endswith("_seconds") and event.values["round"] > WARM_UP_ROUNDS:
                    steps[f"{role} {name.removesuffix('_seconds')}"].append(value)
            if event.event == "finalized":
                now = time.monotonic()
                rounds.append(now - last)
                first = first or now - job.started_at
                last = now
    return rounds, steps, first


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--participants", type=int, default=10)
    arguments = parser.parse_args()
    count = arguments.participants
    load_dataset("mnist")
    before = measure_training_alone(count, 20)
    with tempfile.TemporaryDirectory() as directory:
        options = DemoOptions(Path(directory), count, arguments.rounds)
        try:
            rounds, steps, first = measure_rounds(options)
        finally:
            stop_demo(Path(directory))
    after = measure_training_alone(count, 20)
    alone = (before + after) / 2
    median = statistics.median(rounds[WARM_UP_ROUNDS:])
    print(f"{count} participants, mcmahan_2nn, {arguments.rounds} rounds, {os.cpu_count()} cores,")
    print(f"load {os.getloadavg()[0]:.1f} at the end")
    print(f"first model          {first:7.3f} s after the processes start")
    print(f"round, median        {median:7.3f} s  (min {min(rounds):.3f}, max {max(rounds):.3f})")
    print(f"training alone       {alone:7.3f} s  (before {before:.3f}, after {after:.3f})")
    print(f"overhead             {median - alone:7.3f} s")
    print("\nstep (wall time while others run)   median ms   per round ms, all processes")
    for name in sorted(steps):
        values = [1000 * value for value in steps[name]]
        total = sum(values) / (len(rounds) - WARM_UP_ROUNDS)
        print(f"{name:<35} {statistics.median(values):9.1f} {total:12.1f}")


if __name__ == "__main__":
    main()
