"""Sampled tasks as roles run them: aggregators that are restarted, participants that sit out."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fl_chain.errors import RelayRefused
from fl_chain.protocol.actions import CommitSeeds, Pause, Stop
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import SeedRevealed, SeedsCommitted, TaskPaused
from fl_chain.protocol.sampling import is_drawn
from fl_chain.protocol.signed_update import Handover, SignedUpdate, compute_update_message
from fl_chain.roles import seeds
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.roles.history import list_rounds
from fl_chain.roles.history_measures import list_measures
from fl_chain.roles.history_updates import list_participants
from fl_chain.roles.relay import RelayRole
from tests.faults.test_commitments import Told, aggregate, note_in
from tests.faults.test_roles import in_background, participant
from tests.world import Federation, World, assert_passes, problems

WORD = b"\x5e" * 32


def records_of(federation: Federation, kind: type[Any]) -> list[Any]:
    records = map(decode_log, federation.ledger().fetch(0).logs)
    return [record for record in records if isinstance(record, kind)]


def open_round(federation: Federation) -> None:
    """Let an aggregator that has just been started do its part until the round is open."""
    ledger = federation.ledger(federation.coordinator)
    role = AggregatorRole(ledger, federation.store, patience_seconds=5)
    while federation.task.phase(federation.follower.now) == Phase.SCHEDULED:
        role.step()
    ledger.close()


def test_those_who_are_selected_train_and_the_others_wait_and_say_so(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(
        4,
        num_rounds=3,
        sample_rate=Decimal("0.5"),
        seed_seconds=600,
        min_updates=1,
        target_updates=1,
    )
    told: list[Told] = [[] for _ in range(4)]
    roles = [
        participant(federation, index, world.store, tmp_path, progress=note_in(told[index]))
        for index in range(4)
    ]
    threads = [*in_background(*roles), aggregate(federation)]
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.1)
        task = federation.task
        phase = task.phase(federation.follower.now)
        if phase == Phase.COLLECTING and not task.count_selected():
            world.advance_clock(task.parameters.collect_seconds + 1)
    for thread in threads:
        thread.join()
    assert problems(federation.audit()) == []
    task = federation.task
    for history in task.rounds.values():
        for update in history.updates:
            assert task.was_selected(update.participant, update.round, federation.follower.now)
    for index, events in enumerate(told):
        for event, values in events:
            if event in ("not_selected", "submitted"):
                address, number = federation.address_of(index), values["round"]
                is_selected = task.was_selected(address, number, federation.follower.now)
                assert is_selected == (event == "submitted")
    assert len(records_of(federation, SeedRevealed)) == len(task.rounds)
    genesis, *rounds = list_rounds(federation.history())
    assert (genesis["seed"], genesis["selected"]) == (None, None)
    for row in rounds:
        number = row["round"]
        listed = list(list_participants(federation.history(), number))
        drawn = {who["participant"] for who in listed if who["is_selected"]}
        assert row["selected"] == len(drawn)
        assert {u.participant for u in task.rounds[number].updates} <= drawn
        seed = bytes.fromhex(row["seed"])
        names = map(federation.address_of, range(4))
        assert drawn == {name for name in names if is_drawn(seed, name, 2**31)}


def test_an_aggregator_that_is_restarted_goes_on_with_its_secrets_and_then_with_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeds, "CHAIN_LENGTH", 2)
    federation = world.federation(num_rounds=5, sample_rate=1, seed_seconds=600)
    for _ in range(5):
        open_round(federation)
        federation.submit_honestly()
        federation.aggregate()
    assert_passes(federation.audit(), num_rounds=5)
    revealed = records_of(federation, SeedRevealed)
    assert [record.round for record in revealed] == [1, 2, 3, 4, 5]
    assert len({record.secret for record in revealed}) == 5
    # One chain for two rounds each, the next one while a round is open.
    assert len(records_of(federation, SeedsCommitted)) == 3
    assert all(history.opened.opens_at > 0 for history in federation.task.rounds.values())


def test_a_round_has_opened_when_its_seed_was_made_and_not_when_it_had_to_be(world: World) -> None:
    federation = world.federation(num_rounds=3, sample_rate=1, seed_seconds=600)
    for _ in range(3):
        open_round(federation)
        federation.submit_honestly()
        federation.aggregate()
    revealed = records_of(federation, SeedRevealed)
    history = federation.history()
    rows = [row for row in list_rounds(history) if row["round"]]
    assert [row["opened_at"] for row in rows] == [record.timestamp for record in revealed]
    latest = [history.opened.opens_at for history in federation.task.rounds.values()]
    assert all(row["opened_at"] < limit for row, limit in zip(rows, latest, strict=True))
    assert all(row["opened_at"] <= row["finished_at"] for row in rows)
    for row in list_measures(history):
        assert 0 <= row["collect_s"] < 600


@pytest.fixture
def paused(world: World) -> Federation:
    """Return a task whose second round is held up by a pause."""
    federation = world.federation(num_rounds=2)
    federation.ledger(federation.coordinator).send(Pause(500))
    federation.submit_honestly()
    federation.aggregate()
    assert federation.task.phase(federation.follower.now) == Phase.SCHEDULED
    return federation


def test_a_round_that_a_pause_holds_up_has_opened_when_the_pause_ended(
    world: World, paused: Federation
) -> None:
    world.advance_clock(5)
    paused.ledger(paused.coordinator).send(Pause(0))
    _, ended = records_of(paused, TaskPaused)
    paused.submit_honestly()
    paused.aggregate()
    _, first, second = list_rounds(paused.history())
    assert first["opened_at"] <= first["finished_at"] < second["opened_at"] == ended.until
    _, measures = list_measures(paused.history())
    assert measures["collect_s"] >= 0


def test_a_round_that_was_stopped_before_it_opened_never_did(paused: Federation) -> None:
    paused.ledger(paused.coordinator).send(Stop())
    *_, row = list_rounds(paused.history())
    assert (row["round"], row["phase"], row["opened_at"]) == (2, "ABORTED", None)
    assert row["finished_at"] is not None


def test_secrets_that_the_aggregator_does_not_know_are_replaced(world: World) -> None:
    federation = world.federation(num_rounds=1, sample_rate=1, seed_seconds=5)
    federation.ledger(federation.coordinator).send(CommitSeeds(WORD))
    world.advance_clock(6)
    open_round(federation)  # without a secret, since the time for them is over
    assert records_of(federation, SeedRevealed) == []
    assert federation.task.has_withheld(federation.aggregator_address(0), 1)
    ledger = federation.ledger(federation.coordinator)
    role = AggregatorRole(ledger, federation.store, patience_seconds=5)
    while len(records_of(federation, SeedsCommitted)) < 2:
        role.step()
    federation.submit_honestly()
    parameters = federation.task.parameters
    world.advance_clock(parameters.aggregate_seconds + 1)
    while federation.task.current.round == 1 or not records_of(federation, SeedRevealed):
        role.step()
    assert records_of(federation, SeedRevealed)[0].round == 2
    ledger.close()


def test_a_relay_takes_no_update_of_one_that_is_not_selected(world: World) -> None:
    federation = world.federation(
        8, num_rounds=1, sample_rate=Decimal("0.5"), seed_seconds=600, min_updates=1
    )
    open_round(federation)
    relay = RelayRole(federation.ledger(federation.coordinator), federation.store)
    relay.intake.refresh()
    for who in range(8):
        ledger = federation.ledger(federation.participants[who])
        signature = ledger.sign(compute_update_message(1, WORD, WORD, 1))
        update = SignedUpdate(WORD, WORD, 1, signature)
        handover = Handover(ledger.chain_id, ledger.address, 1, update)
        if federation.task.is_selected(ledger.sender):
            relay.intake.take(handover)
        else:
            with pytest.raises(RelayRefused, match="not selected"):
                relay.intake.take(handover)
