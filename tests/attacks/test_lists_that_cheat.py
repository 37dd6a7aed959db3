"""Aggregators that list what was not signed, more than once, or not at all.

What nobody signed, or was there before, is left out with its reason, ``unsigned``, ``not_admitted``
or ``duplicate``, by every aggregator and by the audit; a proposal that includes it loses its bond
to ``decideListedUpdate``. Whom a list leaves out, the ledger takes itself, and whoever is in a list
that cannot be had is ``unavailable`` there and counts when it submits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fl_chain.aggregation.submissions import open_list
from fl_chain.chain.registry import EthereumRegistry
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import Admit, Remove, Revoke
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.parts import Contribution
from fl_chain.protocol.records import Fault, UpdatesListed, UpdateSubmitted
from fl_chain.protocol.update_list import ListEntry
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.roles.challenger import ChallengerRole
from fl_chain.roles.defence import Defender
from tests.attacks.test_chain_node_that_lies import (
    expect_failure,
    flip_word,
    num_words,
    with_logs,
)
from tests.attacks.test_relay_that_cheats import outlive_relay
from tests.world import CHALLENGER, Crew, Federation, World, assert_passes, problems, record

OTHER = b"\7" * 32
LISTS = {"list_seconds": 300, "num_rounds": 1, "min_updates": 1}


@pytest.fixture
def federation(world: World) -> Federation:
    """One round with lists, of two aggregators without bonds."""
    return world.federation(aggregators=2, **LISTS)


def aggregate(federation: Federation) -> list[tuple[int, str]]:
    """Finish the round and its audit; return what was left out and why."""
    federation.end_collection()
    federation.aggregate()
    assert_passes(federation.audit(), num_rounds=1)
    return federation.exclusions()


def participants_in(federation: Federation, *entries: int) -> list[ListEntry]:
    return [federation.entry(who) for who in entries]


def test_listed_and_submitted_updates_make_one_model(world: World, federation: Federation) -> None:
    plain = world.federation(num_rounds=1)
    federation.submit_honestly(1)
    federation.list_updates(0, *participants_in(federation, 0, 2))
    for who in range(3):
        lanes = federation.lanes(100 + who)
        plain.submit(who, plain.update(who, lanes), weight=100 + who)
    assert aggregate(federation) == []
    plain.aggregate()
    models = [task.follower.base_model().tolist() for task in (federation, plain)]
    assert models[0] == models[1]
    assert federation.task.rounds[1].num_updates == 3


@pytest.mark.parametrize(
    "change",
    [
        {"digest": OTHER},
        {"cid_digest": OTHER},
        {"weight": 1},
        {"weight": 0},
        {"weight": 2**32 - 1},
        {"digest": bytes(32)},
        {"cid_digest": bytes(32)},
    ],
    ids=str,
)
def test_what_was_not_signed_does_not_count(federation: Federation, change: dict[str, Any]) -> None:
    honest, forged = participants_in(federation, 0, 1)
    forged = replace(forged, update=replace(forged.update, **change))
    federation.list_updates(0, honest, forged)
    assert aggregate(federation) == [(1, "unsigned")]


@pytest.mark.parametrize(
    "signed",
    [{"weight": 0}, {"weight": 2**32 - 1}, {"digest": bytes(32)}, {"cid_digest": bytes(32)}],
    ids=str,
)
def test_what_could_not_have_been_submitted_does_not_count_though_signed(
    federation: Federation, signed: dict[str, Any]
) -> None:
    honest = federation.entry(0)
    federation.list_updates(0, honest, federation.entry(1, **signed))
    assert aggregate(federation) == [(1, "unsigned")]


def test_a_signature_counts_for_its_participant_in_its_round_of_its_task(
    world: World,
) -> None:
    federation = world.federation(4, aggregators=2, **LISTS)
    honest = federation.entry(0)
    borrowed = ListEntry(federation.address_of(2), federation.sign_update(1))
    old = federation.entry(1, round_number=0)
    other = world.federation(aggregators=2, **LISTS).entry(2)
    federation.list_updates(0, honest, borrowed, old, other)
    assert aggregate(federation) == [(i, "unsigned") for i in (1, 2, 3)]


def test_who_is_not_admitted_does_not_count_whoever_listed_it(world: World) -> None:
    federation = world.federation(4, aggregators=2, **LISTS)
    federation.submit_honestly(2)
    federation.list_updates(0, *participants_in(federation, 0, 1))
    gone = federation.address_of(1), federation.address_of(2)
    connection, registry = federation.world.connection, federation.created.registry
    EthereumRegistry(connection, registry, federation.coordinator).send(Revoke(gone))
    for who in gone:
        federation.ledger(federation.coordinator).send(Remove(who))
    assert aggregate(federation) == [(0, "not_admitted"), (2, "not_admitted")]


def test_who_is_not_selected_does_not_count_whoever_listed_it(world: World) -> None:
    number = 20
    federation = world.federation(
        number, aggregators=2, sample_rate=Decimal("0.5"), seed_seconds=60, **LISTS
    )
    # No aggregator commits to secrets, so the seed follows from the manifest.
    world.advance_clock(121)
    members = federation.task.members
    unselected = [who for who in range(number) if federation.address_of(who) not in members]
    assert 0 < len(unselected) < number
    federation.list_updates(0, *participants_in(federation, *range(number)))
    assert aggregate(federation) == [(who, "not_admitted") for who in unselected]


def test_the_first_update_of_a_participant_that_is_there_counts(federation: Federation) -> None:
    lost = federation.entry(1, federation.update(1, federation.lanes(7)), pin=False)
    federation.list_updates(0, *participants_in(federation, 0), lost)
    federation.list_updates(1, *participants_in(federation, 0, 1))
    federation.submit_honestly(0, 1, 2)
    crew = federation.start_aggregators(0)
    federation.end_collection()
    federation.world.advance_clock(federation.task.parameters.aggregate_seconds // 2)
    crew.join()
    assert_passes(federation.audit(), num_rounds=1)
    excluded = {
        values["sequence"]: str(values["reason"])
        for _, event, values in crew.events
        if event == "excluded"
    }
    assert excluded == {1: "unavailable", 2: "duplicate", 4: "duplicate", 5: "duplicate"}


def test_a_list_that_cannot_be_had_is_made_up_for_by_submitting(federation: Federation) -> None:
    federation.list_updates(0, *participants_in(federation, 0, 1), pin=False)
    federation.submit_honestly(0)
    crew = federation.start_aggregators(0)
    federation.end_collection()
    federation.world.advance_clock(federation.task.parameters.aggregate_seconds // 2)
    crew.join()
    assert_passes(federation.audit(), num_rounds=1)
    excluded = [(v["sequence"], v["reason"]) for _, e, v in crew.events if e == "excluded"]
    assert excluded == [(0, "unavailable"), (1, "unavailable")]


@pytest.mark.parametrize("change", [{"task": "00" * 32}, {"round": 2}], ids=str)
def test_a_list_of_something_else_lists_nothing(
    federation: Federation, change: dict[str, Any]
) -> None:
    federation.list_updates(0, *participants_in(federation, 0, 1), **change)
    federation.submit_honestly(0)
    assert aggregate(federation) == [(0, "misbound"), (1, "misbound")]


def test_a_list_that_nobody_can_have_costs_no_honest_proposer_its_bond(world: World) -> None:
    """Its lister asks the proposer to show what it has made unavailable."""
    windows = {"challenge_seconds": 600, "aggregate_seconds": 60}
    federation = world.federation(aggregators=2, bond_gwei=3, **(LISTS | windows))
    federation.deposit_bonds()
    federation.list_updates(1, *participants_in(federation, 0, 1), pin=False)
    federation.submit_honestly(2)
    crew = federation.start_aggregators(0)
    federation.end_collection()
    world.advance_clock(windows["aggregate_seconds"] // 2)
    crew.wait_for("proposed", 0)
    federation.challenge(7)
    crew.wait_for("answered", 0, stage="ASKED")
    federation.select(0)  # update 0, of the list
    crew.wait_for("answered", 0, stage="SINGLE")
    assert federation.slashes() == []
    assert federation.task.committee.payouts == {federation.aggregator_address(0): 3 * 10**9 // 2}
    world.advance_clock(windows["challenge_seconds"])
    crew.join()
    assert_passes(federation.audit(), num_rounds=1)


def test_a_list_keeps_nobody_out(federation: Federation) -> None:
    nobody = [federation.entry(0)] * 3
    federation.list_updates(0, *nobody)
    federation.list_updates(1, *nobody)
    federation.submit_honestly(1, 2)
    assert aggregate(federation) == [(i, "duplicate") for i in range(1, 6)]


def test_an_aggregator_lists_once_and_in_time(federation: Federation) -> None:
    federation.list_updates(0, federation.entry(0))
    with pytest.raises(TransactionRejected) as refused:
        federation.list_updates(0, federation.entry(1))
    assert refused.value.error == "AlreadyListed"
    federation.world.advance_clock(LISTS["list_seconds"] + 1)
    with pytest.raises(TransactionRejected) as refused:
        federation.list_updates(1, federation.entry(1))
    assert refused.value.error == "ListsOver"


def test_a_participant_that_is_left_out_sends_its_update_itself(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(aggregators=2, **(LISTS | {"list_seconds": 3}))
    federation.list_updates(0, *participants_in(federation, 1, 2))
    _, events = outlive_relay(federation, tmp_path, until=3)
    assert "passed_over_relay" in events
    assert [one.participant for one in federation.task.rounds[1].updates] == [
        federation.address_of(0)
    ]
    assert aggregate(federation) == []


class ForgingAggregator(AggregatorRole):
    """Defends a proposal that includes what nobody signed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.defender = _ForgingDefender(
            self.follower, self._store, self._progress, self._patience_seconds
        )


