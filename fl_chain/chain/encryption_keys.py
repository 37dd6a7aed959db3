"""Files of encryption keys: a key pair each, beside the account that it belongs to.

The secret is encrypted as a key file's is (Web3 Secret Storage, version 3); the public key stands
in the open. The file's name does not end as that of a key file does, so that no listing takes it
for an account. A key that was replaced stays, under a name of its own: it opens what was encrypted
to it before.
"""

from __future__ import annotations

import json
from pathlib import Path

from eth_account import Account

from fl_chain.chain.keys import (
    SCRYPT_ROUNDS,
    SCRYPT_ROUNDS_GENERATED,
    draw_secret,
    read_keystore,
    write_private,
)
from fl_chain.errors import KeyFileError
from fl_chain.protocol.encryption import (
    PUBLIC_KEY_BYTES,
    SECRET_BYTES,
    derive_public_key,
    name_key,
)

ENDING = ".encryption"
_FIELD = "encryption_key"


def create_encryption_key(path: Path, password: str, *, is_generated: bool = False) -> bytes:
    """Write a new key pair and return its public key, 1,216 bytes.

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
    public_key = derive_public_key(secret)
    keystore[_FIELD] = public_key.hex()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, json.dumps(keystore) + "\n")
    return public_key


def retire_encryption_key(path: Path) -> Path:
    """Give a key pair that is to be replaced a name of its own, and return that."""
    name = name_key(read_public_key(path)).hex()[:8]
    retired = path.with_name(f"{path.name.removesuffix(ENDING)}.{name}{ENDING}")
    if retired.exists():
        raise KeyFileError(f"{retired} exists", "keys are never overwritten; move it away first")
    return path.rename(retired)


def read_public_key(path: Path) -> bytes:
    """Return the public key of a file; no password is needed.

    Raises
    ------
    KeyFileError
        Missing or malformed.
    """
    text = read_keystore(path).get(_FIELD)
    try:
        key = bytes.fromhex(text or "")
    except (TypeError, ValueError):
        key = b""
    if len(key) != PUBLIC_KEY_BYTES:
        raise KeyFileError(f"{path} is no encryption key", "restore it from a backup")
    return key


def load_encryption_key(path: Path, password: str) -> bytes:
    """Return the secret of a file, 32 bytes.

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
    if len(secret) != SECRET_BYTES or derive_public_key(secret) != expected:
        raise KeyFileError(f"{path} is damaged", "restore it from a backup")
    return secret


def load_key_ring(path: Path, password: str) -> dict[bytes, bytes]:
    """Return the secrets of a key pair and of those that it replaced, by their names.

    It is empty if there is none; see :func:`load_encryption_key` for errors.
    """
    stem = path.name.removesuffix(ENDING)
    former = sorted(path.parent.glob(f"{stem}.*{ENDING}"))
    paths = [*([path] if path.exists() else []), *former]
    secrets = [load_encryption_key(one, password) for one in paths]
    return {name_key(derive_public_key(secret)): secret for secret in secrets}
