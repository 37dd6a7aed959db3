"""Flower's own first apps as participants: trained as they are, audited, refused when changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.commands import Site
from tests.flower_apps import write_app, write_pictures

STAND_INS = Path(__file__).parent / "stand_ins"
TASK = """\
participants = ["alice", "bob"]
[rounds]
num_rounds = 2
[recipe]
flower = "app"
initial = "first_app.task:Net"
run_config = { local-epochs = 2 }
"""
PASSWORD = ("--password-file", "password")


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let apps find their pictures without a network."""
    monkeypatch.setenv("PYTHONPATH", f"{STAND_INS}:{Path(__file__).parents[2]}")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    write_pictures(tmp_path, 400)


def create(site: Site, framework: str, more: str = "") -> tuple[str, ...]:
    """Create a task with an app, and return how commands name it."""
    directory = site.directory / framework
    write_app(directory / "app", framework)
    (directory / "task.toml").write_text(TASK + more)
    created = site.run(
        "task", "create", f"{framework}/task.toml", "--key", "coordinator", *PASSWORD
    )
    assert "pinned first-app.flower as " in created
    return "--task", created.split()[-1]


def train(site: Site, place: tuple[str, ...], framework: str) -> None:
    """Let both participants and the aggregator work until the task is over."""
    processes = [
        site.start(
            *("participant", "run", *place, "--key", name, "--flower", f"{framework}/app"),
            *("--partition-id", str(number), "--num-partitions", "2", *PASSWORD),
        )
        for number, name in enumerate(("alice", "bob"))
    ]
    site.run("aggregator", "run", *place, "--key", "coordinator", *PASSWORD)
    for process in processes:
        with process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert "the Flower app first-app trains on partition" in out
    before, after = site.ask_rows("history", "measures", *place)
    assert (before["base_accuracy"] or 0) < 0.5
    assert after["examples"] == 320
    # Whether two rounds of somebody's app lower the loss is chance: its seeds are the task's.
    assert all(0 < measured["train_loss"] < 100 for measured in (before, after))
    models = [row["model"] for row in site.ask_rows("history", "rounds", *place)]
    assert len(set(models)) == 3  # the first one, and what each round made of it
    assert "pass, 0 fail, 0 undecidable" in site.ask("audit", "run", *place)


def test_apps_train_unmodified_and_are_audited_and_others_are_not_run(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (tmp_path / "password").write_text("a password\n")
    site.run("devnet", "up", "--any-ports")
    try:
        for name in ("coordinator", "alice", "bob"):
            site.run("key", "new", name, *PASSWORD)
        site.run("devnet", "fund", "coordinator", "alice", "bob")
        train(site, create(site, "pytorch_legacy_api"), "pytorch_legacy_api")
        place = create(site, "pytorch", "train_config = { lr = 0.01 }\n")
        site.ask("task", "project", *place, str(tmp_path / "copy"))
        client = tmp_path / "copy" / "first_app" / "client_app.py"
        assert client.read_text() == (tmp_path / "pytorch/app/first_app/client_app.py").read_text()
        client.write_text("raise SystemExit('this was run')\n")
        alice = (*place, "--key", "alice", "--flower")
        site.run("participant", "run", *alice, "copy", *PASSWORD, code=10)
        train(site, place, "pytorch")
        again = site.rows("participant", "replay", *alice, "pytorch/app", "--num-partitions", "2")
        assert [row["is_same"] for row in again] == [True, True]
        site.ask("model", "evaluate", *place, code=10)
    finally:
        site.run("devnet", "down")
    assert site.wait_until_quiet() == []
