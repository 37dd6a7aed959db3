"""Audits of part of a task, audits that are broken off, and audits that go on after that."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fl_chain.audit.findings import Verdict
from fl_chain.chain.connection import ChainConnection
from fl_chain.cli.main import run
from fl_chain.errors import ChainUnreachable
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.roles.auditor import audit_task
from fl_chain.storage.api_address import api_url
from tests.golden import CHECKOUT
from tests.proxies import ChainProxy, IpfsProxy, chain_proxy, ipfs_proxy
from tests.world import Federation, World

ROUNDS = 3
SCHEMA = json.loads((CHECKOUT / "docs/schemas/finding.schema.json").read_text("utf-8"))
WAIT_SECONDS = 30

Row = dict[str, Any]
Audit = Callable[..., tuple[list[Row], Row]]


@pytest.fixture(scope="module")
def federation(world: World) -> Federation:
    made = world.federation(num_rounds=ROUNDS)
    for _ in range(ROUNDS):
        made.run_round()
    return made


@pytest.fixture(scope="module")
def endpoints(world: World) -> list[str]:
    return ["--rpc", world.connection.rpc_url, "--ipfs", world.ipfs_address]


@pytest.fixture
def audit(
    federation: Federation,
    endpoints: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Audit:
    """Run an audit with --json; every line has the form that is documented."""

    def call(*options: str, code: int = 0) -> tuple[list[Row], Row]:
        capsys.readouterr()
        task = ("--task", federation.address, *endpoints)
        assert run(["--state", str(tmp_path), "audit", "run", *task, "--json", *options]) == code
        printed = capsys.readouterr()
        assert printed.err == ""
        *findings, last = [json.loads(line) for line in printed.out.splitlines()]
        for row in findings:
            jsonschema.validate(row, {**SCHEMA, "$ref": "#/$defs/finding"})
        jsonschema.validate(last, {**SCHEMA, "$ref": "#/$defs/result"})
        return findings, last

    return call


def rounds_of(findings: list[Row], *, is_former: bool | None = None) -> set[int]:
    return {
        row["round"]
        for row in findings
        if row["round"] is not None
        and (is_former is None or (row["audited_at"] is not None) == is_former)
    }


def file_of(directory: Path) -> Path:
    (path,) = (directory / "audits").iterdir()
    return path


def num_noted(directory: Path) -> int:
    """Return how many rounds are noted as passed."""
    try:
        return len(file_of(directory).read_bytes().splitlines()) - 1
    except (OSError, ValueError):
        return 0


# ---------------------------------------------------------------- parts, jobs


def test_since_a_round_executes_this_one_and_those_after_it(audit: Audit) -> None:
    whole, _ = audit()
    found, last = audit("--since", "2")
    assert found == [row for row in whole if row["round"] != 1]
    assert (last["rounds"], last["rounds_taken_over"]) == (2, 0)
    assert rounds_of(audit("--since", "last")[0]) == {ROUNDS}


@pytest.mark.parametrize("jobs", ["1", "2", "5"])
def test_the_number_of_jobs_changes_nothing_that_is_printed(audit: Audit, jobs: str) -> None:
    assert audit("--jobs", jobs) == audit("--jobs", "1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--since", "9"], "no round from 9 on has a proposed model"),
        (["--since", "0"], "is no round"),
        (["--since", "yesterday"], "is no round"),
        (["--since", "2", "--round", "2"], "exclude each other"),
        (["--jobs", "0"], "--jobs"),
        (["--explain", "luck"], "there is no check 'luck'"),
    ],
)
def test_a_wrong_option_is_answered_with_what_is_right(
    federation: Federation,
    endpoints: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    options: list[str],
    message: str,
) -> None:
    task = ("--task", federation.address, *endpoints)
    assert run(["--state", str(tmp_path), "audit", "run", *task, *options]) == 3
    printed = capsys.readouterr()
    assert message in printed.err.splitlines()[0]
    assert printed.out == ""


def test_a_check_is_explained_without_any_task(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "run", "--explain", "aggregate"]) == 0
    told = capsys.readouterr().out
    assert run(["audit", "explain", "aggregate"]) == 0
    assert capsys.readouterr().out == told
    for word in ("PASS:", "It assumes:", "FAIL:", "UNDECIDABLE:", "section 9.4"):
        assert word in told
    assert run(["audit", "explain"]) == 0
    assert "aggregate " in capsys.readouterr().out
    assert run(["audit", "explain", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert run(["audit", "explain", "report", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) in rows


# ---------------------------------------------------------------- progress


def run_at_a_terminal(arguments: list[str], *, is_all: bool) -> tuple[str, str]:
    """Return what a command prints to a pipe, and to a terminal that is its standard error."""
    ours, theirs = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):  # the terminal's other end is closed
            while data := os.read(ours, 4096):
                shown.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    with subprocess.Popen(
        [sys.executable, "-m", "fl_chain.cli", *arguments],
        stdout=theirs if is_all else subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "160"},
        text=True,
    ) as process:
        os.close(theirs)
        out, _ = process.communicate(timeout=WAIT_SECONDS)
    reader.join()
    os.close(ours)
    assert process.returncode == 0
    return out or "", b"".join(shown).decode()


@pytest.mark.parametrize("is_all", [True, False], ids=["terminal", "pipe"])
def test_bars_at_a_terminal_leave_the_findings_as_they_are(
    federation: Federation, endpoints: list[str], tmp_path: Path, *, is_all: bool
) -> None:
    command = ["--state", str(tmp_path), "audit", "run", "--task", federation.address, *endpoints]
    out, shown = run_at_a_terminal(command, is_all=is_all)
    for word in ("rounds", "updates", f"{ROUNDS}/{ROUNDS}"):
        assert word in shown
    findings = [line for line in (shown if is_all else out).splitlines() if "PASS" in line]
    assert len([line for line in findings if "aggregate" in line]) == ROUNDS
    if not is_all:
        assert "updates  " not in out
        assert "\x1b" not in out
    _, shown = run_at_a_terminal([*command, "--json"], is_all=False)
    assert shown == ""


# ---------------------------------------------------------------- taking over


def test_a_resumed_audit_executes_only_what_is_new(
    audit: Audit, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, result = audit()
    assert rounds_of(whole, is_former=True) == set()
    assert result["rounds"] == num_noted(tmp_path) == ROUNDS
    again, last = audit("--resume")
    assert rounds_of(again, is_former=True) == rounds_of(whole)
    assert (last["rounds"], last["rounds_taken_over"]) == (0, ROUNDS)
    assert [(r["check"], r["verdict"], r["round"]) for r in again] == [
        (r["check"], r["verdict"], r["round"]) for r in whole
    ]
    some, last = audit("--resume", "--since", "2")
    assert rounds_of(some, is_former=True) == {2, 3}
    assert last["rounds_taken_over"] == 2


def test_people_are_told_how_much_was_taken_over(
    audit: Audit,
    federation: Federation,
    endpoints: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    audit("--round", "2")
    task = ("--task", federation.address, *endpoints)
    assert run(["--state", str(tmp_path), "audit", "run", *task, "--resume"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    *lines, _, last = printed.out.splitlines()
    assert last.endswith("2 rounds re-executed, 1 taken over from a former audit")
    marked = [line for line in lines if "taken over from the audit of" in line]
    assert marked
    assert all(" round 2 " in line for line in marked)


def test_a_task_that_goes_on_is_audited_from_where_the_audit_was(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(num_rounds=2)
    federation.submit_honestly()
    derived = federation.derive()
    federation.propose(derived.model, derived.report)

    def go_on() -> set[int | None]:
        findings = audit_task(
            world.connection, federation.address, world.store, state=tmp_path, is_resumed=True
        )
        assert {finding.verdict for finding in findings} == {Verdict.PASS}
        return {f.round for f in findings if f.audited_at is not None}

    assert go_on() == set()
    world.advance_clock(federation.task.parameters.challenge_seconds)
    federation.finalize()
    assert go_on() == {1}, "that it became final changes nothing about its proposal"
    federation.run_round()
    assert go_on() == {1}
    assert go_on() == {1, 2}


# ---------------------------------------------------------------- broken off


@pytest.fixture
def slow_ipfs(world: World, federation: Federation) -> Iterator[IpfsProxy]:
    """An IPFS node that keeps silent about an update of round 2."""
    with ipfs_proxy(api_url(world.ipfs_address)) as proxy:
        digest = federation.task.rounds[2].updates[1].cid_digest
        proxy.silent_about.add(str(cid_from_digest(digest, 0)))
        yield proxy


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=lambda how: how.name)
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_audit_that_was_broken_off_goes_on(
    audit: Audit,
    federation: Federation,
    world: World,
    slow_ipfs: IpfsProxy,
    tmp_path: Path,
    how: signal.Signals,
    jobs: str,
) -> None:
    command = [sys.executable, "-m", "fl_chain.cli", "--state", str(tmp_path), "audit", "run"]
    where = ["--rpc", world.connection.rpc_url, "--ipfs", slow_ipfs.address]
    with subprocess.Popen(
        [*command, "--task", federation.address, *where, "--jobs", jobs],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + WAIT_SECONDS
        while not (num_noted(tmp_path) and slow_ipfs.silent_about & set(slow_ipfs.asked)):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, how)
        _, err = process.communicate(timeout=WAIT_SECONDS)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert err == "rounds that passed are noted: --resume goes on from there\ninterrupted\n"
    found, last = audit("--resume")
    assert rounds_of(found, is_former=True) == {1}
    assert rounds_of(found, is_former=False) == {2, 3}
    assert (last["verdict"], last["rounds"], last["rounds_taken_over"]) == ("PASS", 2, 1)


@pytest.fixture
def chain(world: World) -> Iterator[ChainProxy]:
    with chain_proxy(world.connection.rpc_url) as proxy:
        yield proxy


def test_a_chain_node_that_falls_silent_midway_ends_the_audit(
    federation: Federation, chain: ChainProxy, tmp_path: Path
) -> None:
    def audit_once(**timeout: float) -> int:
        connection = ChainConnection(chain.url, **timeout)
        return len(audit_task(connection, federation.address, federation.store, state=tmp_path))

    audit_once()
    total = chain.num_requests
    assert total > 5
    for last in range(total):
        chain.reset(last)
        with pytest.raises(ChainUnreachable, match="timed out"):
            audit_once(timeout_seconds=0.3)
    chain.reset()
    assert audit_once()


def test_after_a_chain_node_went_away_midway_a_resumed_audit_goes_on(
    audit: Audit,
    federation: Federation,
    world: World,
    chain: ChainProxy,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    audit("--round", "1")
    chain.hangs_up, chain.last_request = True, 3
    where = ["--rpc", chain.url, "--ipfs", world.ipfs_address]
    options = ["--task", federation.address, *where, "--resume"]
    assert run(["--state", str(tmp_path), "audit", "run", *options]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    error, hint = printed.err.splitlines()
    assert error.startswith(f"error: no chain node answers at {chain.url}")
    assert hint.startswith(" hint: ")
    found, last = audit("--resume")
    assert rounds_of(found, is_former=True) == {1}
    assert last["rounds"] == ROUNDS - 1
