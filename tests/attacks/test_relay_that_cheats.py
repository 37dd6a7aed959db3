"""A relay that alters, replays or withholds what participants hand to it.

Altering and replaying are caught by the contract: a signature of something else is that of nobody
whom it knows, ``NotAdmitted``, and what is on record already is ``NothingSubmitted``. Withholding
is outlived: the participant sends its update itself.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fl_chain.chain.ethereum import Deployer
from fl_chain.errors import RelayError, TransactionRejected
from fl_chain.protocol.actions import SubmitBatch
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.protocol.signed_update import Handover, SignedUpdate
from fl_chain.relay.client import RelayClient
from fl_chain.relay.server import RelayServer
from fl_chain.roles.coordinator import admit_participants
from fl_chain.roles.journal import Journal
from fl_chain.roles.participant import ParticipantRole
from tests.faults.test_roles import Steady
from tests.world import Federation, World, assert_passes, make_account

OTHER = b"\7" * 32


def hand_in(federation: Federation, *updates: SignedUpdate) -> None:
    """Hand updates in as somebody who has no part in the task."""
    action = SubmitBatch(federation.task.current.round, updates)
    federation.ledger(federation.coordinator).send(action)


def refusal(federation: Federation, *updates: SignedUpdate) -> str:
    with pytest.raises(TransactionRejected) as refused:
        hand_in(federation, *updates)
    return refused.value.error


@pytest.mark.parametrize(
    "change", [{"digest": OTHER}, {"cid_digest": OTHER}, {"weight": 1}], ids=lambda c: next(iter(c))
)
def test_what_was_not_signed_is_not_recorded(world: World, change: dict[str, Any]) -> None:
    federation = world.federation(num_rounds=1)
    honest = federation.sign_update(0)
    assert refusal(federation, replace(honest, **change)) == "NotAdmitted"
    hand_in(federation, honest, federation.sign_update(1), federation.sign_update(2))
    federation.aggregate()
    assert_passes(federation.audit(), num_rounds=1)


def test_nothing_is_recorded_twice_or_in_another_round_or_task(world: World) -> None:
    federation, other = world.federation(num_rounds=2), world.federation(num_rounds=2)
    updates = [federation.sign_update(who) for who in range(3)]
    hand_in(federation, updates[0])
    assert refusal(federation, updates[0]) == "NothingSubmitted"
    hand_in(federation, *updates)
    assert refusal(other, *updates) == "NotAdmitted"
    federation.aggregate()
    assert refusal(federation, *updates) == "NotAdmitted"
    federation.run_round()
    assert_passes(federation.audit(), num_rounds=2)


def outlive_relay(
    federation: Federation, journal: Path, *, until: int
) -> tuple[list[Handover], list[str]]:
    """Let participant 0 hand in to a relay that does nothing, until so many updates are on record.

    Return what it handed in, and the events that it reported.
    """
    handed_in: list[Handover] = []
    events: list[str] = []
    trainer: Any = Steady(federation)
    with RelayServer(0, handed_in.append) as server:
        role = ParticipantRole(
            federation.ledger(federation.participants[0]),
            federation.store,
            trainer,
            Journal(journal),
            relay=RelayClient(server.url),
            progress=lambda event, values: events.append(event),
        )
        while federation.task.current.num_updates < until:
            role.step()
    return handed_in, events


def test_a_participant_whose_update_is_withheld_sends_it_itself(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(num_rounds=1, collect_seconds=12, min_updates=3)
    federation.submit_honestly(1, 2)
    handed_in, events = outlive_relay(federation, tmp_path, until=3)
    assert set(handed_in) == {handed_in[0]}
    assert "passed_over_relay" in events
    record = federation.task.rounds[1].updates[2]
    assert (record.digest, record.weight) == (
        handed_in[0].update.digest,
        handed_in[0].update.weight,
    )
    federation.aggregate()
    assert_passes(federation.audit(), num_rounds=1)


def test_a_participant_without_money_is_told_what_its_relay_did_not_do(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(num_rounds=1, collect_seconds=6)
    poor = make_account(4000)
    deployer = Deployer(world.connection, federation.coordinator)
    created = federation.created
    address = str(poor.address).lower()
    admit_participants(deployer, created.ledger, created.registry, (address,))
    trainer: Any = Steady(federation)
    with RelayServer(0, lambda handover: None) as server:
        role = ParticipantRole(
            federation.ledger(poor),
            federation.store,
            trainer,
            Journal(tmp_path),
            relay=RelayClient(server.url),
        )
        with pytest.raises(RelayError, match="did not hand the update in in time"):
            role.step()


def test_what_a_relay_hands_in_late_is_one_update_all_the_same(world: World) -> None:
    """The participant has lost patience and sent it; both arrive."""
    federation = world.federation(num_rounds=1)
    update = federation.sign_update(0)
    federation.submit(0, federation.update(0))
    hand_in(federation, update, federation.sign_update(1), federation.sign_update(2))
    records: list[UpdateSubmitted] = federation.task.rounds[1].updates
    assert [record.participant for record in records] == [
        federation.address_of(who) for who in range(3)
    ]
    assert compute_cid(federation.update(0)).digest == records[0].cid_digest
    federation.aggregate()
    assert_passes(federation.audit(), num_rounds=1)
