"""What actions cost, exactly, on a real chain."""

from __future__ import annotations

import json

import pytest

from scripts.gas_snapshot import NUM_ROUNDS, SNAPSHOT, Measurement, measure_on_new_chain


@pytest.fixture(scope="module")
def measurement() -> Measurement:
    return measure_on_new_chain()


def test_no_action_costs_other_than_the_snapshot_says(measurement: Measurement) -> None:
    snapshot = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    assert measurement.gas == snapshot, "run scripts/gas_snapshot.py and look at the difference"


def test_a_submission_costs_at_most_45000_gas(measurement: Measurement) -> None:
    assert max(max(costs) for costs in measurement.submissions) <= 45_000


def test_a_submission_costs_the_same_in_every_round_and_at_every_place(
    measurement: Measurement,
) -> None:
    assert len(measurement.submissions) == NUM_ROUNDS
    # The last of a round closes collection as well.
    assert len({cost for costs in measurement.submissions for cost in costs[:-1]}) == 1
    assert len({costs[-1] for costs in measurement.submissions}) == 1


def test_to_commit_and_to_reveal_cost_at_most_50000_gas_each(measurement: Measurement) -> None:
    assert measurement.gas["commit to an update"] <= 50_000
    assert measurement.gas["reveal an update"] <= 50_000


def test_a_round_is_finalized_for_at_most_60000_gas(measurement: Measurement) -> None:
    assert measurement.gas["finalize, with the next round"] <= 60_000
