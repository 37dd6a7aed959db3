"""What a relay takes, and when it hands in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account

from fl_chain.chain.memory import MemoryChain
from fl_chain.chain.memory_ledger import MemoryLedger
from fl_chain.chain.memory_registry import MemoryRegistry
from fl_chain.errors import RelayRefused
from fl_chain.protocol.actions import Abort, Admit, Enrol, SubmitUpdate
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import TaskParameters
from fl_chain.protocol.signed_update import Handover, SignedUpdate, compute_update_message
from fl_chain.roles import relay as module
from fl_chain.roles.relay import RelayRole
from fl_chain.storage.memory import MemoryStore

WORD = b"\1" * 32
START = 2_000_000_000.0


class Clock:
    """Block time and the relay's own, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = START
        monkeypatch.setattr("time.time", lambda: self.now)
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def __call__(self) -> float:
        return self.now


class Task:
    """A task of some participants, and a relay that steps when told."""

    def __init__(self, clock: Clock, count: int = 5, **changes: Any) -> None:
        self.accounts = [Account.from_key((2**200 + index).to_bytes(32)) for index in range(count)]
        addresses = [str(account.address).lower() for account in self.accounts]
        parameters = TaskParameters(
            *(*["0x" + "12" * 20] * 2, *[WORD] * 4),
            *(3, 1, count, 10, 100, 50, 0, 0, 0, 1, 8, 9, 0, False, 0),
        )
        registry = MemoryRegistry("0x" + "c0" * 20, clock=clock)
        registry.carry_out("0x" + "c0" * 20, Enrol(tuple(addresses)))
        self.chain = MemoryChain(
            "0x" + "c0" * 20,
            replace(parameters, **changes),
            ["0x" + "a9" * 20],
            registry,
            clock,
        )
        self.chain.carry_out("0x" + "c0" * 20, Admit(tuple(addresses)))
        self.ledgers = [
            MemoryLedger(self.chain, str(account.address).lower(), account)
            for account in self.accounts
        ]
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.role = RelayRole(
            MemoryLedger(self.chain, "0x" + "be" * 20),
            MemoryStore(),
            wait_seconds=2,
            progress=lambda event, values: self.events.append((event, values)),
        )

    def sign(self, who: int, number: int = 1, weight: int = 5, digest: bytes = WORD) -> Handover:
        what = (digest, WORD, weight)
        signature = self.ledgers[who].sign(compute_update_message(number, *what))
        update = SignedUpdate(*what, signature)
        return Handover(self.chain.chain_id, self.chain.address, number, update)

    def refusal(self, handover: Handover) -> str:
        with pytest.raises(RelayRefused) as refused:
            self.role.intake.take(handover)
        return refused.value.message


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still."""
    return Clock(monkeypatch)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait in earnest."""
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.001)


@pytest.mark.usefixtures("at_once")
def test_everybodys_updates_are_handed_in_at_once(clock: Clock) -> None:
    task = Task(clock)
    for who in range(5):
        task.role.intake.take(task.sign(who))
    task.role.step()
    assert task.chain.task.current.num_updates == 5
    assert task.events == [("relayed", {"round": 1, "updates": 5, "gas": 0})]


@pytest.mark.usefixtures("at_once")
def test_the_first_update_waits_for_others_and_not_longer_than_told(clock: Clock) -> None:
    task = Task(clock)
    task.role.intake.take(task.sign(0))
    task.role.step()
    clock.now += 1.9
    task.role.intake.take(task.sign(1))
    task.role.step()
    assert task.chain.task.current.num_updates == 0
    clock.now += 0.2
    task.role.step()
    assert task.chain.task.current.num_updates == 2


@pytest.mark.usefixtures("at_once")
def test_the_deadline_is_not_waited_for(clock: Clock) -> None:
    task = Task(clock, collect_seconds=10)
    clock.now += 8.5
    task.role.intake.take(task.sign(0))
    task.role.step()
    assert task.chain.task.current.num_updates == 1


@pytest.mark.usefixtures("at_once")
def test_what_is_too_much_for_one_transaction_is_handed_in_in_several(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_SIZE", 2)
    task = Task(clock)
    for who in range(5):
        task.role.intake.take(task.sign(who))
    for _ in range(3):
        task.role.step()
    assert [values["updates"] for _, values in task.events] == [2, 2, 1]


def test_what_the_ledger_would_not_take_is_refused_at_the_door(clock: Clock) -> None:
    task = Task(clock)
    good = task.sign(0)
    assert "serves" in task.refusal(replace(good, ledger="0x" + "11" * 20))
    assert "serves" in task.refusal(replace(good, chain_id=good.chain_id + 1))
    assert "round 1 is COLLECTING" in task.refusal(task.sign(0, number=2))
    assert "weight" in task.refusal(task.sign(0, weight=0))
    assert "weight" in task.refusal(task.sign(0, weight=11))
    assert "zero" in task.refusal(task.sign(0, digest=bytes(32)))
    forged = replace(good, update=replace(good.update, weight=6))
    assert "no admitted participant" in task.refusal(forged)
    assert task.role.intake.follower.phase == Phase.COLLECTING


def test_the_same_update_is_taken_as_often_as_it_comes_and_another_is_not(clock: Clock) -> None:
    task = Task(clock)
    task.role.intake.take(task.sign(0))
    task.role.intake.take(task.sign(0))
    assert "on its way" in task.refusal(task.sign(0, weight=6))


@pytest.mark.usefixtures("at_once")
def test_who_has_submitted_needs_no_relay(clock: Clock) -> None:
    task = Task(clock)
    task.role.intake.take(task.sign(0))
    task.ledgers[0].send(SubmitUpdate(1, WORD, WORD, 5))
    task.role.step()
    assert "has submitted" in task.refusal(task.sign(0))
    assert task.events == []
    clock.now += 3
    task.role.step()
    assert task.chain.task.current.num_updates == 1
    assert task.events == []


@pytest.mark.usefixtures("at_once")
def test_what_belongs_to_a_round_that_is_over_is_forgotten(clock: Clock) -> None:
    task = Task(clock)
    task.role.intake.take(task.sign(0))
    clock.now += 101
    task.role.step()
    assert task.chain.task.current.num_updates == 0
    assert "takes no updates now" in task.refusal(task.sign(1))


@pytest.mark.usefixtures("at_once")
def test_nothing_is_taken_of_whom_no_budget_is_left_and_nobody_waits_for_it(clock: Clock) -> None:
    task = Task(clock, count=3, privacy_cost=2, privacy_budget=3, min_updates=1)
    for who in range(2):
        task.role.intake.take(task.sign(who))
    assert not task.role.intake.is_complete
    clock.now += 3
    task.role.step()
    clock.now += 101 + 50
    task.chain.carry_out("0x" + "be" * 20, Abort(1))
    refused = task.refusal(task.sign(0, number=2))
    assert refused.endswith("has spent its privacy budget")
    task.role.intake.take(task.sign(2, number=2))
    # The other two could never come.
    assert task.role.intake.is_complete
    task.role.step()
    assert task.chain.task.current.num_updates == 1
