"""Optimizers of the server: their golden values, the papers' in floats, and hostile state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rfc8785

from fl_chain.aggregation.optimizers import apply_optimizer
from fl_chain.aggregation.round_blobs import begin_model, model_header, take_parameters
from fl_chain.aggregation.step import Aggregate, apply_step
from fl_chain.protocol.blob import count_values
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.manifest import decode_manifest
from fl_chain.protocol.optimizer import Optimizer
from tests import golden

VECTORS = golden.load("aggregate/optimizers.json")
ENCODING = Encoding()
SHIFT = ENCODING.model_fraction_bits - ENCODING.fraction_bits
UNIT, SCALE = 2**14, 2.0**-24
MOMENTUM = Optimizer("momentum", learning_rate=UNIT, beta_1=14746)
ADAM = Optimizer("adam", learning_rate=164, beta_1=14746, beta_2=16220, tau=16777)
YOGI = Optimizer("yogi", learning_rate=164, beta_1=14746, beta_2=16220, tau=16777)


def of_moves(moves: Any, shift: int = SHIFT) -> Aggregate:
    """Return an aggregate that moves a model by these numbers of its units."""
    return Aggregate(np.array(moves, np.int64), 2**shift)


def test_the_vectors_are_all_there() -> None:
    assert len(VECTORS["cases"]) == VECTORS["count"] == 7


@pytest.mark.parametrize("case", VECTORS["cases"])
def test_values_are_the_golden_ones(case: dict[str, Any]) -> None:
    optimizer, encoding = Optimizer(**case["optimizer"]), Encoding(**case["encoding"])
    before = [np.array(part, np.int32) for part in case["before"].values()]
    after = apply_optimizer(optimizer, encoding, before, of_moves(case["moves"]))
    assert [part.tolist() for part in after] == list(case["after"].values())


@pytest.mark.parametrize("optimizer", [MOMENTUM, ADAM, YOGI], ids=lambda each: each.name)
def test_many_rounds_are_those_of_the_paper_in_floats(optimizer: Optimizer) -> None:
    """Reddi et al. 2021, algorithm 2, and Hsu et al. 2019, section 4.3, in doubles."""
    random = np.random.default_rng(0)
    size = 50
    rate, b1, b2 = (
        value / UNIT for value in (optimizer.learning_rate, optimizer.beta_1, optimizer.beta_2)
    )
    tau = optimizer.tau * SCALE
    x, m, v = random.normal(0, 0.1, size), np.zeros(size), np.full(size, tau**2)
    parts = [np.rint(x / SCALE).astype(np.int32), np.zeros(size, np.int32)]
    if optimizer.name != "momentum":
        parts.append(np.full(size, optimizer.tau, np.int32))
    drift = random.normal(0, 0.01, size)
    for _ in range(100):
        moves = np.rint((drift + random.normal(0, 0.01, size)) / SCALE).astype(np.int64)
        parts = apply_optimizer(optimizer, ENCODING, parts, of_moves(moves))
        delta = moves * SCALE
        if optimizer.name == "momentum":
            m = b1 * m + delta
            x = x + rate * m
            continue
        m = b1 * m + (1 - b1) * delta
        sign = np.sign(v - delta**2) if optimizer.name == "yogi" else None
        v = b2 * v + (1 - b2) * delta**2 if sign is None else v - (1 - b2) * delta**2 * sign
        x = x + rate * m / (np.sqrt(v) + tau)
    np.testing.assert_allclose(parts[0] * SCALE, x, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("optimizer", [MOMENTUM, ADAM, YOGI], ids=lambda each: each.name)
def test_no_state_makes_a_number_overflow(optimizer: Optimizer) -> None:
    """Whatever a genesis model holds; NumPy's integers would wrap without a word."""
    ends = np.array([-(2**31), -(2**24), -1, 0, 1, 2**24, 2**31 - 1], np.int32)
    count = 3 if optimizer.name != "momentum" else 2
    grid = [part.reshape(-1) for part in np.meshgrid(*[ends] * count)]
    for move in (-(2**31), 0, 2**31 - 1):
        moves = np.full(grid[0].size, move)
        after = apply_optimizer(optimizer, ENCODING, grid, of_moves(moves))
        for index in range(0, grid[0].size, 5):
            alone = apply_optimizer(
                optimizer, ENCODING, [part[index : index + 1] for part in grid], of_moves([move])
            )
            assert [int(part[0]) for part in alone] == [int(part[index]) for part in after]
        if optimizer.name != "momentum":
            assert after[2].min() >= 0


def test_momentum_without_decay_and_with_the_rate_one_is_plain_averaging() -> None:
    plain = Optimizer("momentum", learning_rate=UNIT, beta_1=0)
    random = np.random.default_rng(1)
    model = random.integers(-(2**31), 2**31, 40_000).astype(np.int32)
    aggregate = Aggregate(random.integers(-(2**31), 2**31, model.size), 1001)
    stepped = apply_optimizer(plain, ENCODING, [model, np.zeros_like(model)], aggregate)
    assert np.array_equal(stepped[0], apply_step(model, aggregate, 15, 24))


def test_a_model_begins_with_its_parameters_and_what_the_optimizer_begins_with() -> None:
    document = golden.load("aggregate/optimized_round.json")["manifest"]
    manifest = decode_manifest(rfc8785.dumps(document))
    parameters = np.arange(count_values(manifest.layout), dtype=np.int32)
    model = begin_model(manifest, parameters)
    assert model.size == count_values(model_header(manifest).layout) == 300
    assert np.array_equal(take_parameters(manifest, model), parameters)
    assert set(model[100:200]) == {0}
    assert set(model[200:]) == {manifest.optimizer.tau}
