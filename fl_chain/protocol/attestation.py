"""What is signed beside transactions: attestations of aggregators, acceptances of successors.

Typed data of EIP-712: the domain binds a signature to one contract on one chain, the message to
what it says. Who signed is recovered at the edge and by the contract; here is only what is signed.
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
_SUCCESSION_TYPE: Final = keccak(b"Succession(address participant,address successor)")
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


def compute_succession(participant: str, successor: str) -> bytes:
    """Return the EIP-712 hash of what a key signs that is to take the place of another."""
    return keccak(_SUCCESSION_TYPE + _address_word(participant) + _address_word(successor))


def compute_signing_hash(chain_id: int, contract: str, message: bytes) -> bytes:
    """Return the 32 bytes that are signed.

    Parameters
    ----------
    chain_id, contract
        The chain, and the address of the contract that verifies the signature: the task's ledger,
        or the registry.
    message
        The EIP-712 hash of what is signed: a result (:func:`compute_result`), a succession
        (:func:`compute_succession`), or an update
        (:func:`fl_chain.protocol.signed_update.compute_update_message`).
    """
    domain = keccak(_DOMAIN_TYPE + _NAME + _VERSION + _word(chain_id) + _address_word(contract))
    return keccak(b"\x19\x01" + domain + message)


def _address_word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(WORD_BYTES, b"\0")


def _word(value: int) -> bytes:
    return value.to_bytes(WORD_BYTES)
