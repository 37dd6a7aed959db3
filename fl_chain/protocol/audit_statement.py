"""What an auditor signs about a task, and how it is handed over.

An audit names a prefix of the ledger's history, by the number of its records and the running hash
after them, a verdict, and a document with all findings. The signature (EIP-712) is in the domain of
the ledger, so it is worth the same in a file and in any register of the chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.address import parse_address
from fl_chain.protocol.attestation import Signature, compute_signing_hash
from fl_chain.protocol.canonical_json import decode_json, encode_json
from fl_chain.protocol.constants import FORMAT
from fl_chain.protocol.digest import parse_digest
from fl_chain.protocol.signers import recover_signer

VERDICTS: Final = ("PASS", "FAIL", "UNDECIDABLE")
"""In the order of their numbers on chain, from 1."""
STATEMENT: Final = "audit"
MAX_STATEMENT_BYTES: Final = 2**12

_MESSAGE_TYPE: Final = keccak(
    b"Audit(address ledger,uint32 numRecords,bytes32 historyHash,uint8 verdict,"
    b"bytes32 findingsDigest,bytes32 findingsCidDigest)"
)


@dataclass(frozen=True, slots=True)
class Audit:
    """What an auditor says about a task, up to one of its records."""

    ledger: str
    """Address of the task's contract."""
    num_records: int
    """Records of its history that the audit is about, 1 to 2^32 - 1."""
    history_hash: bytes
    """The running hash after them."""
    verdict: int
    """1 PASS, 2 FAIL, 3 UNDECIDABLE."""
    findings_digest: bytes
    """Of the document with all findings."""
    findings_cid_digest: bytes


@dataclass(frozen=True, slots=True)
class SignedAudit:
    """An audit, and who signed it for which chain."""

    chain_id: int
    auditor: str
    audit: Audit
    signature: Signature


def compute_audit_message(audit: Audit) -> bytes:
    """Return the EIP-712 hash of an audit."""
    words = (
        bytes.fromhex(audit.ledger[2:]).rjust(32, b"\0"),
        audit.num_records.to_bytes(32),
        audit.history_hash,
        audit.verdict.to_bytes(32),
        audit.findings_digest,
        audit.findings_cid_digest,
    )
    return keccak(_MESSAGE_TYPE + b"".join(words))


def compute_audit_signing_hash(chain_id: int, audit: Audit) -> bytes:
    """Return the 32 bytes that an auditor signs."""
    return compute_signing_hash(chain_id, audit.ledger, compute_audit_message(audit))


def is_signed(signed: SignedAudit) -> bool:
    """Return whether the auditor that a statement names has signed it."""
    signing_hash = compute_audit_signing_hash(signed.chain_id, signed.audit)
    return recover_signer(signing_hash, signed.signature) == signed.auditor


def encode_statement(signed: SignedAudit) -> bytes:
    """Return the canonical bytes of a signed audit."""
    audit = signed.audit
    return encode_json(
        {
            "auditor": signed.auditor,
            "chain_id": signed.chain_id,
            "findings_cid_digest": audit.findings_cid_digest.hex(),
            "findings_digest": audit.findings_digest.hex(),
            "format": FORMAT,
            "history_hash": audit.history_hash.hex(),
            "kind": STATEMENT,
            "ledger": audit.ledger,
            "num_records": audit.num_records,
            "signature": {"r": signed.signature.r.hex(), "vs": signed.signature.vs.hex()},
            "verdict": VERDICTS[audit.verdict - 1],
        }
    )


def decode_statement(data: bytes) -> SignedAudit:
    """Return the signed audit whose canonical bytes are ``data``; who signed is not checked.

    Raises
    ------
    MalformedBlob
        Not a canonical statement.
    """
    if len(data) > MAX_STATEMENT_BYTES:
        raise MalformedBlob(f"a statement has at most {MAX_STATEMENT_BYTES} bytes")
    members: Any = decode_json(data)
    try:
        if (members["format"], members["kind"]) != (FORMAT, STATEMENT):
            raise MalformedBlob("format or kind of the statement is unknown")
        words = (
            *(members[name] for name in ("history_hash", "findings_digest", "findings_cid_digest")),
            *(members["signature"][name] for name in ("r", "vs")),
        )
        history_hash, digest, cid_digest, r, vs = map(parse_digest, words)
        audit = Audit(
            parse_address(members["ledger"]),
            _parse_count(members["num_records"], 2**32),
            history_hash,
            VERDICTS.index(members["verdict"]) + 1,
            digest,
            cid_digest,
        )
        chain_id = _parse_count(members["chain_id"], 2**53)
        auditor = parse_address(members["auditor"])
    except (KeyError, TypeError, AttributeError, ValueError):
        raise MalformedBlob("statement lacks a field or has one of the wrong kind") from None
    signed = SignedAudit(chain_id, auditor, audit, Signature(r, vs))
    if encode_statement(signed) != data:
        raise MalformedBlob("statement has unknown fields or is not in canonical form")
    return signed


def _parse_count(value: Any, limit: int) -> int:
    if type(value) is not int or not 0 < value < limit:
        raise ValueError(value)
    return value
