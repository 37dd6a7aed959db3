"""Signed audits: made from findings, kept in files, put on record, and read from there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount

from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Finding, compute_verdict
from fl_chain.chain.audit_register import (
    AuditRegisterSender,
    find_registers,
    read_register,
    sign_audit,
)
from fl_chain.chain.connection import ChainConnection
from fl_chain.errors import MalformedBlob, UsageError
from fl_chain.protocol.audit_records import AuditRecorded
from fl_chain.protocol.audit_statement import (
    MAX_STATEMENT_BYTES,
    VERDICTS,
    Audit,
    SignedAudit,
    compute_audit_message,
    decode_statement,
    encode_statement,
    is_signed,
)
from fl_chain.protocol.canonical_json import encode_json
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.constants import FORMAT
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.logs import append_history, compute_history_start
from fl_chain.roles.progress import Progress
from fl_chain.roles.small_files import read_start, write_new
from fl_chain.roles.task_history import Row, TaskHistory

FINDINGS = "findings"


def encode_findings(evidence: Evidence, findings: Sequence[Finding]) -> bytes:
    """Return the canonical document with all findings of an audit."""
    return encode_json(
        {
            "chain_id": evidence.chain_id,
            "findings": [_describe(finding) for finding in findings],
            "format": FORMAT,
            "history_hash": evidence.ledger.history_hash.hex(),
            "kind": FINDINGS,
            "ledger": evidence.ledger.address,
            "num_records": len(evidence.ledger.logs),
            "verdict": compute_verdict(findings).value,
        }
    )


def make_statement(
    account: LocalAccount, evidence: Evidence, findings: Sequence[Finding]
) -> tuple[SignedAudit, bytes]:
    """Return what an auditor signs about its findings, and the document with them.

    Parameters
    ----------
    account
        The auditor's key.
    evidence
        Of the whole task.
    findings
        Of every check of it: an audit of some rounds only is nothing to sign.
    """
    document = encode_findings(evidence, findings)
    audit = Audit(
        ledger=evidence.ledger.address,
        num_records=len(evidence.ledger.logs),
        history_hash=evidence.ledger.history_hash,
        verdict=VERDICTS.index(compute_verdict(findings).value) + 1,
        findings_digest=compute_digest(document),
        findings_cid_digest=compute_cid(document).digest,
    )
    return sign_audit(account, evidence.chain_id, audit), document


def write_statement(path: Path, signed: SignedAudit) -> None:
    """Write a signed audit to a file that is not there yet.

    Raises
    ------
    UsageError, LocalStateError
        See :func:`fl_chain.roles.small_files.write_new`.
    """
    write_new(path, encode_statement(signed))


def read_statement(path: Path) -> SignedAudit:
    """Return the signed audit in a file, once its signature is verified.

    Raises
    ------
    UsageError
        The file cannot be read, is none, or its auditor did not sign it.
    """
    try:
        signed = decode_statement(read_start(path, MAX_STATEMENT_BYTES))
    except MalformedBlob as error:
        raise UsageError(
            f"{path} is no signed audit: {error.message}",
            "make one with: fl-chain audit run --sign",
        ) from None
    if not is_signed(signed):
        raise UsageError(
            f"{path} was not signed by {signed.auditor}, or was altered after",
            "ask the auditor for the file, or audit the task yourself",
        )
    return signed


def record_statement(
    connection: ChainConnection, account: LocalAccount, signed: SignedAudit, progress: Progress
) -> None:
    """Put a signed audit on record in the chain's audit register; deploy one if there is none.

    Raises
    ------
    UsageError
        It is about a task of another chain.
    TransactionRejected
        AlreadyRecorded.
    """
    if signed.chain_id != connection.chain_id:
        raise UsageError(
            f"the audit is of chain {signed.chain_id}, {connection.origin} serves"
            f" {connection.chain_id}",
            "name the chain of the task with --rpc",
        )
    sender = AuditRegisterSender(connection, account)
    registers = find_registers(connection)
    if not registers:
        registers = [sender.deploy()]
        progress("register_deployed", {"register": registers[0]})
    receipt = sender.record(registers[0], signed)
    values = {"register": registers[0], "auditor": signed.auditor, "gas": receipt.gas_used}
    progress("audit_recorded", {**values, "transaction": "0x" + receipt.transaction_hash.hex()})


def list_audits(history: TaskHistory) -> Iterator[Row]:
    """Yield a row per audit of a task on record, oldest first.

    ``is_of_history``: whether the task's history was, after that many records, what the auditor
    says that it audited. ``is_latest``: whether it had no more records than today.
    """
    found = [
        (register, audit)
        for register in find_registers(history.connection)
        for audit in read_register(history.connection, register)
        if audit.ledger == history.index.ledger
    ]
    hashes = _history_hashes(history, {audit.num_records for _, audit in found})
    for register, audit in sorted(found, key=lambda entry: entry[1].timestamp):
        yield {
            "auditor": audit.auditor,
            "verdict": _name_verdict(audit),
            "records": audit.num_records,
            "is_of_history": hashes.get(audit.num_records) == audit.history_hash,
            "is_latest": audit.num_records == history.index.head.num_records,
            "recorded_at": audit.timestamp,
            "findings": audit.findings_digest.hex(),
            "findings_cid_digest": audit.findings_cid_digest.hex(),
            "register": register,
        }


def describe_statement(signed: SignedAudit) -> Row:
    """Return what a signed audit says, as text and numbers."""
    audit = signed.audit
    return {
        "auditor": signed.auditor,
        "task": audit.ledger,
        "chain_id": signed.chain_id,
        "verdict": VERDICTS[audit.verdict - 1],
        "records": audit.num_records,
        "history_hash": audit.history_hash.hex(),
        "findings": audit.findings_digest.hex(),
        "message": compute_audit_message(audit).hex(),
    }


def _name_verdict(audit: AuditRecorded) -> str:
    return VERDICTS[audit.verdict - 1] if 1 <= audit.verdict <= len(VERDICTS) else "unknown"


def _history_hashes(history: TaskHistory, counts: set[int]) -> dict[int, bytes]:
    """Return the running hash after each of some numbers of records."""
    head = history.index.head
    hashes = {head.num_records: head.history}
    wanted = {count for count in counts if count < head.num_records}
    if not wanted:
        return hashes
    running = compute_history_start(history.index.chain_id, history.index.ledger)
    for item in history.index.history():
        running = append_history(running, item.record)
        if item.position + 1 in wanted:
            hashes[item.position + 1] = running
        if item.position + 1 >= max(wanted):
            break
    return hashes


def _describe(finding: Finding) -> dict[str, Any]:
    described: dict[str, Any] = {
        "actual": finding.actual,
        "check": finding.check,
        "detail": finding.detail,
        "expected": finding.expected,
        "verdict": finding.verdict.value,
    }
    if finding.round is not None:
        described["round"] = finding.round
    if finding.promised_until is not None:
        described |= {"promised_by": finding.promised_by, "promised_until": finding.promised_until}
    return described
