"""Evidence: everything that an auditor is given. All of it is hostile until a check has passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fl_chain.protocol.cid import Cid
from fl_chain.protocol.records import Log

FetchBlob = Callable[[Cid, int], bytes]
"""Takes CID and largest size; returns bytes that hash to the CID, or raises a StoreError."""


@dataclass(frozen=True, slots=True)
class ContractEvidence:
    """What a chain node says about one contract."""

    address: str
    logs: Sequence[Log]
    """All logs of the contract, in chain order."""
    history_hash: bytes
    """The contract's running hash, from its storage."""
    is_known_code: bool
    """Whether the deployed code is this build's, immutables aside."""
    creation_input: bytes | None
    """Input of the transaction that deployed the contract; None if the chain node lacks it, empty
    if another contract deployed it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One task, as chain and content store tell it."""

    chain_id: int
    ledger: ContractEvidence
    registry: ContractEvidence
    ledger_creation_code: bytes
    """Creation code of this build's ledger, without constructor arguments."""
    registry_creation_code: bytes
    fetch_blob: FetchBlob
