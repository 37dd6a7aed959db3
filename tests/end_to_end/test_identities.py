"""An open task with an enrolment bond: a participant enrols itself, and changes its key."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.commands import TIMEOUT_SECONDS, Site

PASSWORD = ("--password-file", "password")
NAMES = ("coordinator", "alice", "bob", "bob-2", "mallory")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    (made.directory / "password").write_text("correct horse\n")
    try:
        yield made
    finally:
        made.run("devnet", "down")
        assert made.wait_until_quiet() == []


def create_task(site: Site) -> str:
    (site.directory / "task.toml").write_text(
        """participants = ["alice"]
admission = "open"
[recipe]
model = "digits_mlp"
data = "digits"
[rounds]
num_rounds = 2
min_updates = 2
target_updates = 2
[enrolment]
bond_gwei = 50_000_000
leave_seconds = 0
"""
    )
    *_, created = site.rows("task", "create", "task.toml", "--key", "coordinator", *PASSWORD)
    return str(created["ledger"])


def read_until(process: subprocess.Popen[str], event: str) -> list[str]:
    """Return the events that a role reports, up to the first of this name."""
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(json.loads(line)["event"])
        if seen[-1] == event:
            return seen
    assert process.stderr is not None
    raise AssertionError((seen, process.stderr.read()))


def test_a_participant_changes_its_key_in_the_middle_of_a_task(site: Site) -> None:
    site.rows("devnet", "up", "--any-ports")
    addresses = {name: site.run("key", "new", name, *PASSWORD).strip() for name in NAMES}
    site.run("devnet", "fund", *NAMES)
    task = create_task(site)
    of_task = ("--task", task)

    def in_registry(verb: str, *arguments: str, key: str) -> dict[str, Any]:
        (row,) = site.rows("registry", verb, *arguments, *of_task, "--key", key, *PASSWORD)
        return row

    # Open or not, nobody gets in without an enrolment.
    common = (*of_task, *PASSWORD, "--json")
    run = ("participant", "run", *common, "--num-partitions", "2")
    site.run(*run, "--key", "bob", "--partition-id", "1", code=10)
    bonded = in_registry("enrol", "--with-bond", key="bob")
    assert (bonded["event"], bonded["bond"]) == ("bonded", "0.05 ether")

    # Round 1 waits for alice; bob has submitted there, and changes its key meanwhile.
    with site.start(*run, "--key", "bob", "--partition-id", "1") as bob:
        assert "admitted" in read_until(bob, "submitted")
        bob.kill()
    set_key = in_registry("set-encryption-key", key="bob")
    in_registry("accept", "bob", "--output", "acceptance.json", key="bob-2")
    rotated = in_registry("rotate", "acceptance.json", key="bob")
    assert (rotated["participant"], rotated["successor"]) == (addresses["bob"], addresses["bob-2"])

    processes = [
        site.start("aggregator", "run", *common, "--key", "coordinator"),
        site.start(*run, "--key", "bob-2", "--partition-id", "1"),
        site.start(*run, "--key", "alice", "--partition-id", "0"),
    ]
    told = []
    for process in processes:
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        assert (process.returncode, err) == (0, ""), out
        told.append([json.loads(line) for line in out.splitlines()])
    submitted = [row["round"] for row in told[1] if row["event"] == "submitted"]
    assert submitted == [2]  # round 1 has an update of bob's old key
    assert "succeeded" in [row["event"] for row in told[1]]
    *findings, summary = site.rows("audit", "run", *of_task)
    counts = {"pass": len(findings), "fail": 0, "undecidable": 0}
    assert summary == {"verdict": "PASS", **counts, "rounds": 2, "rounds_taken_over": 0}
    updates = site.ask_rows("history", "updates", *of_task)
    authors = {(row["round"], row["participant"]) for row in updates}
    assert authors == {
        (1, addresses["alice"]),
        (1, addresses["bob"]),
        (2, addresses["alice"]),
        (2, addresses["bob-2"]),
    }

    # The bond moved along; who leaves has it back.
    rows = {row["address"]: row for row in site.ask_rows("registry", "show", *of_task)}
    assert rows[addresses["bob"]]["successor"] == addresses["bob-2"]
    assert rows[addresses["bob"]]["encryption_key"] == set_key["key"]
    assert rows[addresses["bob-2"]]["bond_wei"] == 5 * 10**16
    in_registry("leave", key="bob-2")
    assert in_registry("claim-bond", key="bob-2")["wei"] == 5 * 10**16
    in_registry("enrol", "mallory", key="coordinator")
    in_registry("revoke", "mallory", key="coordinator")
    assert addresses["alice"][:10] in site.ask("registry", "show", *of_task)
    *_, summary = site.rows("audit", "run", *of_task)
    assert summary["verdict"] == "PASS"


def test_a_registry_of_its_own_serves_a_task(site: Site) -> None:
    site.rows("devnet", "up", "--any-ports")
    for name in ("coordinator", "alice"):
        site.run("key", "new", name, *PASSWORD)
    site.run("devnet", "fund", "coordinator", "alice")
    (created,) = site.rows("registry", "create", "--key", "coordinator", *PASSWORD)
    of_registry = ("--registry", created["registry"])
    site.run("registry", "enrol", "alice", *of_registry, "--key", "coordinator", *PASSWORD)
    (row,) = site.rows("registry", "show", *of_registry)
    assert row["is_enrolled"]
    (named,) = site.rows(
        "registry", "set-encryption-key", *of_registry, "--key", "alice", *PASSWORD
    )
    (row,) = site.rows("registry", "show", *of_registry)
    assert row["encryption_key"] == named["key"]
    refused = (*of_registry, "--key", "alice", *PASSWORD)
    site.run("registry", "enrol", "--with-bond", *refused, code=10)
    site.run("registry", "enrol", *refused, code=10)
    site.run("registry", "enrol", "coordinator", *refused, code=13)
    site.run("registry", "show", code=10)
    site.run("registry", "rotate", "password", *refused, code=10)