class _ForgingDefender(Defender):
    def compute_contributions(self, position: int) -> Sequence[Contribution]:
        found = []
        for submission in self._witness.submissions:
            record = self._witness.known(submission)
            lane = int(self._witness.fetch_lanes(record)[position])
            found.append(Contribution(record.weight, record.weight * lane))
        return found


@pytest.mark.parametrize("is_signed", [True, False])
def test_a_model_with_what_nobody_signed_loses_its_bond(
    world: World, is_signed: bool, tmp_path: Path
) -> None:
    """A dispute about what was signed, on the other hand, the challenger would not begin."""
    windows = {"challenge_seconds": 600, "collect_seconds": 40, "list_seconds": 30}
    federation = world.federation(aggregators=2, bond_gwei=3, **(LISTS | windows))
    federation.deposit_bonds()
    entries = participants_in(federation, 0, 1, 2)
    if not is_signed:
        entries[1] = replace(entries[1], update=replace(entries[1].update, weight=99_999))
    data = federation.list_updates(1, *entries)
    federation.end_collection()
    history = federation.task.rounds[1]
    records: list[UpdateSubmitted] = [
        submission.record
        for submission in open_list(federation.follower.place, history.lists[0], data)
        if submission.record
    ]
    derived = federation.derive(records)
    federation.propose(derived.model, derived.report)
    roles = {0: partial(ForgingAggregator), CHALLENGER: partial(ChallengerRole, inbox=None)}
    crew = Crew(federation, roles)
    if is_signed:
        crew.wait_for("verified", CHALLENGER)
        world.advance_clock(windows["challenge_seconds"])
        crew.join()
        assert federation.slashes() == []
        assert_passes(federation.audit(), num_rounds=1)
        return
    crew.wait_until(federation.slashes)
    # By the proposer, which thinks that it is right, or by the challenger.
    crew.wait_until(
        lambda: crew.reporters_of("answered", stage="SINGLE") or crew.reporters_of("decided")
    )
    slash = federation.slashes()[0]
    assert (slash.aggregator, slash.fault) == (
        federation.aggregator_address(0),
        Fault.WRONG_MODEL,
    )
    crew = Crew(federation, {1: partial(AggregatorRole)})
    world.advance_clock(federation.task.parameters.aggregate_seconds + 1)
    crew.wait_for("proposed", 1)
    world.advance_clock(windows["challenge_seconds"])
    crew.join()
    assert_passes(federation.audit(), num_rounds=1)


