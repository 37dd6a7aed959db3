"""Files of encryption keys: an X25519 key pair each, beside the account that it belongs to.

The private key is encrypted as a key file's is (Web3 Secret Storage, version 3); the public key
stands in the open. The file's name does not end as that of a key file does, so that no listing
takes it for an account.

Source: RFC 7748.
"""

from __future__ import annotations

import json
from pathlib import Path

from Crypto.Protocol.DH import import_x25519_private_key
from eth_account import Account

from fl_chain.chain.keys import (
    SCRYPT_ROUNDS,
    SCRYPT_ROUNDS_GENERATED,
    draw_secret,
    read_keystore,
    write_private,
)
from fl_chain.errors import KeyFileError

ENDING = ".x25519"


def create_encryption_key(path: Path, password: str, *, is_generated: bool = False) -> bytes:
    """Write a new key pair and return its public key, 32 bytes.

    Raises
    ------
    KeyFileError
        The file exists: a key is never overwritten.
    """
    if path.exists():
        raise KeyFileError(f"{path} exists", "keys are never overwritten; move it away first")
    secret = draw_secret()
    rounds = SCRYPT_ROUNDS_GENERATED if is_generated else SCRYPT_ROUNDS
    keystore = Account.encrypt(secret, password, kdf="scrypt", iterations=rounds)
    del keystore["address"]  # these 32 bytes are no account's
    public_key = compute_public_key(secret)
    keystore["x25519"] = public_key.hex()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, json.dumps(keystore) + "\n")
    return public_key


def read_public_key(path: Path) -> bytes:
    """Return the public key of a file; no password is needed.

    Raises
    ------
    KeyFileError
        Missing or malformed.
    """
    text = read_keystore(path).get("x25519")
    try:
        key = bytes.fromhex(text or "")
    except (TypeError, ValueError):
        key = b""
    if len(key) != 32:
        raise KeyFileError(f"{path} is no encryption key", "restore it from a backup")
    return key


def load_encryption_key(path: Path, password: str) -> bytes:
    """Return the private key of a file, 32 bytes.

    Raises
    ------
    KeyFileError
        Missing, malformed, encrypted with another password, or of another public key.
    """
    expected = read_public_key(path)
    try:
        secret = bytes(Account.decrypt(read_keystore(path), password))
    except (ValueError, TypeError, KeyError):
        raise KeyFileError(
            f"cannot open {path}: wrong password or damaged file", "check --password-file"
        ) from None
    if len(secret) != 32 or compute_public_key(secret) != expected:
        raise KeyFileError(f"{path} is damaged", "restore it from a backup")
    return secret


def compute_public_key(secret: bytes) -> bytes:
    """Return the X25519 public key of 32 bytes."""
    return import_x25519_private_key(secret).public_key().export_key(format="raw")
