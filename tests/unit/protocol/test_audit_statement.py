"""What auditors sign, against the golden vectors."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account

from fl_chain.chain.audit_register import sign_audit
from fl_chain.errors import MalformedBlob
from fl_chain.protocol.attestation import Signature
from fl_chain.protocol.audit_statement import (
    MAX_STATEMENT_BYTES,
    Audit,
    SignedAudit,
    compute_audit_message,
    compute_audit_signing_hash,
    decode_statement,
    encode_statement,
    is_signed,
)
from tests import golden

VECTORS = golden.load("audit_statement/audit_statement.json")


def signed_audit(case: dict[str, Any]) -> SignedAudit:
    audit = {
        name: bytes.fromhex(value) if isinstance(value, str) and name != "ledger" else value
        for name, value in case["audit"].items()
    }
    signature = Signature(*(bytes.fromhex(case["signature"][name]) for name in ("r", "vs")))
    return SignedAudit(case["chain_id"], case["auditor"], Audit(**audit), signature)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["chain_id"]))
def test_an_audit_is_hashed_as_eip_712_says_and_has_one_text(case: dict[str, Any]) -> None:
    signed = signed_audit(case)
    assert compute_audit_message(signed.audit).hex() == case["message"]
    assert compute_audit_signing_hash(signed.chain_id, signed.audit).hex() == case["signed"]
    assert encode_statement(signed).decode() == case["text"]
    assert decode_statement(case["text"].encode()) == signed
    assert not is_signed(signed)


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["reason"])
def test_what_is_no_statement_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedBlob):
        decode_statement(case["text"].encode())


def test_no_more_of_a_file_is_read_than_a_statement_can_have() -> None:
    with pytest.raises(MalformedBlob, match="at most"):
        decode_statement(b" " * (MAX_STATEMENT_BYTES + 1))


def test_a_signature_is_of_one_auditor_and_one_audit() -> None:
    signed = signed_audit(VECTORS["cases"][0])
    key, other = (Account.from_key(bytes([number]) * 32) for number in (1, 2))
    proper = sign_audit(key, signed.chain_id, signed.audit)
    assert is_signed(proper)
    assert decode_statement(encode_statement(proper)) == proper
    stranger = str(other.address).lower()
    for forged in (
        SignedAudit(proper.chain_id, stranger, proper.audit, proper.signature),
        SignedAudit(proper.chain_id + 1, proper.auditor, proper.audit, proper.signature),
        SignedAudit(
            proper.chain_id,
            proper.auditor,
            signed_audit(VECTORS["cases"][1]).audit,
            proper.signature,
        ),
    ):
        assert not is_signed(forged)
