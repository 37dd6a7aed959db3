"""Updates earn what their round's report says, and are paid it from the task's pot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fl_chain.errors import TransactionRejected, UsageError
from fl_chain.protocol.actions import ClaimPayout
from fl_chain.protocol.report import decode_report, encode_report
from fl_chain.protocol.rewards import Reward
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.progress import ignore_progress
from fl_chain.roles.rewards import fund_pot, list_rewards, pay_rewards, reclaim_pot
from fl_chain.roles.task_history import Row
from tests.world import Federation, World, assert_passes, problems

GWEI = 30
ROUND = GWEI * 10**9
TERMS: dict[str, Any] = {"aggregators": 3, "quorum": 2, "challenge_seconds": 1}


def rewarding(world: World, formula: str, *, num_rounds: int = 2, **more: Any) -> Federation:
    reward = {"formula": formula, "round_gwei": GWEI}
    return world.federation(3, reward=reward, num_rounds=num_rounds, **TERMS, **more)


def fund(federation: Federation, wei: int) -> None:
    fund_pot(federation.ledger(federation.coordinator), wei, ignore_progress)


def finish(federation: Federation) -> None:
    """Let whoever has its turn propose what follows, and the window pass."""
    derived = federation.derive()
    propose(federation, derived.model, derived.report)


def propose(federation: Federation, model: bytes, report: bytes) -> None:
    federation.propose(model, report, by=(federation.task.current.round - 1) % 3)
    federation.world.advance_clock(2)
    federation.finalize()


def rows(federation: Federation) -> list[Row]:
    follower = TaskFollower(federation.ledger(), federation.store)
    follower.refresh()
    return list(list_rewards(follower, federation.store))


def pay(federation: Federation) -> int:
    """Pay as somebody who has nothing to do with the task."""
    ledger = federation.ledger(federation.world.account(40))
    follower = TaskFollower(ledger, federation.store)
    follower.refresh()
    return pay_rewards(follower, federation.store, ignore_progress)


@pytest.mark.parametrize("formula", ["equal", "cosine"])
@pytest.mark.parametrize("rule", ["mean", "median"])
def test_rounds_with_rewards_are_paid_and_pass_the_audit(
    world: World, formula: str, rule: str
) -> None:
    robust = {"rule": rule, "num_malicious": 1, "min_updates": 3} if rule == "median" else {}
    federation = rewarding(world, formula, **robust)
    fund(federation, 2 * ROUND)
    common = federation.lanes(99).astype(np.int32)
    for _ in range(2):
        for index in range(3):
            lanes = (common + federation.lanes(index) // (4 - index)).astype(np.int16)
            federation.submit(index, federation.update(index, lanes), weight=100)
        finish(federation)
    earned = rows(federation)
    assert [(row["round"], row["sequence"]) for row in earned] == [
        (number, sequence) for number in (1, 2) for sequence in range(3)
    ]
    assert not any(row["is_paid"] for row in earned)
    amounts = [row["wei"] for row in earned[:3]]
    if formula == "equal":
        assert amounts == [ROUND // 3] * 3
    else:  # the nearer to what all have in common, the more
        assert sorted(amounts, reverse=True) == amounts
        assert len(set(amounts)) == 3
    assert ROUND - 3 <= sum(amounts) <= ROUND
    assert_passes(federation.audit(), 2)
    assert (pay(federation), pay(federation)) == (2, 0)
    assert all(row["is_paid"] for row in rows(federation))
    due = federation.task.committee.payouts
    assert due[federation.address_of(0)] == earned[0]["wei"] + earned[3]["wei"]
    federation.ledger(federation.participants[0]).send(ClaimPayout())
    assert_passes(federation.audit(), 2)


def test_who_is_left_out_earns_nothing_and_the_others_the_more(world: World) -> None:
    federation = rewarding(world, "equal", num_rounds=1)
    fund(federation, ROUND)
    federation.submit_honestly(0, 1)
    federation.submit(2, federation.update(2, round=7))
    finish(federation)
    assert [(row["sequence"], row["wei"]) for row in rows(federation)] == [
        (0, ROUND // 2),
        (1, ROUND // 2),
    ]
    assert_passes(federation.audit(), 1)


def test_a_round_that_the_pot_cannot_pay_is_a_round_like_any_other(world: World) -> None:
    federation = rewarding(world, "equal")
    fund(federation, ROUND - 1)
    federation.submit_honestly()
    finish(federation)
    fund(federation, 1)
    federation.submit_honestly()
    finish(federation)
    assert {row["round"] for row in rows(federation)} == {2}
    assert pay(federation) == 1
    assert_passes(federation.audit(), 2)


def test_what_is_left_in_the_pot_goes_back(world: World) -> None:
    federation = rewarding(world, "equal", num_rounds=1)
    fund(federation, ROUND + 5)
    coordinator = federation.ledger(federation.coordinator)
    with pytest.raises(TransactionRejected, match="UnexpectedPhase"):
        reclaim_pot(coordinator, ignore_progress)
    federation.submit_honestly()
    finish(federation)
    reclaim_pot(coordinator, ignore_progress)
    coordinator.send(ClaimPayout())
    assert_passes(federation.audit(), 1)


def test_a_task_without_rewards_says_so(world: World) -> None:
    federation = world.federation(1, num_rounds=1)
    with pytest.raises(UsageError, match="rewards nothing"):
        rows(federation)


def test_rewards_that_do_not_follow_from_the_updates_are_found(world: World) -> None:
    federation = rewarding(world, "cosine", num_rounds=1)
    fund(federation, ROUND)
    federation.submit_honestly()
    derived = federation.derive()
    told = decode_report(derived.report)
    friend = Reward(federation.address_of(1), ROUND // 3)
    false = encode_report(replace(told, rewards=(friend, friend, friend)))
    propose(federation, derived.model, false)
    assert problems(federation.audit()) == [(1, "aggregate", "FAIL")]
