"""Noise within a budget, from task.toml to what was spent, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.commands import Site

PASSWORD = ("--password-file", "password")
TASK = """
participants = ["alice", "bob"]
measurements = false
[privacy]
mode = "sealed"
epsilon = 8
delta = 1e-5
[rounds]
num_rounds = 2
min_updates = 2
[recipe]
model = "digits_mlp"
data = "digits"
learning_rate = 0.5
"""
IN_TRAINING = """
noise_multiplier = 1.5
max_grad_norm = 1
sampling_rate = 0.1
"""
ON_UPDATES = """
[privacy]
clip_norm = 1
noise_multiplier = 1.5
"""
TASKS = {
    "sample": TASK + IN_TRAINING,
    "participant": TASK.replace("[privacy]\n", ON_UPDATES.lstrip()),
}


@pytest.mark.parametrize("unit", TASKS)
def test_noise_keeps_updates_within_their_epsilon(tmp_path: Path, unit: str) -> None:
    described = TASKS[unit]
    site = Site(tmp_path)
    (tmp_path / "password").write_text("secret\n")
    site.rows("devnet", "up", "--any-ports")
    try:
        for name in ("coordinator", "alice", "bob"):
            site.run("key", "new", name, *PASSWORD)
        site.run("devnet", "fund", "coordinator", "alice", "bob")
        (tmp_path / "task.toml").write_text(described.replace("epsilon = 8", "epsilon = 0.1"))
        site.run("task", "create", "task.toml", "--key", "coordinator", *PASSWORD, code=10)
        (tmp_path / "task.toml").write_text(described)
        rows = site.rows("task", "create", "task.toml", "--key", "coordinator", *PASSWORD)
        (task,) = [row["ledger"] for row in rows if row["event"] == "deployed"]
        (told,) = [row for row in rows if row["event"] == "budget"]
        assert told["updates"] >= 2
        (agreed,) = [row for row in rows if row["event"] == "epsilon"]
        assert (agreed["epsilon"], agreed["delta"], agreed["unit"]) == (8, 1e-5, unit)
        of_task = ("--task", task)
        key = ("registry", "set-encryption-key", *of_task, *PASSWORD)
        site.rows(*key, "--key", "coordinator")
        run = ("participant", "run", *of_task, *PASSWORD, "--num-partitions", "2")
        processes = [
            site.start("aggregator", "run", *of_task, "--key", "coordinator", *PASSWORD),
            site.start(*run, "--key", "alice", "--partition-id", "0"),
            site.start(*run, "--key", "bob", "--partition-id", "1"),
        ]
        for process in processes:
            out, err = process.communicate(timeout=120)
            assert (process.returncode, err) == (0, ""), out
        audit = site.rows("audit", "run", *of_task, "--reader", "coordinator", *PASSWORD)
        assert audit[-1]["verdict"] == "PASS"
        spent = site.rows("history", "privacy", *of_task)
        assert [row["updates"] for row in spent] == [2, 2]
        for row in spent:
            assert 0 < row["epsilon"] <= 8
            assert (row["delta"], row["unit"]) == (1e-5, unit)
            assert row["spent"] + row["updates_left"] * told["cost"] <= row["budget"]
        (stricter, _) = site.rows("history", "privacy", *of_task, "--delta", "1e-7")
        assert stricter["epsilon"] > spent[0]["epsilon"]
        replayed = ("participant", "replay", *of_task, "--key", "alice", "--num-partitions", "2")
        same = site.rows(*replayed, *PASSWORD)
        assert [row["is_same"] for row in same] == [True, True]
    finally:
        site.run("devnet", "down")


@pytest.mark.parametrize("line", ["epsilon = 8", "delta = 1e-5"])
def test_half_a_budget_is_told(tmp_path: Path, line: str) -> None:
    site = Site(tmp_path)
    (tmp_path / "task.toml").write_text(TASKS["sample"].replace(line + "\n", ""))
    out = site.run("task", "create", "task.toml", "--key", "nobody", *PASSWORD, code=10)
    assert out == ""
