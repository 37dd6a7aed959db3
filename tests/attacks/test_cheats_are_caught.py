"""Aggregators that cheat once, each in its own way, without a quorum of others to overrule them.

Caught by: a challenger, which is nobody in particular, and the contract, which decides alone. The
bond is taken, the task goes on with right models, and the audit passes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fl_chain.chain.ledger import Receipt
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import ClaimPayout, LedgerAction, Propose
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import Fault
from fl_chain.roles.challenger import ChallengerRole
from fl_chain.roles.cheats import make_aggregator
from tests.world import CHALLENGER, Crew, Federation, World, assert_passes

BOND = 4 * 10**9
NUM_PARTICIPANTS = 5

Make = Callable[..., Federation]


@pytest.fixture
def make(world: World) -> Make:
    """Create a task whose first round has all its updates."""

    def made(**rounds: Any) -> Federation:
        defaults = {"num_rounds": 2, "challenge_seconds": 30, "aggregators": 2, "bond_gwei": 4}
        federation = world.federation(NUM_PARTICIPANTS, **(defaults | rounds))
        federation.submit_honestly()
        return federation

    return made


def finish(federation: Federation, crew: Crew) -> None:
    """Let the window of the right model pass, and take part in the rounds that are left."""
    while not federation.task.is_over:
        number = federation.task.current.round
        if federation.task.phase(federation.follower.now) == Phase.COLLECTING:
            federation.submit_honestly()
        crew.wait_for("verified", CHALLENGER, round=number)
        federation.world.advance_clock(30)
        crew.wait_for("finalized", round=number)
    crew.join()
    assert_passes(federation.audit(), num_rounds=2)


def bond_of_the_first(federation: Federation) -> int:
    bond: int = federation.task.committee.members[federation.aggregator_address(0)].bond
    return bond


def faults_of(federation: Federation) -> list[int]:
    return [
        record.fault
        for record in federation.slashes()
        if record.aggregator == federation.aggregator_address(0)
    ]


def assert_reward(federation: Federation, wei: int) -> None:
    ledger = federation.ledger(federation.world.account(CHALLENGER))
    assert federation.task.committee.payouts[ledger.sender] == wei
    ledger.send(ClaimPayout())
    with pytest.raises(TransactionRejected) as refused:
        ledger.send(ClaimPayout())
    assert refused.value.error == "NothingToPay"
    ledger.close()


def test_a_wrong_value_is_found_by_halves_and_lost_at_one_update(make: Make) -> None:
    federation = make()
    crew = federation.start_aggregators(0, 1, cheats={0: "wrong-model"})
    crew.wait_for("challenged", CHALLENGER, question="VALUE")
    crew.wait_for("selected", CHALLENGER)
    crew.wait_until(federation.slashes)
    assert bond_of_the_first(federation) == 0
    federation.world.advance_clock(federation.task.parameters.aggregate_seconds + 1)
    finish(federation, crew)
    assert faults_of(federation) == [Fault.WRONG_MODEL]
    assert crew.reporters_of("proposed", round=1) == {0, 1}
    assert_reward(federation, BOND + BOND // 2)


def test_an_update_left_out_of_the_report_costs_the_bond_in_one_transaction(make: Make) -> None:
    federation = make()
    crew = federation.start_aggregators(0, 1, cheats={0: "omit"})
    crew.wait_for("omission", CHALLENGER, position=NUM_PARTICIPANTS - 1)
    assert bond_of_the_first(federation) == 0
    federation.world.advance_clock(federation.task.parameters.aggregate_seconds + 1)
    finish(federation, crew)
    assert faults_of(federation) == [Fault.OMISSION]
    assert_reward(federation, BOND // 2)


def test_a_proposer_goes_on_whose_model_is_rejected_before_it_looks(make: Make) -> None:
    federation = make()
    federation.deposit_bonds()
    world, store = federation.world, federation.store
    ledger = federation.ledger(federation.aggregators[0])
    challenger = ChallengerRole(federation.ledger(world.account(CHALLENGER)), store)
    send = ledger.send

    def send_and_be_found_out(action: LedgerAction) -> Receipt:
        receipt = send(action)
        if isinstance(action, Propose):
            challenger.step()
        return receipt

    ledger.send = send_and_be_found_out  # type: ignore[method-assign]
    proposer = make_aggregator("omit", Path(), ledger, store, patience_seconds=5)
    while not federation.slashes():
        proposer.step()
    assert faults_of(federation) == [Fault.OMISSION]
    proposer.step()


def test_two_results_signed_for_two_readers_cost_the_bond(make: Make, tmp_path: Path) -> None:
    federation = make()
    crew = federation.start_aggregators(0, 1, cheats={0: "equivocate"}, inbox=tmp_path)
    crew.wait_for("equivocation", CHALLENGER)
    assert bond_of_the_first(federation) == 0
    finish(federation, crew)
    assert faults_of(federation) == [Fault.EQUIVOCATION]
    assert_reward(federation, BOND // 2)


def test_an_aggregator_that_is_silent_loses_its_bond_once_another_shows_a_result(
    make: Make,
) -> None:
    federation = make()
    crew = federation.start_aggregators(0, 1, cheats={0: "silent-aggregator"})
    crew.wait_for("idle", 1, phase="AGGREGATING")
    federation.world.advance_clock(federation.task.parameters.aggregate_seconds + 1)
    finish(federation, crew)
    assert faults_of(federation) == [Fault.SILENCE]
    assert bond_of_the_first(federation) == 0


@pytest.mark.parametrize("size", [-1, 1, 1024], ids=["shorter", "longer", "a chunk longer"])
def test_a_model_of_another_size_cannot_be_shown_and_is_lost_by_silence(
    make: Make, size: int
) -> None:
    federation = make()
    federation.deposit_bonds()
    derived = federation.derive()
    model = derived.model + bytes(size) if size > 0 else derived.model[:size]
    federation.propose(model, derived.report)
    crew = federation.start_aggregators(1, cheats={0: "already"})
    crew.wait_for("challenged", CHALLENGER, round=1)
    federation.world.advance_clock(31)
    crew.wait_for("idle", CHALLENGER, phase="AGGREGATING")
    assert bond_of_the_first(federation) == 0
    federation.world.advance_clock(federation.task.parameters.aggregate_seconds + 1)
    finish(federation, crew)
    assert faults_of(federation) == [Fault.SILENCE]
    assert_reward(federation, BOND + BOND // 2)


def test_an_honest_proposer_wins_against_a_challenge(make: Make) -> None:
    """A challenge of a right value costs the deposit, half of it to the proposer."""
    federation = make(num_rounds=1)
    federation.deposit_bonds()
    derived = federation.derive()
    federation.propose(derived.model, derived.report)
    federation.challenge(position=7)
    crew = federation.start_aggregators(0, 1)
    crew.wait_for("answered", 0, stage="ASKED")
    federation.select(part=1)
    crew.wait_for("answered", 0, stage="SINGLE")
    assert federation.task.committee.payouts == {federation.aggregator_address(0): BOND // 2}
    federation.world.advance_clock(30)
    crew.join()
    assert_passes(federation.audit(), num_rounds=1)
