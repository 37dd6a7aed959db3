"""What the long-running roles do when a service goes away, or the chain forgets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl_chain.errors import FlChainError, StoreUnreachable
from fl_chain.protocol.actions import Abort
from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.protocol.layout import unflatten
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.roles.journal import Journal
from fl_chain.roles.participant import ParticipantRole
from fl_chain.storage.ipfs import IpfsStore
from fl_chain.storage.store import ContentStore
from fl_chain.training.evaluation import Evaluation
from fl_chain.training.trainer import Memory, Trainer, TrainingResult
from tests.ipfs_fixtures import NodeStarter
from tests.world import Federation, World, assert_passes


class Steady(Trainer):
    """Trains without data: the same small step in every round."""

    def __init__(self, federation: Federation) -> None:
        self._layout = federation.manifest.layout

    def train(self, parameters: Any, *, seed: int, **more: Any) -> TrainingResult:
        size = sum(values.size for values in parameters.values())
        delta = np.random.default_rng(seed).normal(0, 0.01, size).astype(np.float32)
        return TrainingResult(unflatten(delta, self._layout), 100, 1.0, 0.0)

    def evaluate(self, parameters: Any, *, round_number: int = 1) -> Evaluation:
        return Evaluation(50, 5, 2.3)


class Told(Steady):
    """Notes what it is told, and says that its time was up."""

    def __init__(self, federation: Federation) -> None:
        super().__init__(federation)
        self.told: list[dict[str, Any]] = []

    def train(self, parameters: Any, *, seed: int, **more: Any) -> TrainingResult:
        self.told.append({"parameters": parameters, **more})
        result = super().train(parameters, seed=seed)
        return replace(result, num_steps=4, is_cut_short=more["seconds"] is not None)


class Pause(Exception):
    """Stops a role in the middle, as a debugger would; it can be run again."""


class Interrupted:
    """A store whose node goes away once, at the first call of one kind."""

    def __init__(self, store: ContentStore, method: str, go_away: Callable[[], None]) -> None:
        self._store, self._method, self._go_away = store, method, go_away

    def _call(self, method: str) -> None:
        if method == self._method:
            self._method = ""
            self._go_away()

    def put(self, data: bytes) -> Cid:
        self._call("put")
        return self._store.put(data)

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        self._call("get")
        return self._store.get(cid, max_bytes=max_bytes)


def participant(
    federation: Federation, index: int, store: ContentStore, directory: Path, **options: Any
) -> ParticipantRole:
    ledger = federation.ledger(federation.participants[index])
    trainer: Any = Steady(federation)
    return ParticipantRole(ledger, store, trainer, Journal(directory / str(index)), **options)


def in_background(*roles: ParticipantRole) -> list[threading.Thread]:
    threads = [threading.Thread(target=role.run) for role in roles]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.parametrize("who", ["participant", "aggregator"])
@pytest.mark.parametrize("method", ["put", "get"])
def test_an_ipfs_node_that_is_away_for_a_while_is_waited_for(
    world: World, start_ipfs_node: NodeStarter, tmp_path: Path, who: str, method: str
) -> None:
    federation = world.federation(num_rounds=1)
    node = start_ipfs_node()
    api_port = int(node.api_multiaddr.rsplit("/", 1)[1])
    events: list[str] = []

    def note(event: str, values: dict[str, Any]) -> None:
        events.append(event)
        if event == "waiting" and events.count("waiting") == 1:
            start_ipfs_node(api_port=api_port)

    with IpfsStore(node.api_multiaddr, timeout_seconds=10) as store:
        parameters = federation.task.parameters
        for digest in (parameters.manifest_cid_digest, parameters.genesis_cid_digest):
            store.put(world.store.get(Cid(0x55, digest), max_bytes=10**6))
        interrupted: ContentStore = Interrupted(store, method, node.stop)
        stores = [interrupted if who == "participant" else store, store, store]
        options: dict[str, Any] = {"patience_seconds": 30}
        roles = [
            participant(
                federation,
                index,
                stores[index],
                tmp_path,
                progress=note if who == "participant" and index == 0 else lambda *_: None,
                **options,
            )
            for index in range(3)
        ]
        aggregator = AggregatorRole(
            federation.ledger(federation.coordinator),
            interrupted if who == "aggregator" else store,
            progress=note if who == "aggregator" else lambda *_: None,
            **options,
        )
        if who == "participant":
            roles[0].follower.refresh()
        threads = in_background(*roles)
        aggregator.run()
        for thread in threads:
            thread.join()
        assert "waiting" in events
        assert_passes(federation.audit(store), num_rounds=1)


@pytest.mark.parametrize("method", ["put", "get"])
@pytest.mark.parametrize("who", ["participant", "aggregator"])
def test_an_ipfs_node_that_stays_away_ends_the_role_with_its_error(
    world: World, start_ipfs_node: NodeStarter, tmp_path: Path, method: str, who: str
) -> None:
    federation = world.federation(num_rounds=1, min_updates=1, target_updates=1)
    node = start_ipfs_node()
    with IpfsStore(node.api_multiaddr, timeout_seconds=10) as store:
        parameters = federation.task.parameters
        for digest in (parameters.manifest_cid_digest, parameters.genesis_cid_digest):
            store.put(world.store.get(Cid(0x55, digest), max_bytes=10**6))
        role: ParticipantRole | AggregatorRole
        gone = Interrupted(store, method, node.stop)
        if who == "participant":
            role = participant(federation, 0, gone, tmp_path, patience_seconds=0.3)
        else:
            blob = federation.update(0)
            store.put(blob)
            federation.submit(0, blob, pin=False)
            role = AggregatorRole(
                federation.ledger(federation.coordinator), gone, patience_seconds=0.3
            )
        with pytest.raises(StoreUnreachable) as error:
            role.run()
        role.follower.ledger.close()  # type: ignore[attr-defined]
    assert isinstance(error.value, FlChainError)
    assert error.value.exit_code == 12


def test_updates_that_the_chain_forgot_and_got_again_are_examined_again(world: World) -> None:
    """A devnet that was killed loses its last second: the same sequence is another update now."""
    federation = world.federation(num_rounds=1)
    connection = world.connection
    blobs = [federation.update(index) for index in range(3)]
    snapshot = connection.call("evm_snapshot")
    federation.submit(0, blobs[0])
    federation.submit(1, blobs[1])
    seen: list[str] = []

    def note(event: str, values: dict[str, Any]) -> None:
        seen.append(event)
        if seen.count("examined") == 2 and event == "examined":
            raise Pause

    ledger = federation.ledger(federation.coordinator)
    role = AggregatorRole(ledger, world.store, progress=note)
    with pytest.raises(Pause):
        role.run()
    assert connection.call("evm_revert", snapshot)
    for index in (2, 0, 1):
        federation.submit(index, blobs[index], weight=100 + index)
    role.run()
    ledger.close()
    order = [record.cid_digest for record in federation.task.rounds[1].updates]
    assert order == [compute_cid(blobs[index]).digest for index in (2, 0, 1)]
    assert_passes(federation.audit(), num_rounds=1)


def test_participants_that_come_too_late_miss_the_round_and_go_on(
    world: World, tmp_path: Path
) -> None:
    """Three submit at once where two are enough: whoever loses the race takes part in the next."""
    federation = world.federation(num_rounds=4, min_updates=1, target_updates=2)
    roles = [participant(federation, index, world.store, tmp_path) for index in range(3)]
    threads = in_background(*roles)
    ledger = federation.ledger(federation.coordinator)
    AggregatorRole(ledger, world.store).run()
    for thread in threads:
        thread.join()
    ledger.close()
    assert_passes(federation.audit(), num_rounds=4)
    assert all(len(history.updates) == 2 for history in federation.task.rounds.values())


class Stuck(Steady):
    """Does not come to an end before it is told to."""

    def __init__(self, federation: Federation, may_end: threading.Event) -> None:
        super().__init__(federation)
        self._may_end = may_end

    def train(self, parameters: Any, *, seed: int, **more: Any) -> TrainingResult:
        assert self._may_end.wait(60)
        return super().train(parameters, seed=seed, **more)


def test_training_that_outlasts_the_round_is_said_while_it_goes_on(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(num_rounds=1, min_updates=1, collect_seconds=2)
    is_late = threading.Event()
    events: list[str] = []

    def progress(event: str, values: dict[str, Any]) -> None:
        events.append(event)
        if event == "training_late":
            is_late.set()

    ledger = federation.ledger(federation.participants[0])
    trainer: Any = Stuck(federation, is_late)
    journal = Journal(tmp_path / "stuck")
    role = ParticipantRole(ledger, world.store, trainer, journal, progress=progress)
    while "missed" not in events:
        assert not role.step()
    assert events.index("training_late") < events.index("missed")
    assert "submitted" not in events


def test_a_round_that_a_stop_ended_is_not_said_to_have_passed_its_deadline(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(num_rounds=2, min_updates=2, collect_seconds=1000)
    events: list[tuple[str, dict[str, Any]]] = []
    role = participant(
        federation, 0, world.store, tmp_path, progress=lambda *event: events.append(event)
    )
    assert not role.step()
    world.advance_clock(1001)
    federation.ledger(federation.coordinator).send(Abort(1))
    assert not role.step()
    federation.stop()
    while not role.step():
        pass
    told = [event for event in events if event[0] in ("ended", "stopped")]
    assert told == [("ended", {"round": 1}), ("stopped", {"rounds": 0})]


class Counting(Steady):
    """Remembers how often it has trained; the first time takes longer than the round."""

    def __init__(self, federation: Federation) -> None:
        super().__init__(federation)
        self._federation = federation
        self._count = 0
        self.restored: list[int] = []

    def memory(self) -> Memory:
        return {"count": np.array(self._count)}

    def restore(self, memory: Memory) -> None:
        self._count = int(memory.get("count", np.array(0)))
        self.restored.append(self._count)

    def train(self, parameters: Any, *, seed: int, **more: Any) -> TrainingResult:
        self._count += 1
        if len(self.restored) == 1:
            self._federation.world.advance_clock(2000)
        return super().train(parameters, seed=seed, **more)


def test_training_that_came_too_late_is_forgotten_with_its_update(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(1, num_rounds=1, collect_seconds=1000)
    trainer, events = Counting(federation), []
    role = ParticipantRole(
        federation.ledger(federation.participants[0]),
        world.store,
        trainer,
        Journal(tmp_path),
        progress=lambda event, values: events.append(event),
    )
    while "submitted" not in events:
        assert not role.step()
        if "missed" in events:
            world.advance_clock(1000)  # so that it aborts the round, which nobody else does
            events.remove("missed")
    assert trainer.restored == [0, 0]


@pytest.mark.parametrize("algorithm", ["fedavg", "fednova", "scaffold"])
def test_a_trainer_is_told_what_its_algorithm_asks_for(
    world: World, tmp_path: Path, algorithm: str
) -> None:
    steps = 0 if algorithm == "fedavg" else 10
    recipe = {"algorithm": algorithm, "reference_steps": steps}
    federation = world.federation(1, num_rounds=3, collect_seconds=1000, recipe=recipe)
    trainer, events = Told(federation), []
    role = ParticipantRole(
        federation.ledger(federation.participants[0]),
        world.store,
        trainer,
        Journal(tmp_path),
        progress=lambda event, values: events.append((event, values)),
    )
    threads = in_background(role)
    AggregatorRole(federation.ledger(federation.coordinator), world.store).run()
    for thread in threads:
        thread.join()
    assert [told["round_number"] for told in trainer.told] == [1, 2, 3]
    cut_short = [values for event, values in events if event == "cut_short"]
    if algorithm == "fedavg":
        assert all(told["seconds"] is None for told in trainer.told)
        assert cut_short == []
    else:
        assert all(0 < told["seconds"] <= 0.8 * 1001 for told in trainer.told)
        assert cut_short == [{"round": number, "steps": 4} for number in (1, 2, 3)]
    for before, told in zip([None, *trainer.told], trainer.told, strict=False):
        expected = before["parameters"] if before and algorithm == "scaffold" else None
        assert (told["former"] is None) == (expected is None)
        if expected is not None:
            assert all(np.array_equal(told["former"][name], expected[name]) for name in expected)
