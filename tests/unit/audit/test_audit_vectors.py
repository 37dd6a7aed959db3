"""Whole audits, replays and logs that are no record, as another implementation would meet them.

The evidence of each audit is in memory: no chain node, no IPFS node, no torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from fl_chain.audit.audit import run_audit
from fl_chain.audit.evidence import CodeEvidence, ContractEvidence, Evidence, LedgerState
from fl_chain.audit.findings import Finding, Verdict, compute_verdict
from fl_chain.audit.history_checks import check_history, check_transitions
from fl_chain.errors import BlobCorrupt, BlobTooLarge, BlobUnavailable, InvalidTransition
from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.protocol.logs import Log, compute_history_start, decode_log
from fl_chain.protocol.records import LedgerRecord, Record, TaskCreated
from fl_chain.protocol.round import Task
from tests import golden
from tests import reference as ref

REPLAY_FILES = (
    "round/replay.json",
    "round/replay_budgets.json",
    "round/replay_commitments.json",
    "round/replay_committed_budgets.json",
    "round/replay_lists.json",
    "round/replay_masks.json",
    "round/replay_seeds.json",
)
AUDITS = {
    path.stem: golden.load(f"audit/{path.name}")
    for path in sorted((golden.CHECKOUT / "tests/vectors/audit").glob("*.json"))
}
REPLAYS = [
    case | {"created": replays["created"]}
    for replays in map(golden.load, REPLAY_FILES)
    for case in replays["cases"]
]
REFUSED = golden.load("history/refused.json")["refused"]
CODES = {"ledger": b"creation code of the ledger", "registry": b"creation code of the registry"}
SAYS_DAMAGED = ("is damaged on disk", "has different hash than requested")


def log_of(entry: dict[str, Any], address: str = "0x" + "1e" * 20, position: int = 0) -> Log:
    topics = tuple(bytes.fromhex(topic) for topic in entry["topics"])
    return Log(address, topics, bytes.fromhex(entry["data"]), 1, position, bytes(32))


def contract_of(case: dict[str, Any], name: str) -> ContractEvidence:
    contract = case[name]
    creation = contract["creation"]
    code: bytes | None = None
    if creation is not None:
        known = CODES[name] if creation["is_known_code"] else b"other code"
        code = known + bytes.fromhex(creation["arguments"])
    return ContractEvidence(
        address=contract["address"],
        logs=[
            log_of(entry, contract["address"], position)
            for position, entry in enumerate(case[f"{name}_logs"])
        ],
        history_hash=bytes.fromhex(contract["history_hash"]),
        is_known_code=contract["is_known_code"],
        creation_input=code,
    )


def store_of(case: dict[str, Any]) -> Callable[[Cid, int], bytes]:
    contents = {entry["cid"]: entry for entry in case["contents"]}

    def fetch(cid: Cid, max_bytes: int) -> bytes:
        entry = contents.get(str(cid))
        if entry is None:
            raise BlobUnavailable("nobody has it")
        if "error" in entry:
            is_damaged = any(phrase in entry["error"] for phrase in SAYS_DAMAGED)
            raise (BlobCorrupt if is_damaged else BlobUnavailable)(entry["error"])
        if "is_endless" in entry:
            raise BlobTooLarge("it does not end")
        data = entry["text"].encode() if "text" in entry else golden.blob_of(entry["parts"])
        if len(data) > max_bytes:
            raise BlobTooLarge("too large")
        if compute_cid(data) != cid:
            raise BlobCorrupt("other bytes")
        return data

    return fetch


def state_of(views: dict[str, Any]) -> LedgerState:
    accounts = [
        {who: bytes.fromhex(words) for who, words in views.get(name, {}).items()}
        for name in (
            "participant_of",
            "aggregator_of",
            "payout_of",
            "listing_of",
            "seed_chain_of",
            "lot_of",
            "privacy_spent_of",
        )
    ]
    return LedgerState(
        parameters=bytes.fromhex(views["parameters"]),
        current_round=bytes.fromhex(views["current_round"]),
        proposal=bytes.fromhex(views["proposal"]),
        dispute=bytes.fromhex(views["dispute"]),
        model_digests=[bytes.fromhex(word) for word in views["model_digest_of"]],
        participants=accounts[0],
        aggregators=accounts[1],
        payouts=accounts[2],
        listings=accounts[3],
        committing=bytes.fromhex(views["committing"]),
        seeding=bytes.fromhex(views.get("seeding", "")),
        seed_chains=accounts[4],
        lots=accounts[5],
        privacy_spent=accounts[6],
        unmasking=bytes.fromhex(views.get("unmasking", "")),
    )


def evidence_of(case: dict[str, Any]) -> Evidence:
    return Evidence(
        chain_id=case["chain_id"],
        ledger=contract_of(case, "ledger"),
        registry=contract_of(case, "registry"),
        disputes=CodeEvidence(**case["disputes"]),
        ledger_creation_code=CODES["ledger"],
        registry_creation_code=CODES["registry"],
        fetch_blob=store_of(case),
        state=state_of(case["ledger_state"]),
    )


def audit(case: dict[str, Any]) -> list[Finding]:
    return run_audit(evidence_of(case), case["only_round"])


Told = tuple[str, str, int | None, str, int | None]
"""What every implementation says in a finding."""


def ordered(findings: list[Told]) -> list[Told]:
    return sorted(findings, key=lambda finding: (finding[2] or 0, finding[0], finding[1]))


@pytest.mark.parametrize("name", AUDITS)
def test_evidence_yields_its_findings(name: str) -> None:
    case = AUDITS[name]
    findings = audit(case)
    made = [(f.check, f.verdict.value, f.round, f.promised_by, f.promised_until) for f in findings]
    expected = [
        (
            *(entry["check"], entry["verdict"], entry["round"]),
            *(entry.get("promised_by", ""), entry.get("promised_until")),
        )
        for entry in case["findings"]
    ]
    assert ordered(made) == ordered(expected)
    assert compute_verdict(findings) == case["verdict"]


def test_every_check_passes_in_one_audit_and_not_in_another() -> None:
    listed = [entry for case in AUDITS.values() for entry in case["findings"]]
    checks = {entry["check"] for entry in listed}
    passing = {entry["check"] for entry in listed if entry["verdict"] == Verdict.PASS}
    assert passing == checks - {"base_model"}, "which is silent when it passes"
    assert checks == {entry["check"] for entry in listed if entry["verdict"] != Verdict.PASS}


def test_a_ledger_that_does_not_say_how_far_unmasking_is_fails() -> None:
    views = {**AUDITS["masks"]["ledger_state"]}
    del views["unmasking"]
    findings = audit(AUDITS["masks"] | {"ledger_state": views})
    assert [f.check for f in findings if f.verdict == Verdict.FAIL] == ["ledger_state"]


def test_the_example_of_a_finding_in_the_specification_is_what_the_audit_finds() -> None:
    specification = (golden.CHECKOUT / "docs/spec.md").read_text("utf-8")
    example = specification.partition("```json\n")[2].partition("}\n")[0]
    (wrong,) = (f for f in audit(AUDITS["wrong_model"]) if f.verdict != Verdict.PASS)
    assert json.loads(example + "}") == asdict(wrong)


def records_of(case: dict[str, Any]) -> list[Record]:
    entries = [case["created"], *case["records"]]
    records = []
    for entry in entries:
        topics, data = ref.abi_log(entry["event"], entry["values"])
        records.append(decode_log(Log("0x" + "1e" * 20, tuple(topics), data, 1, 0, bytes(32))))
    return records


@pytest.mark.parametrize("case", **golden.named(REPLAYS, "name"))
def test_a_sequence_of_records_is_accepted_or_its_last_one_refused(case: dict[str, Any]) -> None:
    created, *records = records_of(case)
    assert isinstance(created, TaskCreated)
    task = Task(created)
    error = ""
    for position, record in enumerate(records):
        assert isinstance(record, LedgerRecord)
        try:
            task.apply(record)
        except InvalidTransition as refusal:
            error = refusal.error
            assert position == len(records) - 1
    assert error == case["error"]
    finding, _ = check_transitions([created, *records])
    assert (finding.verdict == Verdict.PASS) == (not error and not case["is_cut_short"])
    if not error:
        assert task.is_mid_transaction == case["is_cut_short"]


@pytest.mark.parametrize("case", **golden.named(REFUSED, "reason"))
def test_a_log_that_is_no_record_fails_the_history(case: dict[str, Any]) -> None:
    address = "0x" + "1e" * 20
    start = compute_history_start(31337, address)
    contract = ContractEvidence(address, [log_of(case)], start, True, b"")
    finding, history = check_history("ledger", contract, 31337)
    assert (finding.verdict, history.records) == (Verdict.FAIL, [])
