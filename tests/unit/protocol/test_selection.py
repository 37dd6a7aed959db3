"""Which values the updates of a round hold: the same for everybody, one block of every few."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fl_chain.protocol.constants import BLOCK_VALUES
from fl_chain.protocol.selection import count_lanes, select_values
from tests import golden

VECTORS = golden.load("aggregate/selections.json")
TASK = "5a" * 32


def test_the_vectors_are_all_there() -> None:
    assert len(VECTORS["cases"]) == VECTORS["count"] == 30


@pytest.mark.parametrize("case", VECTORS["cases"])
def test_positions_are_the_golden_ones(case: dict[str, Any]) -> None:
    of_task = case["num_values"], case["one_block_in"]
    positions = np.arange(case["num_values"])[
        select_values(case["task_id"], case["round"], *of_task)
    ]
    assert positions.tolist() == case["positions"]
    assert count_lanes(*of_task) == case["num_lanes"]


@pytest.mark.parametrize(("num_values", "one_block_in"), [(1, 9), (16, 2), (500, 3), (4810, 36)])
def test_every_round_holds_some_values_and_none_twice(num_values: int, one_block_in: int) -> None:
    for number in range(1, 50):
        selected = select_values(TASK, number, num_values, one_block_in)
        assert isinstance(selected, np.ndarray)
        assert 0 < selected.size <= count_lanes(num_values, one_block_in)
        assert (np.diff(selected) > 0).all()
        assert selected[0] >= 0
        assert selected[-1] < num_values


def test_every_value_has_its_turn_about_equally_often() -> None:
    rounds, one_block_in, num_values = 4000, 4, 10 * BLOCK_VALUES
    counts = np.zeros(num_values)
    for number in range(rounds):
        counts[select_values(TASK, number, num_values, one_block_in)] += 1
    whole, rest = counts[: 8 * BLOCK_VALUES], counts[8 * BLOCK_VALUES :]
    assert abs(whole / rounds - 1 / 4).max() < 0.03
    assert abs(rest / rounds - 1 / 2).max() < 0.03, "the last group has two blocks"


def test_another_round_or_task_draws_anew() -> None:
    drawn = [
        tuple(np.arange(2000)[select_values(task, number, 2000, 8)])
        for task, number in ((TASK, 1), (TASK, 2), ("00" * 32, 1))
    ]
    assert len(set(drawn)) == 3
