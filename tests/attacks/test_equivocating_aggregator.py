"""An aggregator that signs two results for one round.

Caught by whoever sees both signatures: the contract takes the whole bond, half of it for the one
who shows them, bars the aggregator for good and takes back what it said about the standing
proposal. The audit replays all of it: ``transitions`` for the records, ``ledger_state`` for bonds
and payouts.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fl_chain.errors import BlobUnavailable, TransactionRejected
from fl_chain.protocol.actions import ClaimPayout, DepositBond, ProveEquivocation, WithdrawBond
from fl_chain.protocol.attestation import Attestation
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.committee import FOR_GOOD
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.records import BondSlashed, Fault
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.roles.journal import Journal
from fl_chain.storage.store import ContentStore
from tests.world import Federation, World, assert_passes, problems, record

GWEI = 10**9
BOND = 7 * GWEI


@pytest.fixture
def federation(world: World) -> Federation:
    """Three aggregators with bonds, and a round that has all its updates."""
    federation = world.federation(
        aggregators=3, quorum=2, bond_gwei=7, num_rounds=1, challenge_seconds=600
    )
    federation.deposit_bonds()
    federation.submit_honestly()
    return federation


def prove(federation: Federation, one: Attestation, other: Attestation) -> None:
    """Show two attestations as the last participant, who has no part in the committee."""
    federation.ledger(federation.participants[-1]).send(ProveEquivocation(one, other))


def refuse(federation: Federation, one: Attestation, other: Attestation) -> str:
    """Return the error that showing two attestations ends with; nothing has changed by then."""
    with pytest.raises(TransactionRejected) as refused:
        prove(federation, one, other)
    assert all(member.bond == BOND for member in federation.task.committee.members.values())
    return str(refused.value.error)


def assert_out(federation: Federation, aggregator: int) -> None:
    """It has lost its bond, gets in no more, and half of the bond is due to who showed it."""
    task = federation.task
    who, shower = federation.aggregator_address(aggregator), federation.address_of(-1)
    member = task.committee.members[who]
    assert (member.bond, member.barred_in) == (0, FOR_GOOD)
    assert task.committee.payouts == {shower: BOND // 2}
    with pytest.raises(TransactionRejected) as refused:
        federation.ledger(federation.aggregators[aggregator]).send(DepositBond(BOND))
    assert refused.value.error == "AggregatorBarred"


def test_a_proposer_that_signs_another_result_is_out_and_its_proposal_has_no_voice(
    federation: Federation,
) -> None:
    derived = federation.derive()
    federation.propose(derived.model, derived.report)
    assert federation.task.proposal.num_for == 1
    proposed = federation.sign(0, derived.model, derived.report)
    prove(federation, proposed, federation.sign(0, b"another model", derived.report))
    assert_out(federation, 0)
    assert federation.task.proposal.num_for == 0
    # The model is right all the same: it takes two voices of others to make it final.
    federation.attest(federation.sign(1, derived.model, derived.report))
    assert federation.task.rounds[1].finalized is None
    federation.attest(federation.sign(2, derived.model, derived.report))
    assert_passes(federation.audit(), num_rounds=1)


def test_an_equivocators_voice_makes_no_quorum(federation: Federation) -> None:
    """Neither for a wrong model nor against it; two liars of three leave it to the audit."""
    derived = federation.derive()
    wrong = federation.lie()
    federation.propose(*wrong)
    voices = (
        federation.sign(2, *wrong),
        federation.sign(2, derived.model, derived.report),
    )
    prove(federation, *voices)
    assert_out(federation, 2)
    for voice in voices:
        with pytest.raises(TransactionRejected) as refused:
            federation.attest(voice)
        assert refused.value.error == "AggregatorBarred"
    federation.attest(federation.sign(1, derived.model, derived.report))
    proposal = federation.task.proposal
    assert (proposal.num_for, proposal.num_against) == (1, 1)
    with pytest.raises(TransactionRejected) as refused:
        federation.finalize()
    assert refused.value.error == "ChallengeWindowOpen"
    federation.world.advance_clock(federation.task.parameters.challenge_seconds)
    federation.finalize()
    assert problems(federation.audit()) == [(1, "aggregate", "FAIL")]


def test_the_second_result_handed_in_as_an_attestation_costs_the_bond_as_well(
    federation: Federation,
) -> None:
    derived = federation.derive()
    federation.propose(derived.model, derived.report)
    federation.attest(federation.sign(0, b"another model", derived.report))
    task = federation.task
    member = task.committee.members[federation.aggregator_address(0)]
    assert (member.bond, member.barred_in) == (0, FOR_GOOD)
    assert (task.proposal.num_for, task.proposal.num_against) == (0, 0)
    assert task.rounds[1].finalized is None
    for aggregator in (1, 2):
        federation.attest(federation.sign(aggregator, derived.model, derived.report))
    assert_passes(federation.audit(), num_rounds=1)


def test_honest_aggregators_finish_without_the_equivocator(federation: Federation) -> None:
    derived = federation.derive()
    prove(
        federation,
        federation.sign(0, derived.model, derived.report),
        federation.sign(0, derived.model, b"another report"),
    )
    assert_out(federation, 0)
    with pytest.raises(TransactionRejected) as refused:
        federation.propose(derived.model, derived.report, by=0)
    assert refused.value.error == "AggregatorBarred"
    federation.world.advance_clock(federation.task.parameters.aggregate_seconds)
    crew = federation.start_aggregators(0, 1, 2)
    crew.join()
    assert crew.reporters_of("proposed") == {1}
    assert crew.reporters_of("attested", agrees=True) == {2}
    assert crew.reporters_of("deposited") == set()
    history = federation.task.rounds[1]
    assert history.proposal is not None
    assert history.proposal.model_digest == derived.model_digest
    assert_passes(federation.audit(), num_rounds=1)


def test_a_fault_of_an_old_round_is_shown_as_long_as_the_bond_is_there(
    federation: Federation,
) -> None:
    derived = federation.derive()
    one = federation.sign(0, derived.model, derived.report)
    other = federation.sign(0, b"another model", derived.report)
    federation.propose(derived.model, derived.report)
    federation.attest(federation.sign(1, derived.model, derived.report))
    assert federation.task.is_over
    equivocator = federation.ledger(federation.aggregators[0])
    with pytest.raises(TransactionRejected) as refused:
        equivocator.send(WithdrawBond())
    assert refused.value.error == "BondLocked"
    prove(federation, one, other)
    federation.world.advance_clock(federation.task.parameters.challenge_seconds)
    with pytest.raises(TransactionRejected) as refused:
        equivocator.send(WithdrawBond())
    assert refused.value.error == "NothingToPay"
    assert_passes(federation.audit(), num_rounds=1)


def test_half_of_the_bond_is_paid_to_who_showed_it_and_once(federation: Federation) -> None:
    derived = federation.derive()
    one = federation.sign(0, derived.model, derived.report)
    other = federation.sign(0, b"another model", derived.report)
    prove(federation, one, other)
    shower = federation.ledger(federation.participants[-1])
    shower.send(ClaimPayout())
    assert federation.task.committee.payouts == {federation.address_of(-1): 0}
    for again in (ClaimPayout(), ProveEquivocation(one, other)):
        with pytest.raises(TransactionRejected) as refused:
            shower.send(again)
        assert refused.value.error in ("NothingToPay", "AggregatorBarred")
    connection = federation.world.connection
    # The other half is nobody's, so that an equivocator gains nothing by showing itself.
    held = int(connection.call("eth_getBalance", federation.address, "latest"), 16)
    assert held == 2 * BOND + (BOND - BOND // 2)
    assert problems(federation.audit()) == []


def test_what_is_no_equivocation_costs_nobody_anything(federation: Federation) -> None:
    derived = federation.derive()
    one = federation.sign(0, derived.model, derived.report)
    assert refuse(federation, one, one) == "NoEquivocation"
    of_another = federation.sign(1, b"another model", derived.report)
    assert refuse(federation, one, of_another) == "NoEquivocation"
    other = federation.sign(0, b"another model", derived.report)
    # Nobody signed these: a signature says one round, one result, one ledger.
    for forged in (
        replace(other, round=2),
        replace(other, model_digest=derived.model_digest, report_digest=b"\1" * 32),
        replace(one, report_digest=b"\1" * 32),
    ):
        assert refuse(federation, one, forged) in ("NoEquivocation", "NotAggregator")


def test_two_results_in_two_ledgers_are_no_equivocation(
    world: World, federation: Federation
) -> None:
    other = world.federation(aggregators=3, quorum=2, bond_gwei=7)
    assert other.aggregators == federation.aggregators
    derived = federation.derive()
    one = federation.sign(0, derived.model, derived.report)
    assert refuse(federation, one, other.sign(0, b"another model", b"another report")) in (
        "NoEquivocation",
        "NotAggregator",
    )


def test_a_fine_that_is_altered_or_hidden_fails_the_audit(federation: Federation) -> None:
    derived = federation.derive()
    prove(
        federation,
        federation.sign(0, derived.model, derived.report),
        federation.sign(0, b"another model", derived.report),
    )
    recorded = record(federation)
    logs = list(recorded.evidence.ledger.logs)
    fined = next(i for i, log in enumerate(logs) if isinstance(decode_log(log), BondSlashed))
    told = decode_log(logs[fined])
    assert isinstance(told, BondSlashed)
    assert (told.amount, told.fault) == (BOND, Fault.EQUIVOCATION)
    hidden = replace(recorded.evidence.ledger, logs=logs[:fined] + logs[fined + 1 :])
    found = problems(recorded.tampered(lambda evidence: replace(evidence, ledger=hidden)))
    assert (None, "ledger_history", "FAIL") in found
    assert (None, "ledger_state", "FAIL") in found


class Killed(Exception):
    """Ends an aggregator at a chosen point."""


class PoorStore:
    """A store without one update, that ends whoever pins anything."""

    def __init__(self, store: ContentStore, missing: bytes) -> None:
        self._store, self._missing = store, missing

    def put(self, data: bytes) -> Cid:
        raise Killed

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        if cid.digest == self._missing:
            raise BlobUnavailable(f"there is no {cid}")
        return self._store.get(cid, max_bytes=max_bytes)


@pytest.mark.parametrize("has_journal", [True, False], ids=["its journal", "the chain alone"])
def test_the_products_aggregator_signs_nothing_else_whatever_it_derives_after_a_restart(
    federation: Federation, tmp_path: Path, has_journal: bool
) -> None:
    """It derived a round without an update that it could not get; now the update is there."""
    missing = federation.task.rounds[1].updates[-1].cid_digest
    poor = PoorStore(federation.store, missing)
    seen: list[tuple[str, dict[str, Any]]] = []

    def run(store: ContentStore) -> None:
        def note(event: str, values: dict[str, Any]) -> None:
            seen.append((event, values))
            if event == "silent":
                raise Killed

        ledger = federation.ledger(federation.aggregators[0])
        with ExitStack() as stack:
            journal = stack.enter_context(Journal(tmp_path)) if has_journal else None
            with pytest.raises(Killed):
                AggregatorRole(ledger, store, journal, progress=note).run()
        ledger.close()

    federation.world.advance_clock(federation.task.parameters.aggregate_seconds // 2)
    if has_journal:
        run(poor)  # ends after it noted its result, before anybody knows of it
    else:
        # It attested to the proposal of another, which was overruled since.
        records = federation.task.rounds[1].updates[:-1]
        federation.world.advance_clock(federation.task.parameters.aggregate_seconds)
        federation.propose(*federation.lie(), by=1)
        without = federation.derive(records)
        federation.attest(federation.sign(0, without.model, without.report))
        federation.attest(federation.sign(2, b"a third model", without.report))
        assert federation.task.rounds[1].rejected
        federation.world.advance_clock(1)
    run(federation.store)
    assert seen[-1] == ("silent", {"round": 1, "reason": "attested otherwise before"})
    assert not {"proposed", "attested"} & {event for event, _ in seen}
    assert federation.task.rounds[1].proposal is None
    assert federation.task.committee.members[federation.aggregator_address(0)].bond == BOND
