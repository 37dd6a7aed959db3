"""A round that passed is not executed again, and nothing else is ever taken over."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fl_chain.audit.audit import run_audit
from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Finding, Verdict, compute_verdict
from fl_chain.audit.observer import Observer
from fl_chain.audit.scope import Scope
from fl_chain.errors import BlobUnavailable
from fl_chain.protocol.cid import Cid
from fl_chain.roles import former_audits
from fl_chain.roles.build_digest import compute_build_digest
from fl_chain.roles.former_audits import FormerAudits, locate_former_audits
from tests.unit.audit.test_audit_vectors import AUDITS, evidence_of

HONEST = "honest"


class Warnings(Observer):
    """Every warning."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def warn(self, message: str) -> None:
        self.messages.append(message)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    evidence = evidence_of(AUDITS[HONEST])
    return locate_former_audits(tmp_path, evidence.chain_id, evidence.ledger.address)


def audit(
    evidence: Evidence, path: Path, *, is_resumed: bool = False, observer: Observer | None = None
) -> list[Finding]:
    former = FormerAudits(path, evidence.chain_id, evidence.ledger.address, observer or Warnings())
    try:
        scope = Scope(former=former.rounds if is_resumed else {})
        return run_audit(evidence, scope=scope, observer=former)
    finally:
        former.close()


def taken_over(findings: list[Finding]) -> set[int | None]:
    return {finding.round for finding in findings if finding.audited_at is not None}


def rounds_of(findings: list[Finding]) -> set[int | None]:
    return {finding.round for finding in findings} - {None}


def counting(evidence: Evidence) -> tuple[Evidence, list[Cid]]:
    """Return evidence that notes which content is asked for."""
    asked: list[Cid] = []

    def fetch(cid: Cid, max_bytes: int) -> bytes:
        asked.append(cid)
        return evidence.fetch_blob(cid, max_bytes)

    return replace(evidence, fetch_blob=fetch), asked


def test_rounds_that_passed_are_taken_over_and_say_so(path: Path) -> None:
    first = audit(evidence_of(AUDITS[HONEST]), path)
    assert rounds_of(first)
    assert taken_over(first) == set()
    evidence, asked = counting(evidence_of(AUDITS[HONEST]))
    second = audit(evidence, path, is_resumed=True)
    assert taken_over(second) == rounds_of(first)
    assert len(asked) == 2, "manifest and genesis model"
    assert [(f.check, f.verdict, f.round) for f in second] == [
        (f.check, f.verdict, f.round) for f in first
    ]
    for finding in second:
        is_former = finding.round is not None
        assert ("taken over from the audit of 20" in finding.detail) == is_former
    third = audit(evidence_of(AUDITS[HONEST]), path, is_resumed=True)
    assert third == second, "the time is that of the audit that did the work"


def test_nothing_is_taken_over_unless_asked_for(path: Path) -> None:
    first = audit(evidence_of(AUDITS[HONEST]), path)
    assert audit(evidence_of(AUDITS[HONEST]), path) == first


@pytest.mark.parametrize("name", AUDITS)
def test_a_resumed_audit_has_the_verdict_of_a_whole_one(name: str, path: Path) -> None:
    case = AUDITS[name]
    first = audit(evidence_of(case), path)
    second = audit(evidence_of(case), path, is_resumed=True)
    assert [(f.check, f.verdict, f.round) for f in second] == [
        (f.check, f.verdict, f.round) for f in first
    ]
    for number in taken_over(second):
        verdict = compute_verdict([f for f in first if f.round == number])
        assert verdict == Verdict.PASS


def test_a_round_that_does_not_pass_any_more_is_forgotten(path: Path) -> None:
    evidence = evidence_of(AUDITS[HONEST])
    audit(evidence, path)
    asked: list[Cid] = []

    def fetch(cid: Cid, max_bytes: int) -> bytes:
        asked.append(cid)
        if len(asked) > 2:  # after manifest and genesis model
            raise BlobUnavailable("nobody has it")
        return evidence.fetch_blob(cid, max_bytes)

    lost = audit(replace(evidence, fetch_blob=fetch), path)
    assert compute_verdict(lost) == Verdict.UNDECIDABLE
    again = audit(evidence, path, is_resumed=True)
    assert taken_over(again) == set()
    assert compute_verdict(again) == Verdict.PASS


