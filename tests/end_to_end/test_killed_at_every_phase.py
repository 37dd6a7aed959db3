"""A role that is killed with SIGKILL and started again finishes the task as if nothing had been."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.end_to_end.doomed import AGGREGATOR_POINTS, PARTICIPANT_POINTS, Orders, start
from tests.world import Federation, World, assert_passes

NUM_ROUNDS = 2
JOIN_SECONDS = 60


def orders(federation: Federation, who: int, point: str, directory: Path) -> Orders:
    """Orders for the aggregator (0) or for a participant (1, 2)."""
    world = federation.world
    return Orders(
        role="participant" if who else "aggregator",
        point=point,
        rpc_url=world.connection.rpc_url,
        ipfs=world.ipfs_address,
        task=federation.address,
        key=world.account(who).key.hex(),
        directory=directory / str(who),
    )


def num_transactions(world: World, who: int) -> int:
    address = str(world.account(who).address)
    return int(world.connection.call("eth_getTransactionCount", address, "latest"), 16)


def run_with_a_death(world: World, directory: Path, doomed: int, point: str) -> dict[int, int]:
    """Run a task in which one process dies and is started again; return transactions sent."""
    federation = world.federation(2, num_rounds=NUM_ROUNDS)
    before = {who: num_transactions(world, who) for who in range(3)}
    others = [start(orders(federation, who, "", directory)) for who in range(3) if who != doomed]
    dying = start(orders(federation, doomed, point, directory))
    dying.join(JOIN_SECONDS)
    assert dying.exitcode == -signal.SIGKILL
    again = start(orders(federation, doomed, "", directory))
    for process in (again, *others):
        process.join(JOIN_SECONDS)
        assert process.exitcode == 0
    assert_passes(federation.audit(), num_rounds=NUM_ROUNDS)
    rounds = federation.task.rounds
    assert [len(history.updates) for history in rounds.values()] == [2] * NUM_ROUNDS
    return {who: num_transactions(world, who) - before[who] for who in range(3)}


@pytest.mark.parametrize("point", PARTICIPANT_POINTS)
def test_a_participant_submits_once_wherever_it_was_killed(
    world: World, tmp_path: Path, point: str
) -> None:
    sent = run_with_a_death(world, tmp_path, 1, point)
    assert sent == {0: 2 * NUM_ROUNDS, 1: NUM_ROUNDS, 2: NUM_ROUNDS}


@pytest.mark.parametrize("point", AGGREGATOR_POINTS)
def test_an_aggregator_proposes_once_wherever_it_was_killed(
    world: World, tmp_path: Path, point: str
) -> None:
    sent = run_with_a_death(world, tmp_path, 0, point)
    assert sent == {0: 2 * NUM_ROUNDS, 1: NUM_ROUNDS, 2: NUM_ROUNDS}
