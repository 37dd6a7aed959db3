"""What participants fetch of a round: its model, or what it differs by from the one before.

    .venv/bin/python -m benchmarks.differences [--rounds 20]

The job of benchmarks.compression, by the product's own encodings, with fewer and fewer bits of a
model behind the point; only chain and IPFS are left out. Sizes are deterministic, times are not.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from itertools import pairwise
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.accuracy import Job
from benchmarks.compression import make_job, make_manifest, run_task
from fl_chain.aggregation.difference import apply_difference, encode_difference
from fl_chain.aggregation.fixed_point import decode_model, encode_model
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.layout import flatten
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.evaluation import evaluate

SHORT = Encoding(fraction_bits=8, max_abs=127, lane_bits=8)
ENCODINGS = {
    "16 bits, 24 in a model": Encoding(),
    "16 bits, 20 in a model": Encoding(model_fraction_bits=20),
    "16 bits, 16 in a model": Encoding(model_fraction_bits=16),
    "8 bits, 24 in a model": SHORT,
    "8 bits, 16 in a model": replace(SHORT, model_fraction_bits=16),
}


def make_models(job: Job, encoding: Encoding, rounds: int) -> list[NDArray[np.int32]]:
    """Return the models of so many rounds, the initial one before them."""
    bits = encoding.model_fraction_bits
    runs = run_task(job, make_manifest(job, rounds, encoding=encoding))
    models = [flatten(job.initial, job.layout), *runs]
    return [encode_model(parameters, bits) for parameters in models]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    job, test = make_job(), load_dataset("mnist").test
    shown = sorted({number for number in (1, 5, 10, rounds) if number <= rounds})
    columns = "".join(f"{f'round {number}':>10}" for number in shown)
    size = 4 * len(flatten(job.initial, job.layout))
    print(f"a model has {size:,} bytes; a difference, in bytes")
    print(f"{'update':24}{columns}{'smaller':>9}{'accuracy':>10}{'made, ms':>10}{'read, ms':>10}")
    for name, encoding in ENCODINGS.items():
        models = make_models(job, encoding, rounds)
        sizes, made, read = [], [], []
        for base, model in pairwise(models):
            begin = time.perf_counter()
            data = encode_difference(base, model)
            between = time.perf_counter()
            apply_difference(base, data)
            read.append(time.perf_counter() - between)
            made.append(between - begin)
            sizes.append(len(data))
        parameters = decode_model(models[-1], encoding.model_fraction_bits)
        accuracy = evaluate(job.load(parameters), test).accuracy or 0.0
        cells = "".join(f"{sizes[number - 1]:>10,}" for number in shown)
        smaller = size / sizes[-1]
        times = f"{1000 * median(made):>10.1f}{1000 * median(read):>10.1f}"
        print(f"{name:24}{cells}{smaller:>8.1f}x{accuracy:>10.4f}{times}", flush=True)


if __name__ == "__main__":
    main()
