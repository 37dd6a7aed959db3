"""The seam to the chain: records out, actions in, and a way to wait for news."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fl_chain.protocol.actions import LedgerAction
from fl_chain.protocol.attestation import Signature
from fl_chain.protocol.logs import Log


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction."""

    transaction_hash: bytes
    block_number: int
    gas_used: int


@dataclass(frozen=True, slots=True)
class Page:
    """Logs of a ledger up to a block."""

    logs: Sequence[Log]
    """In chain order."""
    next_block: int
    """Block to continue from."""
    now: int
    """Timestamp of the latest block, in seconds."""
    is_rewritten: bool = False
    """The chain before the asked-for block is not the one seen last time: begin again at 0."""
    latest_block: int = -1
    """Number of the latest block, which may have come after the logs were read; -1 if unknown."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a registry says about one participant."""

    is_enrolled: bool
    successor: str
    """The key that took its place; empty if none did."""
    encryption_key: bytes
    """Name of its encryption key, 32 bytes; empty if it has none."""


class Ledger(Protocol):
    """One task's contract, as one account sees it."""

    chain_id: int
    address: str
    sender: str
    """Address that actions are sent from; empty for a reader."""

    def fetch(self, from_block: int) -> Page:
        """Return the logs from a block on."""
        ...

    def send(self, action: LedgerAction) -> Receipt:
        """Carry out an action and wait until it is on chain.

        Raises
        ------
        TransactionRejected
            The contract refused; the error carries its custom error and values.
        InsufficientFunds
            The account cannot pay.
        """
        ...

    def sign(self, message: bytes) -> Signature:
        """Return the sender's signature of a message, for this ledger on this chain.

        Parameters
        ----------
        message
            The EIP-712 hash of a result or of an update; handing it in is somebody's action.
        """
        ...

    def derive_secret(self, purpose: str, number: int) -> bytes:
        """Return 32 bytes that only the sender's key yields, the same after every restart.

        Parameters
        ----------
        purpose, number
            What they are for. Other words, another ledger, chain or sender yield other bytes.
        """
        ...

    def settle(self) -> None:
        """Find out what became of an action that a crash or a lost connection cut off.

        Afterwards the records tell. :meth:`send` does it by itself, before anything else: only who
        must see the records before it decides what to send needs this.
        """
        ...

    def check_funds(self) -> None:
        """Find out before the work whether anything could be sent after it.

        Raises
        ------
        InsufficientFunds
            The account has no money at all.
        """
        ...

    def predecessor_of(self, registry: str, participant: str) -> str:
        """Return the key whose place a participant took in a registry; empty if it took none."""
        ...

    def is_enrolled(self, registry: str, participant: str) -> bool:
        """Return whether a registry lists a participant now."""
        ...

    def standings_of(self, registry: str, participants: Sequence[str]) -> list[Standing]:
        """Return what a registry says about several participants now, in one request."""
        ...

    def watch(self, *kinds: type[Any]) -> None:
        """Say which records :meth:`wait` is to wake for; watch, then fetch, then wait."""
        ...

    def wait(self, timeout_seconds: float) -> bool:
        """Return True once a watched record may have been added, False on timeout."""
        ...
