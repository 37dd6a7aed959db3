"""What smaller updates cost in accuracy: shorter lanes, and a part of the values in each round.

    .venv/bin/python -m benchmarks.compression [--rounds 60]

The job of benchmarks.accuracy: McMahan's 2NN, 10 participants, the same data, partitions, seeds and
initial model in float32 and in tasks with other encodings. Updates are made and aggregated by the
product itself, blobs and what is not sent yet included; only chain and IPFS are left out.
Deterministic.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import torch

from benchmarks.accuracy import Job, Vector, run_float
from fl_chain.aggregation.derive import begin_round, step_round
from fl_chain.aggregation.fixed_point import decode_model, encode_model
from fl_chain.aggregation.round_blobs import (
    begin_model,
    compute_update_bytes,
    read_lanes,
    take_parameters,
)
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.layout import flatten, unflatten
from fl_chain.protocol.manifest import CommitteeParameters, Manifest, RoundParameters
from fl_chain.protocol.recipe import Recipe
from fl_chain.roles.local_update import Unsent, UpdatePlace
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.evaluation import evaluate
from fl_chain.training.partitioners import build_partitioner
from fl_chain.training.trainer import TrainingResult

ENCODINGS = {
    "16 bits": Encoding(),
    "12 bits": Encoding(fraction_bits=12, max_abs=2047, lane_bits=12),
    "8 bits": Encoding(fraction_bits=8, max_abs=127, lane_bits=8),
    "16 bits, 1 in 4": Encoding(one_block_in=4),
    "8 bits, 1 in 4": Encoding(fraction_bits=8, max_abs=127, lane_bits=8, one_block_in=4),
    "8 bits, 1 in 9": Encoding(fraction_bits=8, max_abs=127, lane_bits=8, one_block_in=9),
    "8 bits, 1 in 16": Encoding(fraction_bits=8, max_abs=127, lane_bits=8, one_block_in=16),
}
NUM_PARTICIPANTS = 10
PARTICIPANTS = ["0x" + f"{number:02x}" * 20 for number in range(1, NUM_PARTICIPANTS + 1)]
MAX_ABS = 2**15


def make_manifest(job: Job, rounds: int, **terms: Any) -> Manifest:
    """Return the manifest of a task with an encoding or an optimizer."""
    return Manifest(
        name="compression",
        salt="5a" * 16,
        chain_id=31337,
        committee=CommitteeParameters((PARTICIPANTS[0],)),
        layout=job.layout,
        rounds=RoundParameters(rounds, 1, NUM_PARTICIPANTS, 100_000, 600, 600),
        recipe=Recipe("mcmahan_2nn", "mnist"),
        **terms,
    )


def make_job() -> Job:
    """Return the job: ten thousand digits, alike everywhere."""
    split, divider = load_dataset("mnist"), build_partitioner("iid", NUM_PARTICIPANTS, 0)
    parts = [divider.load_partition(split.train, index) for index in range(NUM_PARTICIPANTS)]
    return Job("mcmahan_2nn", parts)


def run_task(
    job: Job, manifest: Manifest, see: Callable[[bytes], object] = lambda blob: None
) -> Iterator[Vector]:
    """Yield the parameters after each round of a task; ``see`` is shown every update."""
    bits = manifest.encoding.model_fraction_bits
    model = begin_model(manifest, encode_model(flatten(job.initial, job.layout), bits))
    unsent: list[Unsent] = [None] * NUM_PARTICIPANTS
    for number in range(1, manifest.rounds.num_rounds + 1):
        gathered = begin_round(manifest, number, MAX_ABS)
        parameters = decode_model(take_parameters(manifest, model), bits)
        deltas = job.deltas(parameters, number - 1)
        for index, (delta, weight) in enumerate(deltas):
            place = UpdatePlace(manifest, number, "00" * 32, PARTICIPANTS[index], number)
            result = TrainingResult(unflatten(delta, job.layout), weight, 0.0, 0.0)
            lanes, unsent[index] = place.encode(result, unsent[index])
            blob = place.to_blob(lanes, None)
            see(blob)
            gathered.add(place.participant, read_lanes(manifest, number, blob), weight)
        model = step_round(manifest, number, model, gathered)
        yield decode_model(take_parameters(manifest, model), bits)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    split = load_dataset("mnist")
    job = make_job()
    shown = sorted({number for number in (5, 10, 20, 40, rounds) if number <= rounds})
    columns = "".join(f"{f'round {number}':>10}" for number in shown)
    print("test accuracy of mcmahan_2nn on 10,000 MNIST digits (8,000 train, 2,000 test)")
    print(f"{'update':18}{'bytes':>9}{'smaller':>9}{columns}", flush=True)
    floats = 4 * len(flatten(job.initial, job.layout))
    runs = {"float32": (floats, run_float(job, rounds))}
    for name, encoding in ENCODINGS.items():
        manifest = make_manifest(job, rounds, encoding=encoding)
        runs[name] = (compute_update_bytes(manifest), run_task(job, manifest))
    for name, (size, models) in runs.items():
        scores = [
            evaluate(job.load(parameters), split.test).accuracy or 0.0 for parameters in models
        ]
        cells = "".join(f"{scores[number - 1]:>10.4f}" for number in shown)
        print(f"{name:18}{size:>9,}{floats / size:>8.1f}x{cells}", flush=True)


if __name__ == "__main__":
    main()
