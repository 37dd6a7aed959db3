"""What server optimizers gain where data are uneven.

    .venv/bin/python -m benchmarks.optimizers [--rounds 40]

McMahan's 2NN on 10,000 MNIST digits, which ten participants have unevenly (Dirichlet, alpha 0.1),
in the product's own integers; only chain and IPFS are left out. Deterministic.
"""

from __future__ import annotations

import argparse

import torch

from benchmarks.accuracy import Job
from benchmarks.compression import NUM_PARTICIPANTS, make_manifest, run_task
from fl_chain.protocol.optimizer import Optimizer
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.evaluation import evaluate
from fl_chain.training.partitioners import build_partitioner

UNIT = 2**14
OPTIMIZERS = {
    "none": Optimizer(),
    "momentum 0.5": Optimizer("momentum", UNIT, UNIT // 2),
    "momentum 0.9, rate 0.3": Optimizer("momentum", round(0.3 * UNIT), round(0.9 * UNIT)),
    "adam, rate 0.01": Optimizer(
        "adam", round(0.01 * UNIT), round(0.9 * UNIT), round(0.99 * UNIT), 2**24 // 1000
    ),
    "yogi, rate 0.01": Optimizer(
        "yogi", round(0.01 * UNIT), round(0.9 * UNIT), round(0.99 * UNIT), 2**24 // 1000
    ),
}


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--alpha", type=float, default=0.1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    split, rounds = load_dataset("mnist"), arguments.rounds
    divider = build_partitioner("dirichlet", NUM_PARTICIPANTS, 0, alpha=arguments.alpha)
    parts = [divider.load_partition(split.train, index) for index in range(NUM_PARTICIPANTS)]
    job = Job("mcmahan_2nn", parts, num_epochs=1, learning_rate=0.05)
    shown = sorted({number for number in (5, 10, 20, rounds) if number <= rounds})
    print("test accuracy of mcmahan_2nn on 10,000 MNIST digits, unevenly among ten participants")
    print(f"{'optimizer':24}" + "".join(f"{f'round {number}':>10}" for number in shown), flush=True)
    for name, optimizer in OPTIMIZERS.items():
        models = run_task(job, make_manifest(job, rounds, optimizer=optimizer))
        scores = [evaluate(job.load(each), split.test).accuracy or 0.0 for each in models]
        cells = "".join(f"{scores[number - 1]:>10.4f}" for number in shown)
        print(f"{name:24}{cells}", flush=True)


if __name__ == "__main__":
    main()
