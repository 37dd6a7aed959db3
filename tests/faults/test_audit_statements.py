"""Signed audits: in files, on record, and what becomes of those that are not what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fl_chain.audit.audit import run_audit
from fl_chain.chain.audit_register import (
    AuditRegisterSender,
    find_registers,
    read_register,
    sign_audit,
)
from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.ethereum import transfer
from fl_chain.cli.main import run
from fl_chain.errors import LedgerError, TransactionRejected, UsageError
from fl_chain.protocol.audit_statement import SignedAudit, encode_statement
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.digest import compute_digest
from fl_chain.roles.audit_statements import (
    list_audits,
    make_statement,
    read_statement,
    record_statement,
    write_statement,
)
from fl_chain.roles.progress import ignore_progress
from tests.world import Federation, World

AUDITOR = 40
"""Account of the auditor, who has no part in the task."""
PASSWORD = "correct horse"
Change = Callable[[SignedAudit], SignedAudit]


@pytest.fixture
def federation(world: World) -> Federation:
    made = world.federation(2, num_rounds=2)
    made.run_round()
    return made


@pytest.fixture
def signed(federation: Federation) -> SignedAudit:
    return sign(federation)[0]


def sign(federation: Federation) -> tuple[SignedAudit, bytes]:
    evidence = federation.evidence()
    findings = run_audit(evidence)
    return make_statement(federation.world.account(AUDITOR), evidence, findings)


def record(federation: Federation, signed: SignedAudit) -> None:
    payer = federation.world.account(AUDITOR + 1)
    record_statement(federation.world.connection, payer, signed, ignore_progress)


def rows(federation: Federation) -> list[dict[str, Any]]:
    return list(list_audits(federation.history()))


def test_an_audit_on_record_says_who_found_what_about_which_history(
    federation: Federation, signed: SignedAudit
) -> None:
    assert rows(federation) == []
    record(federation, signed)
    (row,) = rows(federation)
    world = federation.world
    assert row["auditor"] == str(world.account(AUDITOR).address).lower()
    assert (row["verdict"], row["is_of_history"], row["is_latest"]) == ("PASS", True, True)
    federation.submit_honestly()
    (row,) = rows(federation)
    assert (row["is_of_history"], row["is_latest"]) == (True, False)


def test_the_findings_that_were_signed_are_those_of_everybody(federation: Federation) -> None:
    signed, document = sign(federation)
    again, same = sign(federation)
    assert (again, same) == (signed, document)
    assert compute_digest(document) == signed.audit.findings_digest
    said = json.loads(document)
    assert said["verdict"] == "PASS"
    assert said["num_records"] == len(federation.evidence().ledger.logs)
    assert {entry["check"] for entry in said["findings"]} >= {"ledger_history", "aggregate"}


def test_audits_of_several_auditors_stand_in_one_register(federation: Federation) -> None:
    evidence = federation.evidence()
    findings = run_audit(evidence)
    for who in (AUDITOR, AUDITOR + 2):
        record(federation, make_statement(federation.world.account(who), evidence, findings)[0])
    assert len(find_registers(federation.world.connection)) == 1
    assert len({row["auditor"] for row in rows(federation)}) == 2


def test_an_audit_is_on_record_once(federation: Federation, signed: SignedAudit) -> None:
    record(federation, signed)
    with pytest.raises(TransactionRejected) as error:
        record(federation, signed)
    assert error.value.error == "AlreadyRecorded"
    assert "audit list" in error.value.hint


def test_an_audit_of_a_history_that_the_task_does_not_have_is_shown_as_that(
    federation: Federation, signed: SignedAudit
) -> None:
    world = federation.world
    for changes in ({"history_hash": b"\1" * 32}, {"num_records": 3}, {"num_records": 10**6}):
        audit = replace(signed.audit, **changes)  # type: ignore[arg-type]
        record(federation, sign_audit(world.account(AUDITOR), signed.chain_id, audit))
    assert [row["is_of_history"] for row in rows(federation)] == [False] * 3


def another_verdict(signed: SignedAudit) -> SignedAudit:
    return replace(signed, audit=replace(signed.audit, verdict=2))


def another_auditor(signed: SignedAudit) -> SignedAudit:
    return replace(signed, auditor="0x" + "12" * 20)


def another_chain(signed: SignedAudit) -> SignedAudit:
    return replace(signed, chain_id=1)


@pytest.mark.parametrize("change", [another_verdict, another_auditor, another_chain])
def test_what_was_altered_is_neither_read_nor_recorded(
    federation: Federation, signed: SignedAudit, tmp_path: Path, change: Change
) -> None:
    path = tmp_path / "audit.json"
    path.write_bytes(encode_statement(change(signed)))
    with pytest.raises(UsageError, match="was not signed by"):
        read_statement(path)
    if change is another_chain:
        with pytest.raises(UsageError, match="the audit is of chain 1"):
            record(federation, change(signed))
        return
    with pytest.raises(TransactionRejected) as error:
        record(federation, change(signed))
    assert error.value.error == "NotSigned"


def test_a_file_that_somebody_signed_is_not_overwritten(
    signed: SignedAudit, tmp_path: Path
) -> None:
    path = tmp_path / "audit.json"
    write_statement(path, signed)
    with pytest.raises(UsageError, match="is there already"):
        write_statement(path, signed)
    assert read_statement(path) == signed


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 10, b"[" * 10_000])
def test_any_other_file_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    path = tmp_path / "audit.json"
    path.write_bytes(content)
    assert run(["audit", "show", str(path)]) == 3
    assert "is no signed audit" in capsys.readouterr().err


def test_a_node_that_leaves_audits_out_gets_no_list_told(
    federation: Federation, signed: SignedAudit
) -> None:
    record(federation, signed)

    class Forgetful(ChainConnection):
        def fetch_logs(self, from_block: int, **selection: Any) -> list[Any]:
            logs = super().fetch_logs(from_block, **selection)
            return logs[:-1] if "address" in selection else logs

    forgetful = Forgetful(federation.world.connection.rpc_url)
    (register,) = find_registers(forgetful)
    with pytest.raises(LedgerError, match="left out, altered or reordered"):
        read_register(forgetful, register)


def test_a_contract_that_only_emits_the_events_is_no_register(world: World) -> None:
    """The code of a ledger at a register's address would be found by its own events alone."""
    before = find_registers(world.connection)
    AuditRegisterSender(world.connection, world.account(AUDITOR)).deploy()
    after = find_registers(world.connection)
    assert len(after) == len(before) + 1
    world.connection.call("anvil_setCode", after[-1], "0x60006000fd")
    assert find_registers(world.connection) == before


