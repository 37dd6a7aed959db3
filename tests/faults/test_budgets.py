"""Tasks with a privacy budget as roles run them: who has spent it sits out, and holds nobody up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from fl_chain.chain.registry import EthereumRegistry
from fl_chain.cli.main import run
from fl_chain.errors import RelayRefused, TransactionRejected
from fl_chain.protocol.actions import Remove, Revoke
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.signed_update import Handover
from fl_chain.roles.history_privacy import list_privacy, to_rho
from fl_chain.roles.journal import Journal
from fl_chain.roles.participant import ParticipantRole
from fl_chain.roles.relay import RelayRole
from fl_chain.training.trainer import TrainingResult
from tests.faults.test_commitments import Told, aggregate, note_in
from tests.faults.test_history import SCHEMA
from tests.faults.test_roles import Steady, in_background, participant
from tests.masked import MaskedRound
from tests.world import Federation, World, assert_passes, problems

COST = 3 * 2**30
BUDGET = 2 * COST + 7
"""Two updates, and a rest that pays for none."""
PRIVACY = {"cost": COST, "budget": BUDGET, "max_order": 8}


@pytest.fixture(scope="module")
def spent(world: World) -> Federation:
    """A task whose first participant has spent its budget, and one of two rounds is open."""
    federation = world.federation(3, num_rounds=3, min_updates=1, privacy=PRIVACY)
    for everybody in ((0, 1), (0,)):
        federation.submit_honestly(*everybody)
        federation.end_collection()
        federation.aggregate()
    return federation


def test_whoever_has_spent_its_budget_says_so_once_and_waits_for_the_end(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(
        2, num_rounds=4, min_updates=1, collect_seconds=600, privacy=PRIVACY
    )
    told: list[Told] = [[], []]
    roles = [
        participant(federation, index, world.store, tmp_path, progress=note_in(told[index]))
        for index in range(2)
    ]
    aggregator = aggregate(federation)
    first = in_background(roles[0])
    second: list[Any] = []
    while first[0].is_alive() or aggregator.is_alive():
        time.sleep(0.1)
        task = federation.task
        if task.current.round == 3 and not second:
            second = in_background(roles[1])  # which has missed two rounds
        is_open = task.phase(federation.follower.now) == Phase.COLLECTING
        # Nobody else can come, but the round waits for its time: the target was not lowered.
        if is_open and task.current.num_updates == 1:
            world.advance_clock(task.parameters.collect_seconds + 1)
    for thread in (*first, *second, aggregator):
        thread.join()
    assert_passes(federation.audit(), num_rounds=4)
    task = federation.task
    senders = [[u.participant for u in history.updates] for history in task.rounds.values()]
    one, other = map(federation.address_of, range(2))
    assert senders == [[one], [one], [other], [other]]
    assert [told[0].count(("over", {"rounds": 4})), told[1].count(("over", {"rounds": 4}))] == [
        1,
        1,
    ]
    said = [(event, values) for event, values in told[0] if event == "budget_spent"]
    assert said == [
        ("budget_spent", {"round": 3, "updates": 2, "spent": 2 * COST, "budget": BUDGET})
    ]
    assert not [event for event, _ in told[1] if event == "budget_spent"]


def test_no_door_is_open_to_whoever_has_spent_its_budget(spent: Federation) -> None:
    with pytest.raises(TransactionRejected) as refused:
        spent.submit(0, spent.update(0))
    assert refused.value.error == "PrivacyBudgetExceeded"
    who = spent.address_of(0)
    assert refused.value.values == {"participant": who, "spent": 2 * COST, "budget": BUDGET}
    relay = RelayRole(spent.ledger(spent.coordinator), spent.store)
    relay.intake.refresh()
    number, world = spent.task.current.round, spent.world
    update = spent.sign_update(0)
    with pytest.raises(RelayRefused, match="has spent its privacy budget"):
        relay.intake.take(Handover(world.connection.chain_id, spent.address, number, update))


def test_an_audit_holds_what_was_spent_against_the_records(spent: Federation) -> None:
    assert problems(spent.audit()) == []
    state = spent.evidence().state
    assert state is not None
    words = {who: int.from_bytes(word) for who, word in state.privacy_spent.items()}
    assert words == {spent.address_of(n): COST * (2 - n) for n in range(3)}


def test_the_history_says_what_everybody_has_spent(
    spent: Federation, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {row["participant"]: row for row in list_privacy(spent.history())}
    expected = {
        "participant": spent.address_of(0),
        "is_admitted": True,
        "updates": 2,
        "spent_rho": 1.5,
        "budget_rho": 1.5,
        "spent": 2 * COST,
        "budget": BUDGET,
        "updates_left": 0,
    }
    assert expected.items() <= rows[spent.address_of(0)].items()
    left = [rows[spent.address_of(n)]["updates_left"] for n in range(3)]
    assert left == [0, 1, 2]
    flags = ("history", "privacy", "--task", spent.address)
    flags = (*flags, "--rpc", spent.world.connection.rpc_url)
    assert run([*flags, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == list(rows.values())
    validator = Draft202012Validator({**SCHEMA, "oneOf": [{"$ref": "#/$defs/privacy"}]})
    for line in lines:
        validator.validate(line)
    assert run(flags) == 0
    heading, *table = capsys.readouterr().out.splitlines()
    assert "updates left" in heading
    assert len(table) == 3


def test_without_a_budget_nobody_has_spent_anything(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    federation = world.federation(2, num_rounds=1)
    federation.submit_honestly()
    flags = ["history", "privacy", "--task", federation.address]
    assert run([*flags, "--rpc", world.connection.rpc_url]) == 0
    assert "no privacy budget" in capsys.readouterr().out
    assert not federation.evidence().state.privacy_spent  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("cost", "rho"),
    [
        (0, 0),
        (2**32, 1),
        (2**31, 0.5),
        (2**53 - 1, 2097150),
        (1, 2.32831e-10),
        (2**32 // 3, 0.333333),
    ],
)
def test_a_cost_has_six_digits_as_rho(cost: int, rho: float) -> None:
    assert to_rho(cost) == rho


class OutOfTime(Steady):
    """Trains until nobody wants the update any more."""

    def __init__(self, federation: Federation, meanwhile: Callable[[Federation], object]) -> None:
        super().__init__(federation)
        self._federation, self._meanwhile = federation, meanwhile

    def train(self, parameters: Any, *, seed: int, **more: Any) -> TrainingResult:
        self._meanwhile(self._federation)
        return super().train(parameters, seed=seed, **more)


def remove(federation: Federation, index: int) -> None:
    """Revoke a participant in the registry, and take it out of the task."""
    who, coordinator = federation.address_of(index), federation.coordinator
    registry = federation.task.parameters.registry
    EthereumRegistry(federation.world.connection, registry, coordinator).send(Revoke((who,)))
    federation.ledger(coordinator).send(Remove(who))


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(lambda federation: federation.end_collection(), id="time is up"),
        pytest.param(lambda federation: federation.submit_honestly(1), id="sent elsewhere"),
        pytest.param(lambda federation: remove(federation, 1), id="removed"),
    ],
)
def test_nobody_shows_an_update_that_no_round_would_count(
    world: World, tmp_path: Path, meanwhile: Callable[[Federation], object]
) -> None:
    federation = world.federation(3, num_rounds=1, min_updates=1, privacy=PRIVACY)
    federation.submit_honestly(0)
    told: list[Told] = []
    pinned: list[bytes] = []

    def note_and_put(data: bytes) -> Cid:
        pinned.append(data)
        return world.store.put(data)

    role = ParticipantRole(
        federation.ledger(federation.participants[1]),
        cast(Any, SimpleNamespace(put=note_and_put, get=world.store.get)),
        OutOfTime(federation, meanwhile),
        Journal(tmp_path),
        progress=note_in(told),
    )
    role.step()
    reason = "the round cannot take the update any more"
    assert ("missed", {"round": 1, "reason": reason}) in told
    assert pinned == []


def test_a_group_has_no_place_for_whoever_cannot_pay(world: World, tmp_path: Path) -> None:
    privacy = {"group_size": 3, "cost": COST, "budget": COST, "max_order": 8}
    made = MaskedRound(world, tmp_path, 4, num_rounds=2, privacy=privacy)
    made.share()
    made.enter(0, 1, 2)
    made.tell(0, 1, 2)
    made.federation.aggregate()
    made.open()
    for member in made.members:
        member.look()
    assert [member.masker.has_group() for member in made.members] == [False] * 4
    made[3].journal.close()
    task = made.federation.task
    assert task.draw_members() == {made[3].address}
