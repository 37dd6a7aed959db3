"""Encryption keys: made once, opened with their password, and no accounts."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from fl_chain.chain.encryption_keys import (
    ENDING,
    compute_public_key,
    create_encryption_key,
    load_encryption_key,
    read_public_key,
)
from fl_chain.chain.keys import create_key, list_keys
from fl_chain.errors import KeyFileError

PRIME = 2**255 - 19


def multiply_base_point(secret: bytes) -> bytes:
    """Return the public key by the Montgomery ladder of RFC 7748, section 5, word for word."""
    k = int.from_bytes(secret, "little") & ~7 & (2**255 - 1) & ~(1 << 254) | 1 << 254
    x_1, x_2, z_2, x_3, z_3, swap = 9, 1, 0, 9, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x_2, x_3, z_2, z_3 = x_3, x_2, z_3, z_2
        swap = bit
        a, b = x_2 + z_2, x_2 - z_2
        c, d = x_3 + z_3, x_3 - z_3
        aa, bb, da, cb = a * a, b * b, d * a, c * b
        e = aa - bb
        x_3, z_3 = (da + cb) ** 2 % PRIME, x_1 * (da - cb) ** 2 % PRIME
        x_2, z_2 = aa * bb % PRIME, e * (aa + 121665 * e) % PRIME
    if swap:
        x_2, z_2 = x_3, z_3
    return (x_2 * pow(z_2, PRIME - 2, PRIME) % PRIME).to_bytes(32, "little")


@pytest.mark.parametrize("seed", range(5))
def test_the_public_key_is_that_of_rfc_7748(seed: int) -> None:
    secret = bytes((seed * 37 + i * 11) % 256 for i in range(32))
    assert compute_public_key(secret) == multiply_base_point(secret)


def test_a_key_pair_is_opened_as_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / f"alice{ENDING}"
    public_key = create_encryption_key(path, "secret", is_generated=True)
    assert read_public_key(path) == public_key
    assert compute_public_key(load_encryption_key(path, "secret")) == public_key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(KeyFileError, match="wrong password"):
        load_encryption_key(path, "other")


def test_a_key_pair_is_never_overwritten_and_is_no_account(tmp_path: Path) -> None:
    address = create_key(tmp_path / "alice.json", "secret", is_generated=True)
    path = tmp_path / f"alice{ENDING}"
    create_encryption_key(path, "secret", is_generated=True)
    with pytest.raises(KeyFileError, match="exists"):
        create_encryption_key(path, "secret", is_generated=True)
    assert list_keys(tmp_path) == [("alice", address)]
    assert "address" not in json.loads(path.read_text())


@pytest.mark.parametrize("text", ["{}", "[]", "", '{"x25519": 5}', '{"x25519": "ab"}'])
def test_a_damaged_file_is_not_guessed_around(tmp_path: Path, text: str) -> None:
    path = tmp_path / f"alice{ENDING}"
    path.write_text(text)
    with pytest.raises(KeyFileError):
        read_public_key(path)


def test_a_file_with_another_public_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"alice{ENDING}"
    create_encryption_key(path, "secret", is_generated=True)
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"x25519": "ab" * 32}))
    with pytest.raises(KeyFileError, match="damaged"):
        load_encryption_key(path, "secret")
