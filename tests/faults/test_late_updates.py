"""Participants whose training outlasts rounds: what they trained goes into a later one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fl_chain.protocol.staleness import discount_weight
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.journal import Journal
from fl_chain.roles.participant import ParticipantRole
from fl_chain.roles.replay_training import replay_training
from fl_chain.training.trainer import TrainingResult
from tests.faults.test_roles import Steady
from tests.world import Federation, World, assert_passes

EXAMPLES = 100
"""What `Steady` says that it trained on."""


class Slow(Steady):
    """Rounds go by while it trains for the first time."""

    def __init__(self, federation: Federation, meanwhile: Callable[[], None]) -> None:
        super().__init__(federation)
        self._meanwhile = meanwhile
        self.seeds: list[int] = []

    def train(self, parameters: Any, *, seed: int, **more: Any) -> TrainingResult:
        self.seeds.append(seed)
        if len(self.seeds) == 1:
            self._meanwhile()
        return super().train(parameters, seed=seed, **more)


class Late:
    """Participant 0 at work, while the others fill so many rounds without it."""

    def __init__(self, federation: Federation, directory: Path, num_rounds: int) -> None:
        self.federation = federation
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.trainer = Slow(federation, lambda: self.fill(num_rounds))
        self.journal = Journal(directory)
        ledger = federation.ledger(federation.participants[0])
        self.role = ParticipantRole(
            ledger,
            federation.store,
            self.trainer,
            self.journal,
            progress=lambda event, values: self.events.append((event, values)),
        )

    def fill(self, num_rounds: int) -> None:
        for _ in range(num_rounds):
            self.federation.submit_honestly(1, 2)
            self.federation.aggregate()

    def work_until(self, event: str) -> dict[str, Any]:
        while event not in dict(self.events):
            assert not self.role.step()
        return dict(self.events)[event]


def own_updates(federation: Federation) -> list[tuple[int, int]]:
    """Return round and weight of participant 0's updates."""
    sender = federation.address_of(0)
    return [
        (number, update.weight)
        for number, history in sorted(federation.task.rounds.items())
        for update in history.updates
        if update.participant == sender
    ]


@pytest.mark.parametrize("staleness", [1, 2])
def test_what_was_trained_goes_into_a_later_round_and_counts_less(
    world: World, tmp_path: Path, staleness: int
) -> None:
    federation = world.federation(
        num_rounds=4, min_updates=2, target_updates=2, max_staleness=2, max_weight=2 * EXAMPLES
    )
    late = Late(federation, tmp_path, staleness)
    submitted = late.work_until("submitted")
    assert (submitted["round"], submitted["staleness"]) == (1 + staleness, staleness)
    federation.submit_honestly(1)
    federation.aggregate()
    weight = discount_weight(EXAMPLES, staleness)
    assert own_updates(federation) == [(1 + staleness, weight)]
    assert federation.exclusions() == []
    assert len(late.trainer.seeds) == 1
    # From then on it is in time, and trains from the newest model.
    late.events.clear()
    assert "staleness" not in late.work_until("submitted")
    federation.submit_honestly(1)
    federation.aggregate()
    assert own_updates(federation)[1] == (2 + staleness, EXAMPLES)
    assert_passes(federation.audit(), 2 + staleness)
    follower = TaskFollower(federation.ledger(), federation.store)
    follower.refresh()
    rows = replay_training(follower, federation.store, Steady(federation), federation.address_of(0))
    assert [row["is_same"] for row in rows] == [True, True]


def test_training_that_took_too_many_rounds_is_done_again(world: World, tmp_path: Path) -> None:
    federation = world.federation(num_rounds=4, min_updates=2, target_updates=2, max_staleness=1)
    late = Late(federation, tmp_path, 2)
    assert late.work_until("outdated") == {"round": 1, "most": 1}
    assert late.work_until("submitted")["round"] == 3
    assert len(late.trainer.seeds) == 2
    federation.submit_honestly(1)
    federation.aggregate()
    assert_passes(federation.audit(), 3)


def test_without_staleness_a_round_that_closed_is_missed(world: World, tmp_path: Path) -> None:
    federation = world.federation(num_rounds=3, min_updates=2, target_updates=2)
    late = Late(federation, tmp_path, 1)
    assert late.work_until("submitted")["round"] == 2
    assert "carried_over" not in dict(late.events)
    assert len(late.trainer.seeds) == 2


def test_an_aborted_round_takes_nothing_from_what_was_trained(world: World, tmp_path: Path) -> None:
    """The next round starts from the same model: what was trained is not late at all."""
    federation = world.federation(num_rounds=2, min_updates=2, target_updates=2, max_staleness=1)
    late = Late(federation, tmp_path, 0)
    submitted = late.work_until("submitted")
    assert submitted["round"] == 1
    federation.end_collection()
    late.events.clear()
    while federation.task.current.round == 1:
        world.advance_clock(20)
        late.role.step()
    again = late.work_until("submitted")
    assert again["round"] == 2
    assert "staleness" not in again
    # From the same model and data follows the same update, but for the round that it is bound to.
    assert late.trainer.seeds[0] == late.trainer.seeds[-1]


def test_whoever_is_killed_while_late_begins_again_from_the_newest_model(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(num_rounds=3, min_updates=2, target_updates=2, max_staleness=2)
    late = Late(federation, tmp_path, 1)
    late.work_until("carried_over")
    late.journal.close()
    again = Late(federation, tmp_path, 0)
    submitted = again.work_until("submitted")
    assert submitted["round"] == 2
    assert "staleness" not in submitted
    federation.submit_honestly(1)
    federation.aggregate()
    assert_passes(federation.audit(), 2)
