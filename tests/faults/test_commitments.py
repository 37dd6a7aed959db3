"""Participants that commit: late, without a memory, or with clocks that disagree."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.devnet import start_chain_node
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.phases import Phase
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.storage.store import ContentStore
from tests.faults.test_roles import in_background, participant
from tests.world import Federation, World, assert_passes

Told = list[tuple[str, dict[str, Any]]]


def note_in(told: Told) -> Callable[[str, dict[str, Any]], None]:
    return lambda event, values: told.append((event, values))


def aggregate(federation: Federation) -> threading.Thread:
    role = AggregatorRole(federation.ledger(federation.coordinator), federation.store)
    thread = threading.Thread(target=role.run, daemon=True)
    thread.start()
    return thread


def test_participants_commit_reveal_and_are_audited(world: World, tmp_path: Path) -> None:
    federation = world.federation(num_rounds=2, commit_seconds=600)
    told: Told = []
    roles = [
        participant(federation, index, world.store, tmp_path, progress=note_in(told))
        for index in range(3)
    ]
    threads = [*in_background(*roles), aggregate(federation)]
    for thread in threads:
        thread.join()
    assert_passes(federation.audit(), num_rounds=2)
    events = [event for event, _ in told]
    assert events.count("committed") == events.count("submitted") == 6
    assert "missed" not in events
    for history in federation.task.rounds.values():
        last_commitment = max(record.timestamp for record in history.commitments)
        assert all(record.timestamp >= last_commitment for record in history.updates)


def test_participants_that_commit_too_late_miss_the_round_and_go_on(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(num_rounds=3, min_updates=1, target_updates=2, commit_seconds=600)
    roles = [participant(federation, index, world.store, tmp_path) for index in range(3)]
    for thread in [*in_background(*roles), aggregate(federation)]:
        thread.join()
    assert_passes(federation.audit(), num_rounds=3)
    for history in federation.task.rounds.values():
        assert len(history.commitments) == len(history.updates) == 2


def test_who_lost_the_update_that_it_committed_to_says_so_and_takes_part_in_the_next_round(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(num_rounds=2, min_updates=2, commit_seconds=600)
    forgetful = participant(federation, 0, world.store, tmp_path)
    while not federation.task.has_committed(federation.address_of(0)):
        forgetful.step()
    forgetful._maker._journal.close()
    (tmp_path / "0" / "update.json").unlink()
    told: Told = []
    again = participant(federation, 0, world.store, tmp_path, progress=note_in(told))
    others = [participant(federation, index, world.store, tmp_path) for index in (1, 2)]
    threads = [*in_background(again, *others), aggregate(federation)]
    while len(federation.task.rounds[1].updates) < 2 or "missed" not in dict(told):
        time.sleep(0.05)
    world.advance_clock(federation.task.parameters.collect_seconds + 1)
    for thread in threads:
        thread.join()
    assert_passes(federation.audit(), num_rounds=2)
    missed = [values for event, values in told if event == "missed"]
    assert [values["round"] for values in missed] == [1]
    assert "journal" in missed[0]["reason"]
    assert [len(history.updates) for history in federation.task.rounds.values()] == [2, 3]


class _Seen(Exception):
    """Ends a participant that pins."""


class _Watched:
    def __init__(self, store: ContentStore) -> None:
        self._store = store

    def put(self, data: bytes) -> Cid:
        raise _Seen

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        return self._store.get(cid, max_bytes=max_bytes)


def test_nothing_is_shown_while_a_late_block_could_still_bring_a_commitment(
    world: World, tmp_path: Path
) -> None:
    """The chain has no block after the time to commit: its clock may be behind this one."""
    node = start_chain_node("anvil", tmp_path / "chain", port=0)
    try:
        connection = ChainConnection(node.rpc_url)
        own = replace(world, connection=connection, _accounts=[])
        federation = own.federation(min_updates=2, commit_seconds=8, collect_seconds=16)
        role = participant(federation, 0, _Watched(world.store), tmp_path)
        address = federation.address_of(0)
        while not federation.task.has_committed(address):
            role.step()
        federation.commit(1, federation.update(1))
        until = federation.task.commit_until
        with pytest.raises(_Seen):
            role.run()
        assert int(time.time()) >= until + 4
        assert federation.task.phase(federation.follower.now) == Phase.COLLECTING
        assert federation.follower.block_time <= until
    finally:
        node.process.stop()


def test_nothing_is_waited_for_once_a_block_is_past_the_time_to_commit(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(min_updates=2, commit_seconds=1000, collect_seconds=4000)
    role = participant(federation, 0, _Watched(world.store), tmp_path)
    while not federation.task.has_committed(federation.address_of(0)):
        role.step()
    federation.commit(1, federation.update(1))
    world.advance_clock(1001)
    start = time.monotonic()
    with pytest.raises(_Seen):
        role.run()
    assert time.monotonic() - start < 4
