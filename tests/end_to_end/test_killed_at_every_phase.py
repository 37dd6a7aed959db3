"""A role that is killed with SIGKILL and started again finishes the task as if nothing had been."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.end_to_end.doomed import (
    AGGREGATOR_POINTS,
    COMMITTED_POINTS,
    COMMITTEE_POINTS,
    PARTICIPANT_POINTS,
    Orders,
    start,
)
from tests.world import Federation, World, assert_passes

NUM_ROUNDS = 2
JOIN_SECONDS = 60


def orders(federation: Federation, who: int, point: str, directory: Path) -> Orders:
    """Orders for a participant (1, 2), or for the coordinator (0) or another as an aggregator."""
    world = federation.world
    return Orders(
        role="participant" if who in (1, 2) else "aggregator",
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


def run_with_a_death(
    federation: Federation, directory: Path, doomed: int, point: str, everybody: Sequence[int]
) -> dict[int, int]:
    """Run a task in which one process dies and is started again; return transactions sent."""
    world = federation.world
    before = {who: num_transactions(world, who) for who in everybody}
    others = [start(orders(federation, who, "", directory)) for who in everybody if who != doomed]
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
    return {who: num_transactions(world, who) - before[who] for who in everybody}


@pytest.mark.parametrize("point", PARTICIPANT_POINTS)
def test_a_participant_submits_once_wherever_it_was_killed(
    world: World, tmp_path: Path, point: str
) -> None:
    federation = world.federation(2, num_rounds=NUM_ROUNDS)
    sent = run_with_a_death(federation, tmp_path, 1, point, range(3))
    assert sent == {0: 2 * NUM_ROUNDS, 1: NUM_ROUNDS, 2: NUM_ROUNDS}


@pytest.mark.parametrize("point", COMMITTED_POINTS)
def test_a_participant_reveals_what_it_committed_to_wherever_it_was_killed(
    world: World, tmp_path: Path, point: str
) -> None:
    federation = world.federation(2, num_rounds=NUM_ROUNDS, commit_seconds=600)
    sent = run_with_a_death(federation, tmp_path, 1, point, range(3))
    # A commitment and a reveal each: the trainer of these processes never makes an update twice.
    assert sent == {0: 2 * NUM_ROUNDS, 1: 2 * NUM_ROUNDS, 2: 2 * NUM_ROUNDS}
    for history in federation.task.rounds.values():
        assert len(history.commitments) == 2


@pytest.mark.parametrize("point", AGGREGATOR_POINTS)
def test_an_aggregator_proposes_once_wherever_it_was_killed(
    world: World, tmp_path: Path, point: str
) -> None:
    federation = world.federation(2, num_rounds=NUM_ROUNDS)
    sent = run_with_a_death(federation, tmp_path, 0, point, range(3))
    assert sent == {0: 2 * NUM_ROUNDS, 1: NUM_ROUNDS, 2: NUM_ROUNDS}


@pytest.mark.parametrize("doomed", [3, 4], ids=["proposes first", "attests first"])
@pytest.mark.parametrize("point", COMMITTEE_POINTS)
def test_an_aggregator_of_a_committee_says_one_thing_once_wherever_it_was_killed(
    world: World, tmp_path: Path, point: str, doomed: int
) -> None:
    federation = world.federation(
        2, aggregators=2, quorum=2, bond_gwei=1, num_rounds=NUM_ROUNDS, challenge_seconds=600
    )
    sent = run_with_a_death(federation, tmp_path, doomed, point, range(1, 5))
    # A bond, a proposal and an attestation of each; nobody pays for a finalization.
    assert sent == {1: NUM_ROUNDS, 2: NUM_ROUNDS, 3: 3, 4: 3}
    members = federation.task.committee.members.values()
    assert [(member.bond, member.barred_in) for member in members] == [(10**9, 0)] * 2
    for number, history in federation.task.rounds.items():
        assert history.proposal is not None
        assert history.proposal.proposer == federation.aggregator_address((number - 1) % 2)
        assert len(history.attestations) == 1
        assert history.rejected == []
