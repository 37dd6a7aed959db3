"""What participants contributed, of a real task in which one of them does harm."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fl_chain.cli.main import run
from fl_chain.errors import BlobUnavailable, UsageError
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.roles.contributions import list_contributions
from fl_chain.roles.evaluator import Evaluator
from fl_chain.roles.journal import Journal
from fl_chain.roles.manifest_shelf import ManifestShelf
from fl_chain.roles.participant import ParticipantRole
from fl_chain.training.trainer import Trainer, TrainingResult
from tests.faults.test_replay_training import own_trainer
from tests.faults.test_roles import in_background
from tests.world import Federation, World

Ask = Callable[..., list[dict[str, Any]]]


class Harmful(Trainer):
    """Trains, and hands in the opposite."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer

    def train(self, parameters: Any, *, seed: int, **more: Any) -> TrainingResult:
        result = self._trainer.train(parameters, seed=seed, **more)
        opposite = {name: -delta for name, delta in result.parameter_delta.items()}
        return replace(result, parameter_delta=opposite)

    def evaluate(self, parameters: Any, *, round_number: int = 1) -> Any:
        return self._trainer.evaluate(parameters, round_number=round_number)


@pytest.fixture(scope="module")
def federation(world: World, tmp_path_factory: pytest.TempPathFactory) -> Federation:
    """Return a finished task whose participant 2 did harm."""
    federation = world.federation(3, num_rounds=2)
    assert federation.manifest, "is read once, before there are threads"
    trainers: list[Trainer] = [own_trainer(federation, index) for index in range(2)]
    trainers.append(Harmful(own_trainer(federation, 1)))
    directory = tmp_path_factory.mktemp("journals")
    threads = in_background(
        *(
            ParticipantRole(
                federation.ledger(federation.participants[index]),
                world.store,
                trainer,
                Journal(directory / str(index)),
            )
            for index, trainer in enumerate(trainers)
        )
    )
    AggregatorRole(federation.ledger(federation.coordinator), world.store).run()
    for thread in threads:
        thread.join()
    return federation


@pytest.fixture
def ask(
    federation: Federation,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ask:
    """Run the command with --json, and return its lines."""
    monkeypatch.chdir(tmp_path)

    def ask(*arguments: str, code: int = 0) -> Any:
        flags = ["--task", federation.address, "--rpc", world.connection.rpc_url]
        flags += ["--ipfs", world.ipfs_address]
        capsys.readouterr()
        assert run(["contribution", "list", *arguments, *flags]) == code
        found = capsys.readouterr()
        if code:
            return found.err
        if "--json" not in arguments:
            return found.out
        return [json.loads(line) for line in found.out.splitlines()]

    return ask


@pytest.mark.parametrize("measure", ["loss", "accuracy"])
def test_who_does_harm_is_told_from_who_does_not(
    federation: Federation, ask: Ask, measure: str
) -> None:
    rows = ask("--round", "1", "--shapley", "--measure", measure, "--json")
    assert len(rows) == 3
    by_name = {row["participant"]: row for row in rows}
    harmful = by_name.pop(federation.address_of(2))
    for row in by_name.values():
        for column in ("cosine", "leave_one_out", "shapley"):
            assert row[column] > harmful[column]
    assert harmful["leave_one_out"] < 0
    assert harmful["cosine"] < 0 < min(row["cosine"] for row in by_name.values())


def test_anybody_gets_the_same_numbers(ask: Ask) -> None:
    assert ask("--round", "2", "--json") == ask("--round", "2", "--json")


def test_people_are_told_what_it_was_measured_on(ask: Ask) -> None:
    shown: Any = ask("--round", "1")
    assert "leave one out" in shown
    assert "measured in loss on the test set of digits" in shown


def test_a_round_that_is_not_there_is_said(ask: Ask) -> None:
    assert "round 9 has no final model" in str(ask("--round", "9", code=UsageError.exit_code))


def test_an_update_that_is_missing_is_said(federation: Federation, world: World) -> None:
    update = federation.task.rounds[2].updates[0]
    path = world.block_file(cid_from_digest(update.cid_digest, 1))
    content = path.read_bytes()
    path.unlink()
    try:
        history = federation.history(ManifestShelf(world.store, world.connection.chain_id))
        evaluator = Evaluator(federation.ledger(), world.store)
        with pytest.raises(BlobUnavailable, match="cannot provide"):
            list(list_contributions(history, world.store, evaluator, 2))
    finally:
        path.write_bytes(content)
