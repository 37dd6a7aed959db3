"""Records of an audit register; how they become words and hashes is in logs.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fl_chain.protocol.words import Address, Bytes32, Uint8, Uint32, Uint40


@dataclass(frozen=True, slots=True)
class RegisterCreated:
    """An audit register was deployed."""

    INDEXED: ClassVar[int] = 0
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class AuditRecorded:
    """What an auditor signed about a task was recorded."""

    INDEXED: ClassVar[int] = 2
    ledger: Address
    auditor: Address
    num_records: Uint32
    """Records of the ledger's history that it is about."""
    history_hash: Bytes32
    """The running hash after them."""
    verdict: Uint8
    """1 PASS, 2 FAIL, 3 UNDECIDABLE."""
    findings_digest: Bytes32
    """Of the document with all findings."""
    findings_cid_digest: Bytes32
    timestamp: Uint40
