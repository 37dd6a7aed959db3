"""Attestations: what an aggregator signs when it has derived a round itself.

Typed data of EIP-712: the domain binds a signature to one ledger on one chain, the message to one
round. Who signed is recovered at the edge and by the contract; here is only what is signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak

WORD_BYTES: Final = 32
_DOMAIN_TYPE: Final = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_MESSAGE_TYPE: Final = keccak(b"Attestation(uint32 round,bytes32 modelDigest,bytes32 reportDigest)")
_NAME: Final = keccak(b"fl_chain")
_VERSION: Final = keccak(b"1")


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature of 64 bytes (EIP-2098)."""

    r: bytes
    vs: bytes
    """The y parity in the highest bit, s in the others; s is at most half of the group's order."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """A signed result."""

    round: int
    model_digest: bytes
    report_digest: bytes
    signature: Signature


def compute_result(round_number: int, model_digest: bytes, report_digest: bytes) -> bytes:
    """Return the result of a round as one word: the EIP-712 hash of the message."""
    return keccak(_MESSAGE_TYPE + _word(round_number) + model_digest + report_digest)


def compute_signing_hash(chain_id: int, ledger: str, message: bytes) -> bytes:
    """Return the 32 bytes that are signed.

    Parameters
    ----------
    chain_id, ledger
        The chain, and the address of the task's contract.
    message
        The EIP-712 hash of what is signed: a result (:func:`compute_result`) or an update
        (:func:`fl_chain.protocol.signed_update.compute_update_message`).
    """
    contract = bytes.fromhex(ledger[2:]).rjust(WORD_BYTES, b"\0")
    domain = keccak(_DOMAIN_TYPE + _NAME + _VERSION + _word(chain_id) + contract)
    return keccak(b"\x19\x01" + domain + message)


def _word(value: int) -> bytes:
    return value.to_bytes(WORD_BYTES)