def test_the_commands_show_record_and_list(
    federation: Federation,
    signed: SignedAudit,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_statement(Path("audit.json"), signed)
    assert run(["audit", "show", "audit.json", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["verdict"], shown["task"]) == ("PASS", federation.address)
    assert run(["audit", "show", "audit.json"]) == 0
    assert "PASS" in capsys.readouterr().out
    place = ("--task", federation.address, "--rpc", federation.world.connection.rpc_url)
    assert run(["audit", "list", *place]) == 0
    assert "no audits on record" in capsys.readouterr().out
    record(federation, signed)
    assert run(["audit", "list", *place, "--json"]) == 0
    (row,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (row["auditor"], row["is_of_history"]) == (shown["auditor"], True)


def test_an_audit_is_signed_as_it_is_made_and_recorded_after(
    federation: Federation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    world = federation.world
    Path("password").write_text(PASSWORD)
    key = ("--password-file", "password")
    assert run(["key", "new", "auditor", *key]) == 0
    address = next(word for word in capsys.readouterr().out.split() if word.startswith("0x"))
    transfer(world.connection, world.account(AUDITOR), address.lower(), 10**18)
    rpc = ("--rpc", world.connection.rpc_url)
    audit = ["audit", "run", "--task", federation.address, *rpc, "--ipfs", world.ipfs_address]
    signing = ["--sign", "auditor", *key, "--statement", "a.json"]
    for partly in (["--round", "1"], ["--since", "1"], ["--resume"]):
        assert run([*audit, *signing, *partly]) == 3
    assert run([*audit, "--statement", "a.json"]) == 3
    capsys.readouterr()
    assert run([*audit, *signing[:-1], "nowhere/a.json"]) == 3
    printed = capsys.readouterr()
    assert (printed.out, printed.err.splitlines()[0]) == (
        "",
        "error: cannot write nowhere/a.json: there is no folder nowhere",
    )
    assert run([*audit, *signing, "--html", "report.html"]) == 0
    told = capsys.readouterr().err
    assert "report: report.html" in told
    assert "signed audit: a.json" in told
    signed = read_statement(Path("a.json"))
    report = Path("report.html").read_text("utf-8")
    assert "The auditor signed the findings" in report
    assert signed.auditor in report
    assert signed.audit.findings_digest.hex() in report
    assert signed.auditor == address.lower()
    findings = cid_from_digest(signed.audit.findings_cid_digest, 0)
    document = world.store.get(findings, max_bytes=2**20)
    assert compute_digest(document) == signed.audit.findings_digest
    capsys.readouterr()
    assert run([*audit, *signing]) == 3
    assert "a.json is there already" in capsys.readouterr().err
    assert run(["audit", "record", "a.json", "--key", "auditor", *key, *rpc]) == 0
    assert "recorded in register" in capsys.readouterr().out
    assert [row["verdict"] for row in rows(federation)] == ["PASS"]
