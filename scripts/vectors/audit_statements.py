"""Vectors of what auditors sign, and of the files in which they hand it over."""

from __future__ import annotations

from typing import Any

import rfc8785

from tests import reference as ref

VERDICTS = ("PASS", "FAIL", "UNDECIDABLE")
LEDGER = "0x" + "1e" * 20
AUDITOR = "0x" + "a0" * 20


def make_statements() -> Any:
    """Return signed audits with what is signed, and texts that are none."""
    cases = [
        _case(31337, 87, 1, "11"),
        _case(1, 1, 2, "7f"),
        _case(2**53 - 1, 2**32 - 1, 3, "fe"),
    ]
    members = _members(31337, 87, 1, "11")
    without = {name: value for name, value in members.items() if name != "auditor"}
    refused = [
        ("an unknown member", members | {"comment": ""}),
        ("no auditor", without),
        ("another kind", members | {"kind": "model"}),
        ("another format", members | {"format": "fl_chain/2"}),
        ("an unknown verdict", members | {"verdict": "MAYBE"}),
        ("a verdict in lower case", members | {"verdict": "pass"}),
        ("no records", members | {"num_records": 0}),
        ("too many records", members | {"num_records": 2**32}),
        ("a number as text", members | {"num_records": "87"}),
        ("a truth value as number", members | {"num_records": True}),
        ("chain 0", members | {"chain_id": 0}),
        ("an address in capitals", members | {"ledger": LEDGER.upper().replace("X", "x")}),
        ("a short digest", members | {"history_hash": "11" * 31}),
        ("a signature as text", members | {"signature": "11" * 64}),
    ]
    texts = [(why, rfc8785.dumps(value).decode()) for why, value in refused]
    proper = rfc8785.dumps(members).decode()
    texts += [("white space", proper.replace(":", ": ", 1)), ("cut short", proper[:-1])]
    return {
        "cases": cases,
        "count": len(cases),
        "refused": [{"reason": why, "text": text} for why, text in texts],
        "refused_count": len(texts),
    }


def _case(chain_id: int, num_records: int, verdict: int, byte: str) -> dict[str, Any]:
    audit = {
        "ledger": LEDGER,
        "num_records": num_records,
        "history_hash": byte * 32,
        "verdict": verdict,
        "findings_digest": "22" * 32,
        "findings_cid_digest": "33" * 32,
    }
    message = ref.audit_hash(audit)
    return {
        "chain_id": chain_id,
        "auditor": AUDITOR,
        "audit": audit,
        "message": message.hex(),
        "signed": ref.signing_hash(chain_id, LEDGER, message).hex(),
        "signature": {"r": "44" * 32, "vs": "85" * 32},
        "text": rfc8785.dumps(_members(chain_id, num_records, verdict, byte)).decode(),
    }


def _members(chain_id: int, num_records: int, verdict: int, byte: str) -> dict[str, Any]:
    return {
        "auditor": AUDITOR,
        "chain_id": chain_id,
        "findings_cid_digest": "33" * 32,
        "findings_digest": "22" * 32,
        "format": "fl_chain/1",
        "history_hash": byte * 32,
        "kind": "audit",
        "ledger": LEDGER,
        "num_records": num_records,
        "signature": {"r": "44" * 32, "vs": "85" * 32},
        "verdict": VERDICTS[verdict - 1],
    }