def test_an_audit_without_the_list_is_undecidable(federation: Federation) -> None:
    data = federation.list_updates(0, *participants_in(federation, 0, 1))
    federation.end_collection()
    federation.aggregate()
    cid = compute_cid(data)
    federation.world.block_file(cid).unlink()
    assert problems(federation.audit()) == [(1, "update_list", "UNDECIDABLE")]


def test_nobody_is_admitted_while_a_model_depends_on_it(federation: Federation) -> None:
    federation.submit_honestly(0)
    federation.end_collection()
    with pytest.raises(TransactionRejected) as refused:
        federation.ledger(federation.coordinator).send(Admit((federation.address_of(0),)))
    assert refused.value.error == "AdmissionsFrozen"


def test_one_bit_in_any_field_of_a_list_on_record_fails_the_history(federation: Federation) -> None:
    federation.list_updates(0, *participants_in(federation, 0, 1))
    evidence = record(federation).evidence
    logs = list(evidence.ledger.logs)
    position = next(i for i, log in enumerate(logs) if isinstance(decode_log(log), UpdatesListed))
    for word in range(num_words(logs[position])):
        forged = [*logs[:position], flip_word(logs[position], word, 0), *logs[position + 1 :]]
        expect_failure(with_logs(evidence, "ledger", forged), "ledger")