def test_nothing_is_taken_over_where_a_check_of_the_task_fails(path: Path) -> None:
    evidence = evidence_of(AUDITS[HONEST])
    audit(evidence, path)
    ledger = replace(evidence.ledger, history_hash=bytes(32))
    found = audit(replace(evidence, ledger=ledger), path, is_resumed=True)
    assert compute_verdict(found) == Verdict.FAIL
    assert taken_over(found) == set()


def change_header(name: str, value: Any) -> Callable[[list[dict[str, Any]]], None]:
    def change(lines: list[dict[str, Any]]) -> None:
        lines[0][name] = value

    return change


def change_round(name: str, value: Any) -> Callable[[list[dict[str, Any]]], None]:
    def change(lines: list[dict[str, Any]]) -> None:
        for line in lines[1:]:
            line[name] = value

    return change


def drop_aggregate(lines: list[dict[str, Any]]) -> None:
    for line in lines[1:]:
        line["findings"] = [entry for entry in line["findings"] if entry[0] != "aggregate"]


def drop_header(lines: list[dict[str, Any]]) -> None:
    del lines[0]


@pytest.mark.parametrize(
    "change",
    [
        change_header("build", "00" * 32),
        change_header("chain_id", 1),
        change_header("ledger", "0x" + "5" * 40),
        change_header("format", "fl_chain/0"),
        change_header("kind", "findings"),
        drop_header,
        change_round("history", "00" * 32),
        change_round("history", "00"),
        change_round("history", 7),
        change_round("round", 99),
        change_round("round", True),
        change_round("round", "1"),
        change_round("audited_at", -1),
        change_round("audited_at", 2**60),
        change_round("audited_at", None),
        change_round("findings", []),
        change_round("findings", None),
        change_round("findings", [["aggregate"]]),
        change_round("findings", [["aggregate", 5]]),
        drop_aggregate,
    ],
)
def test_a_file_that_is_stale_forged_or_damaged_says_nothing(
    path: Path, change: Callable[[list[dict[str, Any]]], None]
) -> None:
    evidence = evidence_of(AUDITS[HONEST])
    first = audit(evidence, path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert audit(evidence, path, is_resumed=True) == first
    assert taken_over(audit(evidence, path, is_resumed=True)) == rounds_of(first), "made anew"


@pytest.mark.parametrize(
    "data", [b"", b"\n\n\n", b"nonsense", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"{}\n{}\n"]
)
def test_what_is_no_such_file_is_replaced(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    evidence = evidence_of(AUDITS[HONEST])
    first = audit(evidence, path, is_resumed=True)
    assert taken_over(first) == set()
    assert taken_over(audit(evidence, path, is_resumed=True)) == rounds_of(first)


def test_a_line_that_was_cut_short_is_left_out(path: Path) -> None:
    evidence = evidence_of(AUDITS[HONEST])
    first = audit(evidence, path)
    whole = path.read_bytes()
    last = max(number for number in rounds_of(first) if number is not None)
    for end in (len(whole) - 1, whole.rfind(b"\n", 0, -1) + 10):
        path.write_bytes(whole[:end])
        resumed = audit(evidence, path, is_resumed=True)
        assert taken_over(resumed) == rounds_of(first) - {last}
        assert path.read_bytes().count(b"\n") == whole.count(b"\n")


def test_a_file_beyond_its_largest_size_is_not_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = evidence_of(AUDITS[HONEST])
    audit(evidence, path)
    monkeypatch.setattr(former_audits, "MAX_BYTES", path.stat().st_size - 1)
    assert taken_over(audit(evidence, path, is_resumed=True)) == set()


def test_an_audit_does_not_need_a_place_to_write(tmp_path: Path) -> None:
    (tmp_path / "audits").write_text("in the way")
    evidence = evidence_of(AUDITS[HONEST])
    path = locate_former_audits(tmp_path, evidence.chain_id, evidence.ledger.address)
    warnings = Warnings()
    findings = audit(evidence, path, observer=warnings)
    assert compute_verdict(findings) == Verdict.PASS
    (message,) = warnings.messages
    assert message.startswith(f"cannot write {path}: ")


def test_a_build_has_one_digest() -> None:
    assert compute_build_digest() == compute_build_digest()
    assert len(compute_build_digest()) == 32
