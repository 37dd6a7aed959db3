"""Updates that an aggregator fetches several at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from fl_chain.protocol.cid import Cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.roles import examination
from fl_chain.roles.examination import Examination, MapAtOnce
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.progress import ignore_progress
from fl_chain.roles.thread_crew import ThreadCrew
from fl_chain.storage.store import ContentStore
from tests.world import Federation, World

WAIT_SECONDS = 30


class Meeting:
    """A store that gives nothing until several ask for something at the same time."""

    def __init__(self, store: ContentStore, asking: int) -> None:
        self._store = store
        self._barrier = threading.Barrier(asking, timeout=WAIT_SECONDS)

    def put(self, data: bytes) -> Cid:
        return self._store.put(data)

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        self._barrier.wait()
        return self._store.get(cid, max_bytes=max_bytes)


class Counted:
    """Maps one after the other, and knows what it was asked to map."""

    def __init__(self) -> None:
        self.groups = list[list[int]]()

    def __call__(self, function: Callable[[Any], Any], records: list[Any]) -> Iterable[Any]:
        self.groups.append([record.sequence for record in records])
        return map(function, records)


def examine(
    federation: Federation, map_at_once: MapAtOnce, store: ContentStore | None = None
) -> Examination:
    follower = TaskFollower(federation.ledger(), federation.store)
    follower.refresh()
    follower.base_model()
    made = Examination(follower, store or federation.store, ignore_progress, 5, map_at_once)
    assert made.look()
    assert not made.look()
    return made


def derive(examined: Examination, federation: Federation) -> tuple[bytes, bytes]:
    assert examined.aggregation is not None
    derived = examined.aggregation.derive(federation.follower.base_model())
    return derived.model, derived.report


def test_what_is_fetched_at_once_makes_what_is_fetched_one_by_one(world: World) -> None:
    federation = world.federation(num_rounds=1)
    federation.submit_honestly()
    with ThreadCrew(3) as crew:
        at_once = examine(federation, crew.map, Meeting(federation.store, 3))
    assert derive(at_once, federation) == derive(examine(federation, map), federation)


@pytest.mark.parametrize(
    ("num_blobs", "groups"), [(0.5, [[0], [1], [2]]), (2.5, [[0, 1], [2]]), (99, [[0, 1, 2]])]
)
def test_no_more_bytes_are_fetched_at_once_than_the_bound_but_for_one_update(
    world: World, monkeypatch: pytest.MonkeyPatch, num_blobs: float, groups: list[list[int]]
) -> None:
    federation = world.federation(num_rounds=1)
    federation.submit_honestly()
    examined = examine(federation, map)
    assert examined.aggregation is not None
    bound = int(num_blobs * examined.aggregation.fetch_bytes)
    monkeypatch.setattr(examination, "BYTES_AT_ONCE", bound)
    counted = Counted()
    examine(federation, counted)
    assert counted.groups == groups


def test_no_more_updates_are_fetched_at_once_than_the_bound(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    federation = world.federation(num_rounds=1)
    federation.submit_honestly()
    monkeypatch.setattr(examination, "FETCHES_AT_ONCE", 2)
    counted = Counted()
    examine(federation, counted)
    assert counted.groups == [[0, 1], [2]]


def test_of_one_participant_no_update_is_asked_for_before_the_one_ahead_of_it(
    world: World,
) -> None:
    federation = world.federation(aggregators=2, list_seconds=300, num_rounds=1, min_updates=1)
    late = federation.update(0, federation.lanes(7))
    entries = [federation.entry(0, late, pin=False), federation.entry(0), federation.entry(1)]
    federation.list_updates(0, *entries)
    federation.end_collection()
    counted = Counted()
    examined = examine(federation, counted)
    assert counted.groups == [[0, 2], [0]]
    assert (examined.pending(), examined.missing()) == ([0, 1], [0])
    federation.store.put(late)
    assert examined.look()
    assert counted.groups[2:] == [[0]]
    assert examined.pending() == []
    model, _ = derive(examined, federation)
    federation.aggregate()
    assert federation.exclusions() == [(1, "duplicate")]
    finalized = federation.task.rounds[1].finalized
    assert finalized is not None
    assert finalized.model_digest == compute_digest(model)
