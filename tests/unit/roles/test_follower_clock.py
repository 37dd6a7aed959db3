"""What time a follower takes it to be, from the blocks that it has seen and from its own clocks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fl_chain.chain.memory import MemoryChain
from fl_chain.chain.memory_ledger import MemoryLedger
from fl_chain.chain.memory_registry import MemoryRegistry
from fl_chain.protocol.records import TaskParameters
from fl_chain.roles import follower as module
from fl_chain.roles.follower import TaskFollower
from fl_chain.storage.memory import MemoryStore

OWNER = "0x" + "c0" * 20
WORD = b"\1" * 32
OURS = 1_800_000_000.0


class Clocks:
    """Ours, which the test sets, and that of the chain's blocks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lead: int) -> None:
        self.passed, self.mined = 0.0, OURS + lead
        ours = SimpleNamespace(
            time=lambda: OURS + self.passed, monotonic=lambda: 50.0 + self.passed
        )
        monkeypatch.setattr(module, "time", ours)
        parameters = TaskParameters(
            *(OWNER, OWNER, WORD, WORD, WORD, WORD),
            *(3, 1, 5, 10, 100, 50, 0, 0, 0, 1, 8, 9, 0),
            False,
        )

        def read() -> float:
            return self.mined

        registry = MemoryRegistry(OWNER, clock=read)
        chain = MemoryChain(OWNER, parameters, [OWNER], registry, read)
        self.follower = TaskFollower(MemoryLedger(chain, OWNER), MemoryStore())
        self.follower.refresh()

    def let_pass(self, seconds: float) -> int:
        self.passed += seconds
        self.follower.refresh()
        return self.follower.now


def test_time_passes_on_a_chain_that_is_ahead_though_nobody_mines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks = Clocks(monkeypatch, lead=3600)
    assert clocks.let_pass(0) == OURS + 3600
    assert clocks.let_pass(7) == OURS + 3607
    assert clocks.let_pass(5000) == OURS + 8607


def test_a_chain_that_is_behind_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch, lead=-3600)
    assert clocks.let_pass(7) == OURS + 7


def test_a_block_may_show_that_a_chain_is_further_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch, lead=10)
    clocks.mined += 100
    assert clocks.let_pass(0) == OURS + 110
    assert clocks.let_pass(1) == OURS + 111
