"""Signed updates: what a participant signs when somebody else hands its update in.

Typed data of EIP-712, in the domain of attestations (:mod:`fl_chain.protocol.attestation`): a
signature is bound to one ledger on one chain, and to one round of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak

from fl_chain.protocol.attestation import WORD_BYTES, Signature

_MESSAGE_TYPE: Final = keccak(
    b"Update(uint32 round,bytes32 digest,bytes32 cidDigest,uint32 weight)"
)


@dataclass(frozen=True, slots=True)
class SignedUpdate:
    """An update as its participant signed it; who that is, the signature tells."""

    digest: bytes
    cid_digest: bytes
    weight: int
    signature: Signature


def compute_update_message(
    round_number: int, digest: bytes, cid_digest: bytes, weight: int
) -> bytes:
    """Return the EIP-712 hash of an update of a round: 32 bytes, to be signed for a ledger."""
    number, counted = (value.to_bytes(WORD_BYTES) for value in (round_number, weight))
    return keccak(_MESSAGE_TYPE + number + digest + cid_digest + counted)
