"""Federated learning whose every global model anyone can re-derive, byte for byte.

The names below are the public surface: what follows semantic versioning, and all that most programs
need. They are loaded when they are first used, since some of them bring torch or web3 along.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fl_chain.aggregation.derive import RoundAggregation
    from fl_chain.audit.audit import run_audit
    from fl_chain.audit.findings import Finding, Verdict
    from fl_chain.chain.ethereum import EthereumLedger
    from fl_chain.chain.ledger import Ledger
    from fl_chain.chain.memory_ledger import MemoryLedger
    from fl_chain.errors import FlChainError
    from fl_chain.protocol.blob import decode_blob, encode_blob
    from fl_chain.protocol.cid import Cid
    from fl_chain.protocol.digest import compute_digest
    from fl_chain.protocol.manifest import Manifest
    from fl_chain.protocol.phases import Phase
    from fl_chain.protocol.round import Task
    from fl_chain.roles.aggregator import AggregatorRole
    from fl_chain.roles.auditor import audit_task
    from fl_chain.roles.participant import ParticipantRole
    from fl_chain.storage.ipfs import IpfsStore
    from fl_chain.storage.memory import MemoryStore
    from fl_chain.storage.store import ContentStore
    from fl_chain.training.local_sgd import LocalSgd
    from fl_chain.training.trainer import Trainer

__version__ = "0.1.0"

__all__ = [
    "AggregatorRole",
    "Cid",
    "ContentStore",
    "EthereumLedger",
    "Finding",
    "FlChainError",
    "IpfsStore",
    "Ledger",
    "LocalSgd",
    "Manifest",
    "MemoryLedger",
    "MemoryStore",
    "ParticipantRole",
    "Phase",
    "RoundAggregation",
    "Task",
    "Trainer",
    "Verdict",
    "audit_task",
    "compute_digest",
    "decode_blob",
    "encode_blob",
    "run_audit",
]

_HOMES = {
    "AggregatorRole": "roles.aggregator",
    "Cid": "protocol.cid",
    "ContentStore": "storage.store",
    "EthereumLedger": "chain.ethereum",
    "Finding": "audit.findings",
    "FlChainError": "errors",
    "IpfsStore": "storage.ipfs",
    "Ledger": "chain.ledger",
    "LocalSgd": "training.local_sgd",
    "Manifest": "protocol.manifest",
    "MemoryLedger": "chain.memory_ledger",
    "MemoryStore": "storage.memory",
    "ParticipantRole": "roles.participant",
    "Phase": "protocol.phases",
    "RoundAggregation": "aggregation.derive",
    "Task": "protocol.round",
    "Trainer": "training.trainer",
    "Verdict": "audit.findings",
    "audit_task": "roles.auditor",
    "compute_digest": "protocol.digest",
    "decode_blob": "protocol.blob",
    "encode_blob": "protocol.blob",
    "run_audit": "audit.audit",
}


def __getattr__(name: str) -> object:
    """Load a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
