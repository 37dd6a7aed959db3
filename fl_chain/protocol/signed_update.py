"""Signed updates: what a participant signs when somebody else hands its update in.

Typed data of EIP-712, in the domain of attestations (:mod:`fl_chain.protocol.attestation`): a
signature is bound to one ledger on one chain, and to one round of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.address import parse_address
from fl_chain.protocol.attestation import WORD_BYTES, Signature
from fl_chain.protocol.canonical_json import decode_json, encode_json
from fl_chain.protocol.digest import parse_digest

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


MAX_HANDOVER_BYTES: Final = 1024
"""Upper bound of a handover; the longest has less than 600."""


@dataclass(frozen=True, slots=True)
class Handover:
    """A signed update on its way to a relay: canonical JSON, binary values in hexadecimal."""

    chain_id: int
    """1 to 2^53 - 1."""
    ledger: str
    round: int
    """0 to 2^32 - 1."""
    update: SignedUpdate


def encode_handover(handover: Handover) -> bytes:
    """Return the canonical bytes of a handover."""
    update = handover.update
    return encode_json(
        {
            "chain_id": handover.chain_id,
            "cid_digest": update.cid_digest.hex(),
            "digest": update.digest.hex(),
            "ledger": handover.ledger,
            "round": handover.round,
            "signature": (update.signature.r + update.signature.vs).hex(),
            "weight": update.weight,
        }
    )


def decode_handover(data: bytes) -> Handover:
    """Return the handover whose canonical bytes are ``data``.

    Raises
    ------
    MalformedBlob
        Too long, not canonical, or a field is missing or of the wrong kind.
    """
    if len(data) > MAX_HANDOVER_BYTES:
        raise MalformedBlob(f"a signed update has at most {MAX_HANDOVER_BYTES} bytes")
    fields: Any = decode_json(data)
    try:
        signature = bytes.fromhex(fields["signature"])
        update = SignedUpdate(
            parse_digest(fields["digest"]),
            parse_digest(fields["cid_digest"]),
            int(fields["weight"]),
            Signature(signature[:WORD_BYTES], signature[WORD_BYTES:]),
        )
        handover = Handover(
            int(fields["chain_id"]), parse_address(fields["ledger"]), int(fields["round"]), update
        )
        is_in_range = 0 <= handover.round < 2**32 and 0 <= update.weight < 2**32
        if len(signature) != 2 * WORD_BYTES or not is_in_range:
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MalformedBlob("no signed update: a field is missing or of the wrong kind") from None
    if encode_handover(handover) != data:
        raise MalformedBlob("a signed update with unknown fields")
    return handover
