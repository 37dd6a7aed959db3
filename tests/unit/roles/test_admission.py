"""A participant gets into a task by itself with a new key, or if the task is open."""

from __future__ import annotations

from typing import Any

import pytest

from fl_chain.chain.keys import sign_hash
from fl_chain.chain.memory import MemoryChain
from fl_chain.chain.memory_ledger import MemoryLedger
from fl_chain.chain.memory_registry import MemoryRegistry
from fl_chain.errors import UsageError
from fl_chain.protocol.actions import Admit, Enrol, Rotate, SubmitUpdate, Succeed
from fl_chain.protocol.attestation import compute_signing_hash, compute_succession
from fl_chain.protocol.records import TaskParameters
from fl_chain.roles.admission import seek_admission
from tests.world import make_account

ACCOUNTS = [make_account(index) for index in range(5)]
COORDINATOR, FIRST, SECOND, THIRD, STRANGER = (str(a.address).lower() for a in ACCOUNTS)
WORD = b"\1" * 32


def make_chain(is_open: bool) -> MemoryChain:
    registry = MemoryRegistry(COORDINATOR)
    registry.carry_out(COORDINATOR, Enrol((FIRST,)))
    windows, sizes = (2, 1, 2, 10, 100, 50, 0), (0, 0, 1, 8, 9)
    given = (registry.address, registry.address, *[WORD] * 4)
    parameters = TaskParameters(*given, *windows, *sizes, 0, is_open, 0)
    return MemoryChain(COORDINATOR, parameters, [COORDINATOR], registry)


def rotate(chain: MemoryChain, former: str, successor: int) -> None:
    keys = former, str(ACCOUNTS[successor].address).lower()
    registry = chain.registry
    message = compute_succession(*keys)
    signed = compute_signing_hash(registry.chain_id, registry.address, message)
    registry.carry_out(former, Rotate(*keys, sign_hash(ACCOUNTS[successor], signed)))


def seek(chain: MemoryChain, who: str) -> list[tuple[str, dict[str, Any]]]:
    seen: list[tuple[str, dict[str, Any]]] = []
    seek_admission(MemoryLedger(chain, who), chain.task, lambda *event: seen.append(event))
    return seen


def test_an_admission_moves_along_the_whole_line() -> None:
    chain = make_chain(is_open=False)
    chain.carry_out(COORDINATOR, Admit((FIRST,)))
    chain.carry_out(FIRST, SubmitUpdate(1, WORD, WORD, 1))
    rotate(chain, FIRST, 2)
    rotate(chain, SECOND, 3)
    assert seek(chain, THIRD) == [
        ("succeeded", {"participant": FIRST, "successor": SECOND}),
        ("succeeded", {"participant": SECOND, "successor": THIRD}),
    ]
    assert chain.task.admitted == {THIRD}
    assert chain.task.last_round_of[THIRD] == 1


def test_what_somebody_else_has_done_meanwhile_is_no_error() -> None:
    chain = make_chain(is_open=False)
    chain.carry_out(COORDINATOR, Admit((FIRST,)))
    rotate(chain, FIRST, 2)
    seen = MemoryLedger(chain, SECOND)
    stale = make_chain(is_open=False)
    stale.carry_out(COORDINATOR, Admit((FIRST,)))
    chain.carry_out(STRANGER, Succeed(FIRST))
    seek_admission(seen, stale.task, lambda event, values: None)
    assert chain.task.admitted == {SECOND}


def test_in_an_open_task_who_is_enrolled_admits_itself() -> None:
    chain = make_chain(is_open=True)
    assert seek(chain, FIRST) == [("admitted", {"participants": 1})]
    assert chain.task.admitted == {FIRST}
    with pytest.raises(UsageError, match="not enrolled"):
        seek(chain, STRANGER)


def test_elsewhere_the_coordinator_has_to() -> None:
    chain = make_chain(is_open=False)
    for who in (FIRST, STRANGER):
        with pytest.raises(UsageError, match="is not admitted"):
            seek(chain, who)
