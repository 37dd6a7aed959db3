"""Noise on updates: what a model of many participants loses by it, and what epsilon it is worth.

    .venv/bin/python -m benchmarks.noised_updates [--participants 1000] [--rounds 20]
        [--group-size 64] [--clip-norm 0.5] [--noise 0 --noise 1 --noise 4]

Participants share all of MNIST evenly, train a linear model (7,850 values) for an epoch, clip,
round, and add their part of the noise, as in a task whose updates are masked; masks cancel, so they
are left out. The noise counted on is that of the honest members which a group is sure to have. The
model is the mean. Epsilon is for a participant with all its examples, after all rounds, at delta
1e-5, by the cost that a ledger counts. One JSON object a line.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from fl_chain.aggregation.fixed_point import decode_model, encode_model, expand_words
from fl_chain.aggregation.mean import WeightedSum
from fl_chain.aggregation.noised_update import add_noise, clip_and_round
from fl_chain.aggregation.step import apply_step
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.layout import flatten, layout_of, unflatten
from fl_chain.protocol.noise_rules import compute_update_cost
from fl_chain.protocol.noise_terms import NoiseTerms
from fl_chain.protocol.privacy import MASKED, PrivacyParameters
from fl_chain.roles.accounting import PARTICIPANT, account_for_cost
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import evaluate
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.parameters import get_parameters, set_parameters

DELTA = 1e-5
LEARNING_RATE = 0.1
BATCH_SIZE = 10


def plan(clip_norm: float, noise: float, group_size: int) -> tuple[Encoding, PrivacyParameters]:
    """Return lanes with room for the noise, and the noise of one participant."""
    privacy, usual = PrivacyParameters(MASKED, group_size=group_size), Encoding()
    terms = NoiseTerms(Fraction(clip_norm), Fraction(noise), privacy.num_noisy)
    bits = terms.choose_fraction_bits(usual.fraction_bits, usual.max_abs)
    if bits is None:
        raise SystemExit("lanes have no room for so much noise")
    return Encoding(fraction_bits=bits), terms.set_in(privacy, bits)


def run(
    parts: Sequence[Dataset],
    test: Dataset,
    clip_norm: float,
    noise: float,
    group_size: int,
    num_rounds: int,
) -> None:
    """Train, and print the accuracy after every round."""
    encoding, terms = plan(clip_norm, noise, group_size)
    torch.manual_seed(0)
    module = torch.nn.Linear(parts[0].features.shape[1], 10)
    layout = layout_of(get_parameters(module))
    bits = encoding.fraction_bits, encoding.model_fraction_bits
    values = encode_model(flatten(get_parameters(module), layout), bits[1])
    began = time.monotonic()
    for number in range(1, num_rounds + 1):
        received = unflatten(decode_model(values, bits[1]), layout)
        total, clipped = WeightedSum(values.size), 0
        for index, part in enumerate(parts):
            trainer = LocalSgd(
                module, part, num_epochs=1, batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE
            )
            trained = trainer.train(received, seed=number * len(parts) + index)
            delta = flatten(trained.parameter_delta, layout)
            clipped += bool(np.linalg.norm(delta) > clip_norm)

            def draw_words(
                attempt: int, place: str = f"{number}/{index}", size: int = delta.size
            ) -> NDArray[np.uint32]:
                return expand_words(f"{place}/{attempt}".encode(), size)

            lanes = clip_and_round(delta, encoding, terms, delta.size, draw_words)
            if noise:
                secret = hashlib.sha256(f"{number}/{index}".encode()).digest()
                lanes = add_noise(lanes, terms.noise_variance, secret, b"")
            total.add(lanes, 1)
        values = apply_step(values, total.mean(), *bits)
        set_parameters(module, unflatten(decode_model(values, bits[1]), layout))
        spent = None
        if noise:
            cost = number * compute_update_cost(terms, values.size)
            spent = account_for_cost(cost, DELTA, unit=PARTICIPANT).epsilon
        result = {
            "noise": noise,
            "round": number,
            "accuracy": evaluate(module, test).accuracy,
            "epsilon": spent and round(spent, 2),
            "clipped": round(clipped / len(parts), 3),
            "noise_in_mean": round(
                math.sqrt(values.size * terms.noise_variance / len(parts)) / terms.clip_norm, 3
            )
            if noise
            else 0,
            "seconds": round(time.monotonic() - began),
        }
        print(json.dumps(result), flush=True)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--group-size", type=int, default=64)
    parser.add_argument("--clip-norm", type=float, default=0.5)
    parser.add_argument("--noise", type=float, action="append")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    split = load_dataset("mnist-full")
    order = np.random.default_rng(0).permutation(len(split.train))
    parts = [split.train.subset(those) for those in np.array_split(order, arguments.participants)]
    for noise in arguments.noise or [0.0, 1.0, 2.0, 4.0]:
        run(
            parts,
            split.test,
            arguments.clip_norm,
            noise,
            arguments.group_size,
            arguments.rounds,
        )


if __name__ == "__main__":
    main()
