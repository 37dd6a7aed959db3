"""NaN, infinity and lanes past the agreed bound.

Floats are caught at the one door, ``encode_update``: ``ValueOutOfRange``, so that no participant of
ours can submit them. Integers past ``max_abs`` are caught by ``RoundAggregation.add``: left out as
``out_of_range``; -32768 is the one whose magnitude does not fit its own type.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl_chain.aggregation.fixed_point import encode_update
from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.layout import unflatten
from fl_chain.roles.journal import Journal
from fl_chain.roles.participant import ParticipantRole
from fl_chain.training.evaluation import Evaluation
from fl_chain.training.trainer import Trainer, TrainingResult
from tests.world import Federation, World


@pytest.fixture
def federation(world: World) -> Federation:
    return world.federation(num_rounds=1, min_updates=2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("words", [None, np.zeros(3, np.uint32)], ids=["nearest", "stochastic"])
def test_what_is_not_finite_is_refused_at_the_door(value: float, words: Any) -> None:
    with pytest.raises(ValueOutOfRange, match="1 of 3 values"):
        encode_update(np.array([0.5, value, 0.0], np.float32), 15, 32767, words)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_participant_whose_training_diverged_submits_nothing(
    federation: Federation, tmp_path: Path, value: float
) -> None:
    class Diverged(Trainer):
        def train(self, parameters: Any, *, seed: int, **more: Any) -> TrainingResult:
            flat = np.full(sum(p.size for p in parameters.values()), value, np.float32)
            return TrainingResult(unflatten(flat, federation.manifest.layout), 10, 0.0, 0.0)

        def evaluate(self, parameters: Any, *, round_number: int = 1) -> Evaluation:
            return Evaluation(50, 5, 2.3)

    ledger = federation.ledger(federation.participants[0])
    role = ParticipantRole(ledger, federation.store, Diverged(), Journal(tmp_path))  # type: ignore[arg-type]
    with pytest.raises(ValueOutOfRange):
        role.run()
    ledger.close()
    assert federation.task.current.num_updates == 0


def test_huge_finite_deltas_are_clipped_to_the_bound() -> None:
    lanes = encode_update(np.array([1e30, -1e30], np.float32), 15, 32767, None)
    assert lanes.tolist() == [32767, -32767]


def test_the_lane_without_a_positive_counterpart_is_out_of_range(federation: Federation) -> None:
    federation.submit_honestly(0, 1)
    lanes = federation.lanes(1)
    lanes[-1] = -32768
    federation.submit(2, federation.update(2, lanes))
    federation.assert_left_out("out_of_range")


@pytest.mark.parametrize("value", [1001, -1001, 32767, -32768])
def test_a_lane_past_a_smaller_bound_is_out_of_range(world: World, value: int) -> None:
    federation = world.federation(num_rounds=1, min_updates=2, encoding={"max_abs": 1000})
    federation.submit_honestly(0, 1)
    lanes = federation.lanes(1)
    lanes[0] = value
    federation.submit(2, federation.update(2, lanes))
    federation.assert_left_out("out_of_range")


def test_the_bound_itself_is_in_range(world: World) -> None:
    federation = world.federation(num_rounds=1, encoding={"max_abs": 1000})
    federation.submit_honestly(0, 1)
    lanes = federation.lanes(1)
    lanes[:2] = 1000, -1000
    federation.submit(2, federation.update(2, lanes))
    federation.aggregate()
    assert federation.exclusions() == []


@pytest.mark.parametrize("weight", [0, 100_001, 2**32 - 1])
def test_a_weight_out_of_range_never_enters_the_ledger(federation: Federation, weight: int) -> None:
    from fl_chain.errors import TransactionRejected

    with pytest.raises(TransactionRejected) as refused:
        federation.submit(0, federation.update(0), weight=weight)
    assert refused.value.error == "WeightOutOfRange"
