"""Somebody writes into the auditor's folder that a wrong round has passed.

A line that was made for other records, another build or another task is not believed. One that is
made for exactly these records is the auditor's own word, and still neither silent nor worth more
than it says: its findings are marked, the checks of the task and every other round are made, and
an audit without ``--resume`` does not read it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fl_chain.audit.findings import Finding, Verdict, compute_verdict
from fl_chain.protocol.logs import append_history, compute_history_start, decode_log
from fl_chain.protocol.records import ModelProposed
from fl_chain.roles.auditor import audit_task
from tests.world import Federation, World, problems


@pytest.fixture(scope="module")
def wrong(world: World) -> Federation:
    """A task whose second of two models is wrong."""
    federation = world.federation(num_rounds=2)
    federation.run_round()
    federation.submit_honestly()
    federation.propose(*federation.lie())
    return federation


@pytest.fixture
def state(wrong: Federation, tmp_path: Path) -> Path:
    """A folder in which an audit noted that the first round passed."""
    assert ("aggregate", Verdict.FAIL) in {(f.check, f.verdict) for f in audit(wrong, tmp_path)}
    return tmp_path


def audit(federation: Federation, state: Path, *, is_resumed: bool = True) -> list[Finding]:
    connection = federation.world.connection
    return audit_task(
        connection, federation.address, federation.store, state=state, is_resumed=is_resumed
    )


def forge(state: Path, **changes: Any) -> None:
    """Add a line that says of round 2 what the true one says of round 1, but for some changes."""
    (path,) = (state / "audits").iterdir()
    genuine = json.loads(path.read_text().splitlines()[-1])
    with path.open("a") as file:
        file.write(json.dumps({**genuine, "round": 2, **changes}) + "\n")


def taken_over(findings: list[Finding]) -> set[int | None]:
    return {finding.round for finding in findings if finding.audited_at is not None}


@pytest.mark.parametrize("history", [None, "00" * 32], ids=["of round 1", "of nothing"])
def test_a_line_for_other_records_is_not_believed(
    wrong: Federation, state: Path, history: str | None
) -> None:
    forge(state, **({"history": history} if history else {}))
    found = audit(wrong, state)
    assert (2, "aggregate", "FAIL") in problems(found)
    assert taken_over(found) == {1}


def test_a_line_that_repeats_a_failure_does_not_help(wrong: Federation, state: Path) -> None:
    (path,) = (state / "audits").iterdir()
    assert '"round": 2' not in path.read_text(), "what failed is not noted"
    found = audit(wrong, state)
    assert (2, "aggregate", "FAIL") in problems(found)


def test_a_line_for_these_very_records_is_marked_and_is_not_read_without_being_asked_for(
    wrong: Federation, state: Path
) -> None:
    evidence_of_round_2 = [
        finding for finding in audit(wrong, state, is_resumed=False) if finding.round == 2
    ]
    assert compute_verdict(evidence_of_round_2) == Verdict.FAIL
    forge(state, history=running_hash_at_proposal(wrong, 2).hex())
    believed = audit(wrong, state)
    assert taken_over(believed) == {1, 2}
    assert all("taken over from the audit of" in f.detail for f in believed if f.round == 2)
    again = audit(wrong, state, is_resumed=False)
    assert (2, "aggregate", "FAIL") in problems(again)
    assert taken_over(again) == set()
    assert taken_over(audit(wrong, state)) == {1}, "what failed since is forgotten"


def running_hash_at_proposal(federation: Federation, number: int) -> bytes:
    running = compute_history_start(federation.world.connection.chain_id, federation.address)
    for log in federation.ledger().fetch(0).logs:
        record = decode_log(log)
        running = append_history(running, record)
        if isinstance(record, ModelProposed) and record.round == number:
            return running
    raise AssertionError
