"""Encryption to whoever holds a key: one suite, today's curve and a lattice together.

HPKE (RFC 9180) in base mode, with X-Wing (ML-KEM-768 of FIPS 203 and X25519 of RFC 7748,
draft-connolly-cfrg-xwing-kem, KEM 0x647a of draft-ietf-hpke-pq), HKDF-SHA256 and AES-256-GCM. What
is pinned stays for ever, and so does what it was encrypted with: it has to withstand whoever keeps
it until there is a quantum computer, as well as a mistake in the newer of the two.

Whoever encrypts is anonymous; that something is a participant's the ledger says, never this.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from fl_chain.errors import CannotDecrypt, MalformedBlob

SECRET_BYTES: Final = 32
_LATTICE_SEED_BYTES: Final = 64
_LATTICE_BYTES: Final = 1184
PUBLIC_KEY_BYTES: Final = _LATTICE_BYTES + 32
OVERHEAD_BYTES: Final = 1120 + 16
"""So much longer than its content is what is encrypted: the encapsulated key, and the tag."""

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def derive_public_key(secret: bytes) -> bytes:
    """Return the public key, 1,216 bytes, of a secret of 32 uniformly random bytes.

    Examples
    --------
    >>> name_key(derive_public_key(bytes(32))).hex()[:16]
    '3bb0b003f553f49f'
    """
    lattice, curve = _halves(secret)
    return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def name_key(public_key: bytes) -> bytes:
    """Return what the registry knows a public key by: its SHA-256, which is that of its CID."""
    return hashlib.sha256(public_key).digest()


def encrypt(public_key: bytes, context: bytes, content: bytes) -> bytes:
    """Return content that the holder of a key alone can read, and under the same context only.

    Two calls return different bytes: each draws a key of its own.

    Raises
    ------
    MalformedBlob
        The public key is none: of another length, out of range, or of small order.
    """
    try:
        return _SUITE.encrypt(content, _parse_public_key(public_key), info=context)
    except ValueError:
        raise _no_key() from None


def decrypt(secret: bytes, context: bytes, encrypted: bytes) -> bytes:
    """Return what was encrypted to the public key of a secret, under a context.

    Raises
    ------
    CannotDecrypt
        To another key, under another context, or altered; which of them nobody can tell.
    """
    try:
        return _SUITE.decrypt(encrypted, _expand(secret), info=context)
    except (InvalidTag, ValueError):
        raise CannotDecrypt("this was not encrypted to this key, or it was altered") from None


def check_public_key(public_key: bytes) -> None:
    """Check that something can be encrypted to a public key.

    Raises
    ------
    MalformedBlob
        As for :func:`encrypt`.
    """
    encrypt(public_key, b"", b"")


def _halves(secret: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret has {SECRET_BYTES} bytes")
    expanded = hashlib.shake_256(secret).digest(_LATTICE_SEED_BYTES + 32)
    return (
        MLKEM768PrivateKey.from_seed_bytes(expanded[:_LATTICE_SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(expanded[_LATTICE_SEED_BYTES:]),
    )


def _expand(secret: bytes) -> MLKEM768X25519PrivateKey:
    return MLKEM768X25519PrivateKey(*_halves(secret))


def _parse_public_key(public_key: bytes) -> MLKEM768X25519PublicKey:
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise _no_key()
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public_key[:_LATTICE_BYTES]),
        X25519PublicKey.from_public_bytes(public_key[_LATTICE_BYTES:]),
    )


def _no_key() -> MalformedBlob:
    return MalformedBlob("this is no encryption key", "its holder has to name another one")
