"""A committee in which one aggregator proposes a wrong model, or says nothing at all.

Caught before the audit: the others derive the round themselves, attest to what they found, and a
quorum of them rejects the proposal and takes the bond. The turn passes on, as it does from an
aggregator that is silent. What becomes final then passes the audit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fl_chain.errors import TransactionRejected
from fl_chain.protocol.blob import decode_blob, encode_blob
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.report import ExclusionReason, decode_report, encode_report
from fl_chain.protocol.state import RoundHistory
from tests.world import Federation, World, assert_passes, problems

GWEI = 10**9
BOND = 3 * GWEI


@pytest.fixture
def federation(world: World) -> Federation:
    """Three aggregators, and a round that has all its updates; the first turn is the first's."""
    federation = world.federation(
        aggregators=3, quorum=2, bond_gwei=3, num_rounds=1, challenge_seconds=600
    )
    federation.submit_honestly()
    return federation


def pass_turn(federation: Federation) -> None:
    """Let the time pass after which the next aggregator may propose.

    A second more: after a rejection, turns begin again a second later.
    """
    federation.world.advance_clock(federation.task.parameters.aggregate_seconds + 1)


def claim_unavailable(report: bytes) -> bytes:
    """Return a report that speaks of one update more, which was not to be had."""
    told = decode_report(report)
    claim = bytes([ExclusionReason.UNAVAILABLE.status])
    return encode_report(replace(told, statuses=told.statuses + claim))


def history_of(federation: Federation, number: int = 1) -> RoundHistory:
    return federation.task.rounds[number]


def final_model(federation: Federation, number: int = 1) -> bytes:
    finalized = history_of(federation, number).finalized
    assert finalized is not None
    return finalized.model_digest


def bonds(federation: Federation) -> list[int]:
    return [member.bond for member in federation.task.committee.members.values()]


def test_a_wrong_model_is_overruled_by_two_honest_aggregators(federation: Federation) -> None:
    derived = federation.derive()
    federation.deposit_bonds(0)
    federation.propose(*federation.lie())
    crew = federation.start_aggregators(1, 2)
    crew.wait_for("attested", 1, 2, agrees=False, model=derived.model_digest.hex())
    crew.wait_for("idle", 1, 2, phase="AGGREGATING")
    history = history_of(federation)
    assert [proposal.proposer for proposal in history.rejected] == [
        federation.aggregator_address(0)
    ]
    assert bonds(federation) == [0, BOND, BOND]
    assert federation.task.committee.payouts == {}  # half of it for nobody, as the other half
    pass_turn(federation)
    crew.join()
    assert crew.reporters_of("proposed") == {1}
    crew.wait_for("attested", 2, agrees=True)
    assert final_model(federation) == derived.model_digest
    assert history_of(federation).proposal is not None
    assert_passes(federation.audit(), num_rounds=1)


def test_an_overruled_aggregator_is_out_of_this_round_and_may_pay_for_the_next(
    world: World,
) -> None:
    federation = world.federation(
        aggregators=3, quorum=2, bond_gwei=3, num_rounds=2, challenge_seconds=600
    )
    federation.deposit_bonds()
    federation.submit_honestly()
    derived = federation.derive()
    federation.propose(*federation.lie())
    for aggregator in (1, 2):
        federation.attest(federation.sign(aggregator, derived.model, derived.report))
    pass_turn(federation)
    pass_turn(federation)
    liar = federation.ledger(federation.aggregators[0])
    for bond in (0, BOND):
        if bond:
            federation.deposit_bonds(0)
        with pytest.raises(TransactionRejected) as refused:
            federation.propose(derived.model, derived.report, by=0)
        assert refused.value.error == "AggregatorBarred"
    federation.propose(derived.model, derived.report, by=1)
    with pytest.raises(TransactionRejected) as refused:
        federation.attest(federation.sign(0, derived.model, derived.report))
    assert refused.value.error == "AggregatorBarred"
    federation.attest(federation.sign(2, derived.model, derived.report))
    assert final_model(federation) == derived.model_digest
    federation.submit_honestly()
    assert federation.task.current.round == 2
    following = federation.derive()
    federation.propose(following.model, following.report, by=1)  # the first turn is the second's
    federation.attest(federation.sign(0, following.model, following.report))
    assert final_model(federation, 2) == following.model_digest
    assert liar.sender in federation.task.committee.members
    assert_passes(federation.audit(), num_rounds=2)


def test_a_wrong_report_of_the_right_model_is_overruled_as_well(federation: Federation) -> None:
    derived = federation.derive()
    federation.deposit_bonds(0)
    federation.propose(derived.model, derived.report[:-1] + b"\2")
    crew = federation.start_aggregators(1, 2)
    crew.wait_for("attested", 1, 2, agrees=False)
    crew.wait_for("idle", 1, 2, phase="AGGREGATING")
    pass_turn(federation)
    crew.join()
    assert len(history_of(federation).rejected) == 1
    assert_passes(federation.audit(), num_rounds=1)


