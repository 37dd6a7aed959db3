"""When an aggregator makes its list, and of what; and what a participant finds in one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from eth_account import Account

from fl_chain.chain.memory import MemoryChain
from fl_chain.chain.memory_ledger import MemoryLedger
from fl_chain.chain.memory_registry import MemoryRegistry
from fl_chain.errors import RelayRefused
from fl_chain.protocol.actions import Admit, Enrol, SubmitUpdate
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.manifest import decode_manifest
from fl_chain.protocol.records import TaskParameters
from fl_chain.protocol.signed_update import Handover, SignedUpdate, compute_update_message
from fl_chain.protocol.update_list import compute_list_bytes, decode_update_list
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.intake import Intake
from fl_chain.roles.listed import ListSearch
from fl_chain.roles.lister import Lister
from fl_chain.storage.memory import MemoryStore
from tests import golden
from tests.unit.roles.test_relay import Clock

WORD = b"\1" * 32
COORDINATOR = "0x" + "c0" * 20
AGGREGATOR = "0x" + "a9" * 20
LIST_SECONDS = 40


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still."""
    return Clock(monkeypatch)


class Task:
    """A task of five participants with lists, and the lister of its aggregator."""

    def __init__(self, clock: Clock) -> None:
        self.accounts = [Account.from_key((2**200 + index).to_bytes(32)) for index in range(5)]
        addresses = [str(account.address).lower() for account in self.accounts]
        parameters = TaskParameters(
            *(*["0x" + "12" * 20] * 2, *[WORD] * 4),
            *(3, 1, 5, 10, 100, 50, 0, 0, 0, 1, 8, 9, 0, False),
            LIST_SECONDS,
        )
        registry = MemoryRegistry(COORDINATOR, clock=clock)
        registry.carry_out(COORDINATOR, Enrol(tuple(addresses)))
        self.chain = MemoryChain(COORDINATOR, parameters, [AGGREGATOR], registry, clock)
        self.chain.carry_out(COORDINATOR, Admit(tuple(addresses)))
        self.ledgers = [
            MemoryLedger(self.chain, address, account)
            for address, account in zip(addresses, self.accounts, strict=True)
        ]
        self.store = MemoryStore()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.follower = TaskFollower(MemoryLedger(self.chain, AGGREGATOR), self.store)
        self.intake = Intake(
            TaskFollower(MemoryLedger(self.chain, ""), self.store), is_for_lists=True
        )
        self.intake.refresh()
        self.lister = Lister(
            self.intake,
            self.follower,
            self.store,
            lambda event, values: self.events.append((event, values)),
            1,
        )

    def work(self) -> bool:
        self.follower.refresh()
        return self.lister.work()

    def sign(self, who: int, weight: int = 5) -> Handover:
        what = (WORD, WORD, weight)
        signature = self.ledgers[who].sign(compute_update_message(1, *what))
        return Handover(self.chain.chain_id, self.chain.address, 1, SignedUpdate(*what, signature))

    def participants_of_list(self) -> list[str]:
        listed = self.chain.task.rounds[1].lists[0]
        size = compute_list_bytes(listed.count)
        cid = cid_from_digest(listed.cid_digest, size)
        entries = decode_update_list(self.store.get(cid, max_bytes=size)).entries
        return [entry.participant for entry in entries if entry]


@pytest.fixture(autouse=True)
def manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every task have some manifest: of it only the task id counts here."""
    document = decode_manifest(rfc8785.dumps(golden.load("aggregate/round.json")["manifest"]))
    monkeypatch.setattr(TaskFollower, "manifest", property(lambda self: document))


def test_a_list_is_made_as_soon_as_all_have_handed_in_or_submitted(clock: Clock) -> None:
    task = Task(clock)
    task.ledgers[2].send(SubmitUpdate(1, WORD, WORD, 5))
    for who in (3, 0, 1):
        task.intake.take(task.sign(who))
    assert not task.work()
    task.intake.take(task.sign(4))
    assert task.work()
    assert task.participants_of_list() == [task.ledgers[who].sender for who in (3, 0, 1, 4)]
    assert [event for event, _ in task.events] == ["listed"]
    assert task.chain.task.current.num_updates == 5
    assert not task.work()


def test_a_list_of_what_there_is_is_made_before_the_time_is_over(clock: Clock) -> None:
    task = Task(clock)
    task.intake.take(task.sign(0))
    clock.now += LIST_SECONDS - 6
    assert not task.work()
    clock.now += 1
    assert task.work()
    assert task.participants_of_list() == [task.ledgers[0].sender]


def test_nothing_is_listed_of_nothing_or_too_late(clock: Clock) -> None:
    task = Task(clock)
    clock.now += LIST_SECONDS
    assert not task.work()
    task.intake.take(task.sign(0))
    clock.now += 1
    assert not task.work()
    assert task.events == []


def test_what_comes_after_the_list_is_refused_and_what_is_in_it_is_not(clock: Clock) -> None:
    task = Task(clock)
    task.intake.take(task.sign(0))
    clock.now += LIST_SECONDS - 1
    assert task.work()
    task.intake.take(task.sign(0))
    with pytest.raises(RelayRefused, match="the list of round 1 is made"):
        task.intake.take(task.sign(1))
    clock.now += 2
    with pytest.raises(RelayRefused, match="takes no lists any more"):
        task.intake.take(task.sign(1))


def test_a_participant_finds_what_it_signed_and_nothing_else(clock: Clock) -> None:
    task = Task(clock)
    handover = task.sign(0)
    task.intake.take(handover)
    follower = TaskFollower(task.ledgers[0], task.store)
    follower.refresh()
    search = ListSearch(follower, task.store)
    assert not search.finds(handover)
    clock.now += LIST_SECONDS - 1
    assert task.work()
    follower.refresh()
    assert search.finds(handover)
    other = replace(handover, update=replace(handover.update, digest=b"\2" * 32))
    assert not ListSearch(follower, task.store).finds(other)
    stranger = TaskFollower(task.ledgers[1], task.store)
    stranger.refresh()
    assert not ListSearch(stranger, task.store).finds(handover)
    assert not ListSearch(follower, MemoryStore()).finds(handover)
