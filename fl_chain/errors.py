"""Every error that a user of fl_chain can meet, and the exit code it ends a command with.

::

    FlChainError                      what happened, where, and what to do
    ├── UsageError              10    a flag, a configuration or a task file is wrong
    ├── ProtocolError           11    bytes or records break a rule of docs/spec.md
    │   ├── MalformedBlob             not the one canonical encoding
    │   ├── CannotDecrypt             encrypted to another key or for another place, or altered
    │   ├── InvalidManifest           a task description that cannot be carried out
    │   ├── Misplaced                 of another task, round or participant than its place
    │   ├── ValueOutOfRange           NaN, infinity, overflow, or past the agreed bound
    │   └── InvalidTransition         an action that the phase of the round does not allow
    ├── StoreError              12
    │   ├── StoreUnreachable          no IPFS node answers at the API address
    │   ├── BlobUnavailable           no reachable IPFS node has the content
    │   ├── BlobCorrupt               the bytes do not hash to the CID that was asked for
    │   └── BlobTooLarge              more bytes than the protocol allows at this place
    ├── LedgerError             13
    │   ├── ChainUnreachable          no chain node answers at the RPC address
    │   ├── WrongChain                a chain node answers, but for another chain id
    │   ├── UnknownContract           the code at the address is not this project's
    │   ├── TransactionRejected       the contract refused, with its own error and values
    │   └── InsufficientFunds         the key cannot pay for the transaction
    ├── TrainingError           14    data file missing or malformed, model unknown
    ├── DevnetError             15    a local service cannot be started or stopped
    │   ├── PortTaken
    │   └── ToolchainError            Node, npm or the compiler did not do its part
    ├── LocalStateError         16    disk full, journal or state directory unusable
    ├── KeyFileError            17    keystore missing, malformed, or wrong password
    └── RelayError              18
        ├── RelayUnreachable          no relay answers at the URL
        └── RelayRefused              a relay does not take the update

The audit has exit codes of its own: 0 all checks pass, 1 a check failed, 2 undecidable,
3 could not run. Every other command ends with 0, with a code above, or with 130 after Ctrl-C.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BlobCorrupt",
    "BlobTooLarge",
    "BlobUnavailable",
    "CannotDecrypt",
    "ChainUnreachable",
    "DevnetError",
    "FlChainError",
    "InsufficientFunds",
    "InvalidManifest",
    "InvalidTransition",
    "KeyFileError",
    "LedgerError",
    "LocalStateError",
    "MalformedBlob",
    "Misplaced",
    "PortTaken",
    "ProtocolError",
    "RelayError",
    "RelayRefused",
    "RelayUnreachable",
    "StoreError",
    "StoreUnreachable",
    "ToolchainError",
    "TrainingError",
    "TransactionRejected",
    "UnknownContract",
    "UsageError",
    "ValueOutOfRange",
    "WrongChain",
]


class FlChainError(Exception):
    """Base of every expected error.

    Parameters
    ----------
    message
        One line: what happened and where.
    hint
        What the reader can do about it; empty when the message says so already.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(FlChainError):
    """A flag, a configuration or a task file is wrong."""

    exit_code = 10


class ProtocolError(FlChainError):
    """Bytes or records break a rule of docs/spec.md."""

    exit_code = 11


class MalformedBlob(ProtocolError):
    """The bytes are not the one canonical encoding of any blob."""


class CannotDecrypt(ProtocolError):
    """The bytes were encrypted to another key or for another place, or were altered."""


class InvalidManifest(ProtocolError):
    """A task description that is malformed or cannot be carried out exactly."""


class Misplaced(ProtocolError):
    """The bytes are of another task, round or participant than the place where they stand."""


class ValueOutOfRange(ProtocolError):
    """A value is not finite, overflows its lane, or exceeds the agreed bound."""


class InvalidTransition(ProtocolError):
    """An action that the phase of the round, a deadline or a permission does not allow.

    Parameters
    ----------
    error
        The contract's custom error for the same refusal, where there is one.
    """

    def __init__(self, message: str, hint: str = "", *, error: str = "") -> None:
        super().__init__(message, hint)
        self.error = error


class StoreError(FlChainError):
    """The content store could not do its part."""

    exit_code = 12


class StoreUnreachable(StoreError):
    """No IPFS node answers at the API address."""


class BlobUnavailable(StoreError):
    """No reachable IPFS node has the content."""


class BlobCorrupt(StoreError):
    """An IPFS node answered with bytes that do not hash to the CID asked for."""


class BlobTooLarge(StoreError):
    """An IPFS node answered with more bytes than the protocol allows at this place."""


class LedgerError(FlChainError):
    """The chain could not do its part."""

    exit_code = 13


class ChainUnreachable(LedgerError):
    """No chain node answers at the RPC address."""


class WrongChain(LedgerError):
    """A chain node answers, but for another chain id."""


class UnknownContract(LedgerError):
    """The code at the address is not this project's contract."""


class TransactionRejected(LedgerError):
    """The contract refused the transaction.

    Parameters
    ----------
    error
        Name of the contract's custom error, as in contracts/interfaces.
    values
        The error's arguments by name.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        error: str = "",
        values: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.error = error
        self.values = values or {}


class InsufficientFunds(LedgerError):
    """The key cannot pay for the transaction."""


class TrainingError(FlChainError):
    """Local data or the model cannot be used for training."""

    exit_code = 14


class DevnetError(FlChainError):
    """A local service cannot be started or stopped."""

    exit_code = 15


class PortTaken(DevnetError):
    """Another program listens on the port that a local service needs."""


class ToolchainError(DevnetError):
    """Node, npm or the Solidity compiler did not do its part."""


class LocalStateError(FlChainError):
    """The disk is full, or the journal or state directory cannot be used."""

    exit_code = 16


class KeyFileError(FlChainError):
    """A keystore is missing, malformed, or the password is wrong."""

    exit_code = 17


class RelayError(FlChainError):
    """A relay could not do its part."""

    exit_code = 18


class RelayUnreachable(RelayError):
    """No relay answers at the URL."""


class RelayRefused(RelayError):
    """A relay does not take the update that was handed to it."""
