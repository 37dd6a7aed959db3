"""What late updates gain where machines are unequal.

    .venv/bin/python -m benchmarks.late_updates [--until 200]

McMahan's 2NN on 10,000 MNIST digits, which twenty participants have unevenly (Dirichlet, alpha
0.1). The fastest trains a round in 1 second, the slowest in 10, the others evenly between them by
ratio; by a clock that is simulated, so machines of the benchmark's own speed play no part.
Updates are aggregated by the product itself; only chain and IPFS are left out. Deterministic.
"""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.accuracy import Job, Vector
from benchmarks.compression import MAX_ABS, make_manifest
from fl_chain.aggregation.derive import begin_round, step_round
from fl_chain.aggregation.fixed_point import decode_model, encode_model, encode_update, expand_words
from fl_chain.protocol.layout import flatten, unflatten
from fl_chain.protocol.staleness import discount_weight
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.evaluation import evaluate
from fl_chain.training.partitioners import build_partitioner

NUM_PARTICIPANTS, SLOWEST = 20, 10.0
SECONDS = SLOWEST ** (np.arange(NUM_PARTICIPANTS) / (NUM_PARTICIPANTS - 1))
SHOWN = (25, 50, 100, 200)


@dataclass(frozen=True)
class Terms:
    """When a round closes, and what becomes of what comes later."""

    name: str
    target_updates: int
    max_staleness: int


TERMS = (
    Terms("everybody is waited for", NUM_PARTICIPANTS, 0),
    Terms("the first ten count, others are lost", 10, 0),
    Terms("the first ten count, others are late", 10, 16),
    Terms("the first five count, others are late", 5, 32),
)


def run(job: Job, terms: Terms, until: float) -> Iterator[tuple[float, Vector, int]]:
    """Yield time, parameters and updates that counted, after each round."""
    manifest = make_manifest(job, 10_000)
    bits = manifest.encoding.model_fraction_bits
    model = encode_model(flatten(job.initial, job.layout), bits)
    number, used = 1, 0
    gathered, senders = begin_round(manifest, 1, MAX_ABS), set[int]()
    # When it is done, who, the round in which it began, and the parameters that it began from.
    at_work: list[tuple[float, int, int, Vector]] = []

    def begin(time: float, index: int) -> None:
        entry = (time + SECONDS[index], index, number, decode_model(model, bits))
        heapq.heappush(at_work, entry)

    for index in range(NUM_PARTICIPANTS):
        begin(0.0, index)
    while at_work and at_work[0][0] <= until:
        time, index, began, parameters = heapq.heappop(at_work)
        staleness = number - began
        if staleness > terms.max_staleness:
            begin(time, index)
            continue
        seed = 1000 * began + index
        result = job.trainers[index].train(unflatten(parameters, job.layout), seed=seed)
        delta = flatten(result.parameter_delta, job.layout)
        words = expand_words(f"{number}/{index}".encode(), len(delta))
        lanes = encode_update(delta, manifest.encoding.fraction_bits, 2**15 - 1, words)
        gathered.add(str(index), lanes, discount_weight(result.num_examples, staleness))
        senders.add(index)
        used += 1
        if len(senders) == terms.target_updates:
            model = step_round(manifest, number, model, gathered)
            yield time, decode_model(model, bits), used
            number += 1
            gathered, waiting = begin_round(manifest, number, MAX_ABS), sorted(senders)
            senders.clear()
            for sender in waiting:
                begin(time, sender)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--until", type=float, default=SHOWN[-1], help="simulated seconds")
    until = parser.parse_args().until
    torch.set_num_threads(1)
    split = load_dataset("mnist")
    divider = build_partitioner("dirichlet", NUM_PARTICIPANTS, 0, alpha=0.1)
    parts = [divider.load_partition(split.train, index) for index in range(NUM_PARTICIPANTS)]
    job = Job("mcmahan_2nn", parts, num_epochs=1, learning_rate=0.05)
    shown = sorted({time for time in (*SHOWN, until) if time <= until})
    print("test accuracy by simulated seconds; machines train a round in 1 to 10 s")
    head = "".join(f"{f'{time:.0f} s':>9}" for time in shown)
    print(f"{'':40}{'rounds':>7}{'updates':>9}{head}", flush=True)
    for terms in TERMS:
        rows = [
            (time, evaluate(job.load(parameters), split.test).accuracy or 0.0, used)
            for time, parameters, used in run(job, terms, until)
        ]
        scores = [
            max((row for row in rows if row[0] <= time), default=(0, 0.0, 0)) for time in shown
        ]
        cells = "".join(f"{score[1]:>9.4f}" for score in scores)
        print(f"{terms.name:40}{len(rows):>7}{rows[-1][2]:>9}{cells}", flush=True)


if __name__ == "__main__":
    main()
