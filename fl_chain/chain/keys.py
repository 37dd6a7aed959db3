"""Key files: one account each, in the Web3 Secret Storage format (version 3).

A password comes from a file or a prompt, never from an argument or the environment.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32

from fl_chain.errors import KeyFileError
from fl_chain.protocol.attestation import Signature

SCRYPT_ROUNDS = 2**17
"""Cost for passwords that people choose, about half a second."""
SCRYPT_ROUNDS_GENERATED = 2**10
"""Cost for passwords of 256 random bits, which no search finds whatever the cost."""


def generate_password(path: Path) -> str:
    """Write a random password to a file that only its owner reads, and return it."""
    password = secrets.token_hex(32)
    write_private(path, password + "\n")
    return password


def read_password(path: Path) -> str:
    """Return the first line of a password file."""
    try:
        return path.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError, UnicodeDecodeError):
        raise KeyFileError(
            f"cannot read a password from {path}", "name a file whose first line is the password"
        ) from None


def create_key(path: Path, password: str, *, is_generated: bool = False) -> str:
    """Write a new key file and return its address.

    Raises
    ------
    KeyFileError
        The file exists: a key is never overwritten.
    """
    if path.exists():
        raise KeyFileError(f"{path} exists", "choose another name; keys are never overwritten")
    account = Account.create()
    rounds = SCRYPT_ROUNDS_GENERATED if is_generated else SCRYPT_ROUNDS
    keystore = Account.encrypt(account.key, password, kdf="scrypt", iterations=rounds)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, json.dumps(keystore) + "\n")
    return str(account.address).lower()


def load_key(path: Path, password: str) -> LocalAccount:
    """Return the account of a key file.

    Raises
    ------
    KeyFileError
        Missing, malformed, or encrypted with another password.
    """
    keystore = read_keystore(path)
    try:
        account: LocalAccount = Account.from_key(Account.decrypt(keystore, password))
    except (ValueError, TypeError, KeyError):
        raise KeyFileError(
            f"cannot open {path}: wrong password or damaged file", "check --password-file"
        ) from None
    return account


def list_keys(directory: Path) -> list[tuple[str, str]]:
    """Return name and address of every key file in a directory, by name."""
    return [
        (path.stem, "0x" + str(read_keystore(path).get("address", "")).lower().removeprefix("0x"))
        for path in sorted(directory.glob("*.json"))
    ]


def read_keystore(path: Path) -> dict[str, Any]:
    """Return the still encrypted contents of a key file."""
    try:
        keystore = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise KeyFileError(
            f"no key file at {path}",
            "fl-chain key list shows what there is; fl-chain key new makes one",
        ) from None
    except ValueError:
        raise KeyFileError(f"{path} is not a key file", "restore it from a backup") from None
    if not isinstance(keystore, dict):
        raise KeyFileError(f"{path} is not a key file", "restore it from a backup")
    return keystore


def draw_secret() -> bytes:
    """Return 32 random bytes from the system's generator."""
    return secrets.token_bytes(32)


def derive_secret(account: LocalAccount, label: bytes) -> bytes:
    """Return 32 bytes that only the holder of a key can compute, the same whenever asked.

    Parameters
    ----------
    account
        Holder of the key, which does not follow from what is derived from it.
    label
        What the secret is for: another one for every label.
    """
    return hmac.digest(bytes(account.key), label, hashlib.sha256)


def label_secret(chain_id: int, ledger: str, purpose: str, number: int) -> bytes:
    """Return the label of a secret of one ledger on one chain, for :func:`derive_secret`."""
    return f"fl_chain/1 {purpose} {number} of {ledger} on {chain_id}".encode()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, and that was not there before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sign_hash(account: LocalAccount, signing_hash: bytes) -> Signature:
    """Return an account's signature of 32 bytes, in the form of EIP-2098."""
    signed = account.unsafe_sign_hash(Hash32(signing_hash))
    parity = (signed.v - 27) << 255
    return Signature(signed.r.to_bytes(32), (signed.s | parity).to_bytes(32))
