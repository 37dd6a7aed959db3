"""Evidence: everything that an auditor is given. All of it is hostile until a check has passed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fl_chain.privacy.sealing import KeyRing
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.logs import Log

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
class CodeEvidence:
    """What a chain node says about a contract that emits nothing and has no immutables."""

    address: str
    is_known_code: bool
    """Whether the deployed code is this build's, byte for byte."""


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What the ledger's views answer at the block of its logs, each as raw ABI words."""

    parameters: bytes
    """``parameters()``: 26 words."""
    current_round: bytes
    """``currentRound()``: 8 words."""
    proposal: bytes
    """``proposal()``: 6 words."""
    dispute: bytes
    """``dispute()``: 11 words."""
    model_digests: Sequence[bytes]
    """``modelDigestOf(r)`` for every round from 0 to the current one: 1 word each."""
    participants: Mapping[str, bytes]
    """``participantOf(a)`` for every address that was ever admitted, or succeeded
    one that was: 4 words each."""
    aggregators: Mapping[str, bytes]
    """``aggregatorOf(a)`` for every aggregator: 6 words each."""
    listings: Mapping[str, bytes]
    """``listingOf(a)`` for every aggregator: 2 words each."""
    payouts: Mapping[str, bytes]
    """``payoutOf(a)`` for every account that money was ever due to: 1 word each."""
    committing: bytes
    """``committing()``: 3 words."""
    seeding: bytes = b""
    """``seeding()``: 6 words; as the two below, asked for only where the task has a sample rate."""
    seed_chains: Mapping[str, bytes] = field(default_factory=dict)
    """``seedChainOf(a)`` for every aggregator that committed to secrets: 3 words each."""
    lots: Mapping[str, bytes] = field(default_factory=dict)
    """``lotOf(a)`` for every address of ``participants``: 2 words each."""
    pot: bytes = b""
    """``pot()``: 1 word; as the one below, looked at only where the task has a reward."""
    payrolls: Mapping[int, bytes] = field(default_factory=dict)
    """``payrollOf(r)`` for every round: 3 words each."""
    privacy_spent: Mapping[str, bytes] = field(default_factory=dict)
    """``privacySpentOf(a)`` for every address of ``participants``: 1 word each; asked for only
    where the task has a privacy budget."""
    unmasking: bytes = b""
    """``unmasking()``: 3 words; looked at only where updates are masked."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One task, as chain and content store tell it."""

    chain_id: int
    ledger: ContractEvidence
    registry: ContractEvidence
    disputes: CodeEvidence
    """The code that the ledger runs for disputes."""
    ledger_creation_code: bytes
    """Creation code of this build's ledger, without constructor arguments."""
    registry_creation_code: bytes
    fetch_blob: FetchBlob
    keys: KeyRing = field(default_factory=dict)
    """What opens sealed updates; the auditor's own."""
    state: LedgerState | None = None
    """The ledger's storage through its views; None where there is no chain node to ask."""
