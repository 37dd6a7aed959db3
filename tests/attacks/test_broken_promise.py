"""A participant or an aggregator that promised to keep its content, and does not.

Nobody can tell content that was never there from content that is gone, so the check of the blob,
``update_blob``, ``report`` or ``model_blob``, is UNDECIDABLE, and names who broke the promise: in
the finding, in a signed audit, in ``fl-chain audit availability`` and in the explorer.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fl_chain.audit.audit import run_audit
from fl_chain.cli.main import run
from fl_chain.protocol.cid import RAW, Cid
from fl_chain.roles.audit_statements import encode_findings
from tests.golden import CHECKOUT
from tests.world import Federation, World

KEEP_SECONDS = 30 * 86_400
SCHEMA = json.loads((CHECKOUT / "docs/schemas/finding.schema.json").read_text("utf-8"))


@pytest.fixture(scope="module", params=[KEEP_SECONDS, 0], ids=["promised", "not promised"])
def federation(world: World, request: pytest.FixtureRequest) -> Federation:
    """A task of which an update and a report are gone; promised is nothing in the second."""
    made = world.federation(num_rounds=1, keep_seconds=request.param)
    made.run_round()
    first = made.task.rounds[1]
    assert first.proposal is not None
    for digest in (first.updates[1].cid_digest, first.proposal.report_cid_digest):
        world.block_file(Cid(RAW, digest)).unlink()
    return made


def expected(federation: Federation) -> dict[str, tuple[str, int | None]]:
    """Return who promised, and until when, by check."""
    if not federation.manifest.keep_seconds:
        return {"update_blob": ("", None), "report": ("", None)}
    first = federation.task.rounds[1]
    assert first.proposal is not None
    update, proposal = first.updates[1], first.proposal
    return {
        "update_blob": (update.participant, update.timestamp + KEEP_SECONDS),
        "report": (proposal.proposer, proposal.timestamp + KEEP_SECONDS),
    }


def flags(federation: Federation) -> list[str]:
    world = federation.world
    place = ["--rpc", world.connection.rpc_url, "--ipfs", world.ipfs_address]
    return ["--task", federation.address, *place]


def test_the_finding_names_who_promised_what_is_missing(
    federation: Federation, capsys: pytest.CaptureFixture[str]
) -> None:
    look = ["--look-seconds", "0.5"]
    assert run(["audit", "run", *flags(federation), *look, "--json"]) == 2
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()][:-1]
    for row in rows:
        jsonschema.validate(row, {**SCHEMA, "$ref": "#/$defs/finding"})
    missing = {row["check"]: row for row in rows if row["verdict"] == "UNDECIDABLE"}
    told = {check: (row["promised_by"], row["promised_until"]) for check, row in missing.items()}
    assert told == expected(federation)
    assert all(not row["promised_by"] for row in rows if row["verdict"] == "PASS")


def test_people_are_told_who_promised_what_is_missing(
    federation: Federation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert run(["audit", "run", *flags(federation), "--look-seconds", "0.5"]) == 2
    printed = capsys.readouterr().out
    for by, until in expected(federation).values():
        if until is None:
            assert "promised" not in printed
        else:
            when = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(until))
            assert f"; {by} promised to keep it until {when}" in printed


def test_a_signed_audit_says_so_too(federation: Federation) -> None:
    evidence = federation.evidence()
    document = json.loads(encode_findings(evidence, run_audit(evidence)))
    described: dict[str, Any] = {
        entry["check"]: (entry.get("promised_by", ""), entry.get("promised_until"))
        for entry in document["findings"]
        if entry["verdict"] == "UNDECIDABLE"
    }
    assert described == expected(federation)


def test_availability_says_by_whom_a_promise_is_broken(
    federation: Federation,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["audit", "availability", *flags(federation), "--json"]) == 2
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    keep = federation.manifest.keep_seconds
    for row in rows:
        assert row["promised_until"] == (row["recorded_at"] + keep if keep else None)
    assert run(["audit", "availability", *flags(federation)]) == 2
    printed = capsys.readouterr()
    assert ("promised until" in printed.out) == bool(keep)
    assert "2 blobs nowhere to be had" in printed.err
    broken = [line for line in printed.err.splitlines() if "promised to keep 1 blob" in line]
    senders = {by for by, _ in expected(federation).values() if by}
    assert {line.split()[0] for line in broken} == senders


def test_a_promise_that_is_over_is_not_broken(
    world: World,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    federation = world.federation(num_rounds=1, keep_seconds=1)
    federation.run_round()
    update = federation.task.rounds[1].updates[0]
    world.block_file(Cid(RAW, update.cid_digest)).unlink()
    monkeypatch.setattr("time.time", lambda: update.timestamp + 1.5)
    assert run(["audit", "availability", *flags(federation)]) == 2
    assert "promised to keep" not in capsys.readouterr().err
