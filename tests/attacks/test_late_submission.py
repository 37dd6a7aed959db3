"""An update for a round that no longer collects, or that is not the current one.

Caught by the contract: ``UnexpectedPhase`` and ``UnexpectedRound``. The participant program takes
that for a missed round and goes on; the audit passes.
"""

from __future__ import annotations

import pytest

from fl_chain.errors import TransactionRejected
from tests.world import World, assert_passes


def test_after_the_deadline_of_a_round_with_enough_updates(world: World) -> None:
    federation = world.federation(num_rounds=1, min_updates=2)
    federation.submit_honestly(0, 1)
    world.advance_clock(federation.task.parameters.collect_seconds + 1)
    with pytest.raises(TransactionRejected) as refused:
        federation.submit(2, federation.update(2))
    assert refused.value.error == "UnexpectedPhase"
    federation.aggregate()
    assert_passes(federation.audit(), num_rounds=1)


def test_after_the_target_was_reached(world: World) -> None:
    federation = world.federation(num_rounds=1, min_updates=2, target_updates=2)
    federation.submit_honestly(0, 1)
    with pytest.raises(TransactionRejected) as refused:
        federation.submit(2, federation.update(2))
    assert refused.value.error == "UnexpectedPhase"
    federation.aggregate()
    assert_passes(federation.audit(), num_rounds=1)


@pytest.mark.parametrize("round_number", [1, 3, 0])
def test_for_another_round_than_the_current(world: World, round_number: int) -> None:
    federation = world.federation(num_rounds=2)
    federation.run_round()
    with pytest.raises(TransactionRejected) as refused:
        federation.submit(0, federation.update(0), round=round_number)
    assert refused.value.error == "UnexpectedRound"
    assert refused.value.values == {"round": round_number, "current": 2}


def test_an_expired_round_is_aborted_and_the_next_starts_from_the_same_model(world: World) -> None:
    federation = world.federation(num_rounds=1, min_updates=2)
    federation.submit_honestly(0)
    world.advance_clock(federation.task.parameters.collect_seconds + 1)
    with pytest.raises(TransactionRejected) as refused:
        federation.submit(1, federation.update(1))
    assert refused.value.error == "UnexpectedPhase"
    assert [event for event, _ in federation.aggregate()][-1] == "aborted"
    assert federation.task.current.round == 2
    assert federation.task.current.base_round == 0
    federation.run_round()
    findings = federation.audit()
    assert {f.round for f in findings if f.check == "aggregate"} == {2}
    assert all(f.verdict == "PASS" for f in findings)
