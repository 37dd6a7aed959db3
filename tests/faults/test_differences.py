"""Reports that name what a model differs by: who has the base model fetches no more than that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fl_chain.aggregation.difference import encode_difference
from fl_chain.errors import BlobUnavailable
from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.protocol.report import decode_report, encode_report
from fl_chain.roles.follower import TaskFollower
from tests.world import Federation, World, assert_passes, problems


class Watched:
    """A store that notes what was fetched, and lacks some of it."""

    def __init__(self, federation: Federation, *lost: Cid) -> None:
        self._store = federation.store
        self._lost = set(lost)
        self.fetched: list[Cid] = []

    def get(self, cid: Cid, max_bytes: int) -> bytes:
        if cid in self._lost:
            raise BlobUnavailable(f"no node provides {cid}")
        self.fetched.append(cid)
        return self._store.get(cid, max_bytes=max_bytes)


def finish(world: World, num_rounds: int, **options: Any) -> Federation:
    federation = world.federation(2, num_rounds=num_rounds, **options)
    for _ in range(num_rounds):
        federation.run_round()
    return federation


def follow(federation: Federation, store: Watched, *known: int) -> TaskFollower:
    """Return a follower that has the models of these rounds."""
    follower = TaskFollower(federation.ledger(), store)  # type: ignore[arg-type]
    follower.refresh()
    assert follower.manifest
    for number in known:
        follower.model(number)
    store.fetched.clear()
    return follower


def report_cid(federation: Federation, number: int) -> Cid:
    proposal = federation.task.rounds[number].proposal
    assert proposal is not None
    return Cid(0x55, proposal.report_cid_digest)


def difference_cid(federation: Federation, number: int) -> Cid:
    report = federation.store.get(report_cid(federation, number), max_bytes=2**20)
    named = decode_report(report).difference
    assert named is not None
    return Cid.parse(named)


@pytest.mark.parametrize("optimizer", [{}, {"name": "adam"}])
def test_who_has_the_base_model_fetches_report_and_difference_alone(
    world: World, optimizer: dict[str, object]
) -> None:
    federation = finish(world, 3, differences=True, optimizer=optimizer)
    store = Watched(federation)
    follower = follow(federation, store, 0)
    moved = [follower.model(number) for number in (1, 2, 3)]
    assert store.fetched == [
        cid
        for number in (1, 2, 3)
        for cid in (report_cid(federation, number), difference_cid(federation, number))
    ]
    for number, model in enumerate(moved, start=1):
        whole = follow(federation, Watched(federation)).model(number)
        assert (model == whole).all()
    assert_passes(federation.audit(), 3)


def test_who_has_another_model_or_none_fetches_the_model(world: World) -> None:
    federation = finish(world, 3, differences=True)
    store = Watched(federation)
    follower = follow(federation, store)
    follower.model(1)
    follower.model(3)
    assert store.fetched == [follower.locate_model(number)[1] for number in (1, 3)]


@pytest.mark.parametrize("find", [report_cid, difference_cid])
def test_a_difference_that_nobody_provides_costs_no_more_than_the_model(
    world: World, find: Callable[[Federation, int], Cid]
) -> None:
    federation = finish(world, 1, differences=True)
    store = Watched(federation, find(federation, 1))
    follower = follow(federation, store, 0)
    follower.model(1)
    assert store.fetched[-1] == follower.locate_model(1)[1]
    assert_passes(federation.audit(), 1)


def test_no_report_names_a_difference_where_the_task_has_none(world: World) -> None:
    federation = finish(world, 1)
    store = Watched(federation)
    follower = follow(federation, store)
    follower.model(0)
    follower.model(1)
    assert store.fetched == [follower.locate_model(number)[1] for number in (0, 1)]
    report = federation.store.get(report_cid(federation, 1), max_bytes=2**20)
    assert decode_report(report).difference is None


@pytest.mark.parametrize("kind", ["of another model", "no difference", "too large"])
def test_a_report_that_names_something_else_misleads_nobody_and_the_audit_says_so(
    world: World, kind: str
) -> None:
    federation = world.federation(2, num_rounds=1, differences=True)
    federation.submit_honestly()
    derived = federation.derive()
    base = federation.follower.base_model()
    lies = {
        "of another model": encode_difference(base, base + 1),
        "no difference": b"\xff" * 40,
        "too large": bytes(10**6),
    }
    federation.store.put(lies[kind])
    told = replace(decode_report(derived.report), difference=str(compute_cid(lies[kind])))
    federation.propose(derived.model, encode_report(told))
    federation.finalize()
    store = Watched(federation)
    follower = follow(federation, store)
    follower.model(0)
    assert (follower.model(1) == follow(federation, Watched(federation)).model(1)).all()
    assert store.fetched[-1] == follower.locate_model(1)[1]
    assert problems(federation.audit()) == [(1, "aggregate", "FAIL")]
