"""Who signed: from 32 bytes and a signature to an address.

Source: EIP-2098 for the form; the recovery of ECDSA public keys, SEC 1, section 4.1.6.
"""

from __future__ import annotations

from typing import Final

from eth_keys.datatypes import Signature as Signed
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from fl_chain.protocol.attestation import Signature

HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half of the order of secp256k1."""


def recover_signer(signing_hash: bytes, signature: Signature) -> str:
    """Return the address that signed 32 bytes; empty if the signature is none."""
    vs = int.from_bytes(signature.vs)
    s = vs & (2**255 - 1)
    if s > HALF_ORDER:  # the other of two forms of one signature, which the contract refuses
        return ""
    try:
        parts = Signed(vrs=(vs >> 255, int.from_bytes(signature.r), s))
        key = parts.recover_public_key_from_msg_hash(signing_hash)
    except (BadSignature, ValidationError):
        return ""
    return key.to_address()
