"""Training again on the same data yields what is on record, and on other data it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eth_account.signers.local import LocalAccount

from fl_chain.errors import UsageError
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.join import build_trainer
from fl_chain.roles.journal import Journal
from fl_chain.roles.participant import ParticipantRole
from fl_chain.roles.replay_training import replay_training
from fl_chain.roles.task_history import Row
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.models import build_model
from fl_chain.training.partitioners import IidPartitioner
from fl_chain.training.trainer import TrainingResult
from tests.faults.test_roles import Steady, in_background, participant
from tests.world import Federation, World, assert_passes

NUM_ROUNDS = 2


class Other(Steady):
    """Has other data: three parameters come out differently."""

    def train(self, parameters: Any, *, seed: int, **more: Any) -> TrainingResult:
        result = super().train(parameters, seed=seed, **more)
        first = next(iter(result.parameter_delta.values()))
        first.reshape(-1)[:3] += np.float32(0.5)
        return result


def train(world: World, directory: Path, *, measurements: bool, **options: Any) -> Federation:
    """Run a task with real roles."""
    federation = world.federation(2, num_rounds=NUM_ROUNDS, measurements=measurements, **options)
    roles = [participant(federation, index, world.store, directory) for index in range(2)]
    threads = in_background(*roles)
    ledger = federation.ledger(federation.coordinator)
    keys = federation.ring(federation.aggregator_address(0))
    AggregatorRole(ledger, world.store, keys=keys).run()
    for thread in threads:
        thread.join()
    ledger.close()
    return federation


def own_trainer(federation: Federation, index: int) -> LocalSgd:
    """Return the trainer of a participant on its part of the digits."""
    recipe = federation.manifest.recipe
    divider = IidPartitioner(num_partitions=2, seed=recipe.seed)
    part = divider.load_partition(load_dataset("digits").train, index)
    few = part.subset(np.arange(60))
    module = build_model(recipe.model, recipe.seed)
    return build_trainer(recipe, federation.manifest.layout, few, module)


def replay(
    federation: Federation, trainer: Any, only: int | None = None, by: LocalAccount | None = None
) -> list[Row]:
    follower = TaskFollower(federation.ledger(by), federation.store)
    follower.refresh()
    who = federation.address_of(0)
    return list(replay_training(follower, federation.store, trainer, who, only))


@pytest.mark.parametrize("measurements", [True, False])
def test_the_same_data_yield_what_is_on_record_and_others_do_not(
    world: World, tmp_path: Path, measurements: bool
) -> None:
    federation = train(world, tmp_path, measurements=measurements)
    rows = replay(federation, Steady(federation))
    assert [(row["round"], row["is_same"], row["differing"]) for row in rows] == [
        (1, True, 0),
        (2, True, 0),
    ]
    assert all(row["update"] == row["replayed"] for row in rows)
    (second,) = replay(federation, Other(federation), 2)
    assert (second["round"], second["is_same"], second["differing"]) == (2, False, 3)
    with pytest.raises(UsageError, match="no update of its own on record in round 9"):
        replay(federation, Steady(federation), 9)


def test_who_has_the_data_and_not_the_key_cannot_repeat_the_rounding_of_a_sealed_update(
    world: World, tmp_path: Path
) -> None:
    """Or the digest on record would tell whether a guess of the data is right."""
    privacy = {"mode": "sealed"}
    federation = train(world, tmp_path, measurements=False, privacy=privacy)
    owner, other = federation.participants
    found = replay(federation, Steady(federation), by=owner)
    assert [row["is_same"] for row in found] == [True, True]
    found = replay(federation, Steady(federation), by=other)
    assert [row["is_same"] for row in found] == [False, False]
    with pytest.raises(UsageError, match="no key to derive from"):
        replay(federation, Steady(federation))


@pytest.mark.parametrize(("measurements", "is_same"), [(True, None), (False, True)])
def test_an_update_that_is_missing_is_needed_for_what_it_measured_only(
    world: World, tmp_path: Path, measurements: bool, is_same: bool | None
) -> None:
    federation = train(world, tmp_path, measurements=measurements)
    update = next(
        u for u in federation.task.rounds[1].updates if u.participant == federation.address_of(0)
    )
    world.block_file(cid_from_digest(update.cid_digest, 1)).unlink()
    (row,) = replay(federation, Steady(federation), 1)
    assert (row["is_same"], row["differing"]) == (is_same, None)
    assert (row["replayed"] is None) == measurements


class Restarted:
    """A participant that is started anew for every step, and knows what its journal knows."""

    def __init__(self, federation: Federation, index: int, directory: Path) -> None:
        self._federation, self._index, self._directory = federation, index, directory
        self._ledger = federation.ledger(federation.participants[index])
        assert federation.manifest, "is read once, before there are threads"

    def run(self) -> None:
        is_over = False
        while not is_over:
            trainer = own_trainer(self._federation, self._index)
            with Journal(self._directory) as journal:
                store = self._federation.store
                is_over = ParticipantRole(self._ledger, store, trainer, journal).step()


@pytest.mark.parametrize(
    "terms",
    [
        {"recipe": {"algorithm": "scaffold", "reference_steps": 6}},
        {"recipe": {"shared": ["output.*"]}},
        {"encoding": {"lane_bits": 8, "one_block_in": 3}, "optimizer": {"name": "yogi"}},
        {"encoding": {"lane_bits": 12, "one_block_in": 3}},
    ],
    ids=["control variates", "layers of its own", "values not sent yet", "packed lanes"],
)
def test_what_depends_on_the_rounds_before_is_trained_again_with_them(
    world: World, tmp_path: Path, terms: dict[str, dict[str, Any]]
) -> None:
    federation = world.federation(2, num_rounds=4, **terms)
    roles = [Restarted(federation, index, tmp_path / str(index)) for index in range(2)]
    threads = in_background(*roles)
    AggregatorRole(federation.ledger(federation.coordinator), world.store).run()
    for thread in threads:
        thread.join()
    rows = replay(federation, own_trainer(federation, 0))
    assert [(row["round"], row["is_same"]) for row in rows] == [(n, True) for n in (1, 2, 3, 4)]
    (third,) = replay(federation, own_trainer(federation, 0), 3)
    assert (third["round"], third["is_same"], third["differing"]) == (3, True, 0)
    (foreign,) = replay(federation, own_trainer(federation, 1), 3)
    assert foreign["is_same"] is False
    assert_passes(federation.audit(), 4)