def test_a_model_for_a_round_that_can_have_none_is_overruled(world: World) -> None:
    """Too few updates are valid: honest aggregators attest that there is no result."""
    federation = world.federation(
        aggregators=3,
        quorum=2,
        num_rounds=1,
        min_updates=2,
        target_updates=2,
        challenge_seconds=600,
    )
    federation.submit(0, federation.update(0))
    federation.submit(1, b"no update")
    federation.propose(b"some model", b"some report")
    crew = federation.start_aggregators(1, 2)
    crew.wait_for("attested", 1, 2, agrees=False, model="00" * 32)
    assert history_of(federation).rejected
    for _ in range(3):
        pass_turn(federation)
    crew.wait_for("idle", 1, 2, round=2, phase="COLLECTING")
    assert history_of(federation).aborted is not None
    assert problems(federation.audit()) == []
    federation.stop()
    crew.join()


def test_a_silent_aggregator_delays_a_round_by_its_turn_and_loses_its_bond(
    federation: Federation,
) -> None:
    federation.deposit_bonds()
    crew = federation.start_aggregators(1, 2)
    crew.wait_for("idle", 1, 2, phase="AGGREGATING")
    with pytest.raises(TransactionRejected) as refused:
        federation.propose(*federation.lie(), by=1)
    assert refused.value.error == "OutOfTurn"
    assert federation.task.phase(federation.follower.now) == Phase.AGGREGATING
    pass_turn(federation)
    crew.join()
    assert crew.reporters_of("proposed") == {1}
    assert crew.reporters_of("attested", agrees=True) == {2}
    assert bonds(federation) == [0, BOND, BOND]  # the round had a result: silence is a fault
    assert_passes(federation.audit(), num_rounds=1)


def test_two_silent_aggregators_leave_it_to_the_third_and_the_window(
    federation: Federation,
) -> None:
    """Nobody attests, so no quorum: the model becomes final when its window has passed."""
    pass_turn(federation)
    pass_turn(federation)
    crew = federation.start_aggregators(2)
    crew.wait_for("idle", 2, phase="PROPOSED")
    assert crew.reporters_of("proposed") == {2}
    assert history_of(federation).finalized is None
    federation.world.advance_clock(federation.task.parameters.challenge_seconds)
    crew.join()
    assert crew.reporters_of("finalized") == {2}
    assert_passes(federation.audit(), num_rounds=1)


def test_the_first_turn_goes_around_among_running_aggregators(world: World) -> None:
    federation = world.federation(
        aggregators=3, quorum=2, bond_gwei=3, num_rounds=3, challenge_seconds=600
    )
    crew = federation.start_aggregators(0, 1, 2)
    for number in (1, 2, 3):
        federation.submit_honestly()
        crew.wait_for("proposed", (number - 1) % 3, round=number)
        crew.wait_for("finalized", round=number)
    crew.join()
    assert bonds(federation) == [BOND] * 3
    assert all(history.proposal for history in federation.task.rounds.values())
    assert_passes(federation.audit(), num_rounds=3)


def test_without_a_bond_nobody_proposes_or_attests(federation: Federation) -> None:
    derived = federation.derive()
    with pytest.raises(TransactionRejected) as refused:
        federation.propose(derived.model, derived.report)
    assert refused.value.error == "BondTooLow"
    federation.deposit_bonds(0)
    federation.propose(derived.model, derived.report)
    with pytest.raises(TransactionRejected) as refused:
        federation.attest(federation.sign(1, derived.model, derived.report))
    assert refused.value.error == "BondTooLow"


def test_a_false_claim_of_absence_does_not_shield_a_wrong_model(federation: Federation) -> None:
    """Silence is for what may be true: this model follows from no choice of updates."""
    derived = federation.derive(federation.task.rounds[1].updates[:-1])
    header, values = decode_blob(derived.model)
    model = encode_blob(header, values + np.int32(1))
    told = replace(decode_report(derived.report), model=compute_digest(model).hex())
    federation.deposit_bonds(0)
    federation.propose(model, claim_unavailable(encode_report(told)))
    crew = federation.start_aggregators(1, 2)
    crew.wait_for("attested", 1, 2, agrees=False, model=federation.derive().model_digest.hex())
    crew.wait_for("idle", 1, 2, phase="AGGREGATING")
    assert bonds(federation)[0] == 0
    pass_turn(federation)
    crew.join()
    assert_passes(federation.audit(), num_rounds=1)


def test_everybody_left_out_as_unavailable_shields_nothing_either(federation: Federation) -> None:
    """Too few updates would be left: no model could follow from that."""
    claims = bytes([ExclusionReason.UNAVAILABLE.status]) * 3
    model, report = federation.lie()
    told = replace(decode_report(report), statuses=claims, total_weight=0)
    federation.deposit_bonds(0)
    federation.propose(model, encode_report(told))
    crew = federation.start_aggregators(1, 2)
    crew.wait_for("attested", 1, 2, agrees=False)
    crew.wait_for("idle", 1, 2, phase="AGGREGATING")
    pass_turn(federation)
    crew.join()
    assert_passes(federation.audit(), num_rounds=1)


def test_an_update_that_only_the_proposer_could_not_get_overrules_nobody(
    federation: Federation,
) -> None:
    """Who was right leaves no trace: honest aggregators that have the update stay silent."""
    federation.deposit_bonds(0)
    records = federation.task.rounds[1].updates
    derived = federation.derive(records[:-1])
    federation.propose(derived.model, claim_unavailable(derived.report))
    crew = federation.start_aggregators(1, 2)
    crew.wait_for("silent", 1, 2, reason="content was available to one of us only")
    assert bonds(federation)[0] == BOND
    federation.world.advance_clock(federation.task.parameters.challenge_seconds)
    crew.join()
    assert problems(federation.audit()) == [(1, "exclusions", "UNDECIDABLE")]
