"""What updates contributed: the axioms of Shapley, the exact values, and the round itself."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import rfc8785

from fl_chain.aggregation.contribution import (
    MOST_EXACT,
    Coalitions,
    Contributed,
    estimate_shapley,
    leave_one_out,
)
from fl_chain.aggregation.round_blobs import decode_model_blob, model_header
from fl_chain.protocol.manifest import decode_manifest
from tests import golden

ROUND = golden.load("aggregate/round.json")
MANIFEST = decode_manifest(rfc8785.dumps(ROUND["manifest"]))
BASE = decode_model_blob(bytes.fromhex(ROUND["base_model"]), model_header(MANIFEST))
Game = Callable[[frozenset[int]], float]


def by_permutations(count: int, game: Game) -> list[float]:
    """Shapley's definition, word for word: the mean gain over all orders."""
    totals = [0.0] * count
    for order in itertools.permutations(range(count)):
        for place, member in enumerate(order):
            before = frozenset(order[:place])
            totals[member] += game(before | {member}) - game(before)
    return [total / math.factorial(count) for total in totals]


def random_game(count: int, seed: int) -> Game:
    """Return a game in which more is better, with diminishing returns and some noise."""
    random = np.random.default_rng(seed)
    strengths = random.uniform(0, 1, count)
    noise = random.normal(0, 0.01, 2**count)

    def value(members: frozenset[int]) -> float:
        place = sum(1 << member for member in members)
        return float(1 - np.exp(-sum(strengths[member] for member in members)) + noise[place])

    return value


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_few_updates_have_exact_shapley_values(count: int) -> None:
    game = random_game(count, seed=count)
    np.testing.assert_allclose(estimate_shapley(count, game, "s"), by_permutations(count, game))


def test_of_many_updates_the_estimate_is_near_the_exact_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count = 7
    game = random_game(count, seed=1)
    exact = estimate_shapley(count, game, "s")
    monkeypatch.setattr("fl_chain.aggregation.contribution.MOST_EXACT", 0)
    estimated = estimate_shapley(count, game, "s")
    np.testing.assert_allclose(estimated, exact, atol=0.02)
    assert estimated == estimate_shapley(count, game, "s"), "nothing is drawn anew"
    assert estimated != estimate_shapley(count, game, "t")


def test_shapley_values_add_up_and_treat_alike_who_is_alike() -> None:
    def game(members: frozenset[int]) -> float:
        return 3.0 * (0 in members) * (1 in members) + 1.0 * (2 in members)

    first, second, third, nobody = estimate_shapley(4, game, "s")
    assert first == second == pytest.approx(1.5)
    assert third == pytest.approx(1)
    assert nobody == pytest.approx(0)


def test_many_updates_of_a_round_that_gained_nothing_share_nothing() -> None:
    assert estimate_shapley(MOST_EXACT + 1, lambda members: 0.5, "s") == [0.0] * (MOST_EXACT + 1)


def test_each_coalition_is_evaluated_once() -> None:
    asked: list[frozenset[int]] = []

    def game(members: frozenset[int]) -> float:
        asked.append(members)
        return math.sqrt(len(members))

    estimate_shapley(12, game, "s")
    assert len(asked) == len(set(asked)) < 2**12


def test_leaving_out_tells_who_did_harm() -> None:
    influence = leave_one_out(3, lambda members: 1.0 - 0.5 * (2 in members))
    assert influence == [0.0, 0.0, -0.5]


def contributed() -> list[Contributed]:
    return [
        Contributed(update["participant"], update["weight"], np.array(update["lanes"], np.int16))
        for update in ROUND["updates"]
        if update["outcome"] == "included"
    ]


def test_the_model_of_all_updates_is_that_of_the_round_and_of_none_its_base() -> None:
    coalitions = Coalitions(MANIFEST, ROUND["round"], BASE, contributed())
    assert coalitions.model(range(3)).tolist() == ROUND["model_values"]
    assert np.array_equal(coalitions.model(()), BASE)
    assert coalitions.model({1}).tolist() != ROUND["model_values"]


def test_cosines_are_those_of_the_vectors() -> None:
    updates = contributed()
    vectors = [update.lanes.astype(float) for update in updates]
    whole = sum(update.weight * vector for update, vector in zip(updates, vectors, strict=True))
    expected = [v @ whole / np.linalg.norm(v) / np.linalg.norm(whole) for v in vectors]
    cosines = Coalitions(MANIFEST, ROUND["round"], BASE, updates).cosines()
    np.testing.assert_allclose(cosines, expected)
    opposite = [
        Contributed("0x01", 1, np.array([3, -4] * 4, np.int16)),
        Contributed("0x02", 9, np.array([-3, 4] * 4, np.int16)),
        Contributed("0x03", 1, np.zeros(8, np.int16)),
    ]
    assert Coalitions(MANIFEST, 3, BASE, opposite).cosines() == pytest.approx([-1, 1, 0])
