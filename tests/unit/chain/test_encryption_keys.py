"""Encryption keys: made once, opened with their password, kept when replaced, and no accounts."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from fl_chain.chain.encryption_keys import (
    ENDING,
    create_encryption_key,
    load_encryption_key,
    load_key_ring,
    read_public_key,
    retire_encryption_key,
)
from fl_chain.chain.keys import create_key, list_keys
from fl_chain.errors import KeyFileError
from fl_chain.protocol.encryption import PUBLIC_KEY_BYTES, derive_public_key, name_key


def test_a_key_pair_is_opened_as_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / f"alice{ENDING}"
    public_key = create_encryption_key(path, "secret", is_generated=True)
    assert len(public_key) == PUBLIC_KEY_BYTES
    assert read_public_key(path) == public_key
    assert derive_public_key(load_encryption_key(path, "secret")) == public_key
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


def test_a_key_pair_that_was_replaced_is_still_on_the_ring(tmp_path: Path) -> None:
    path = tmp_path / f"alice{ENDING}"
    assert load_key_ring(path, "secret") == {}
    made = []
    for _ in range(3):
        if path.exists():
            retire_encryption_key(path)
        made.append(name_key(create_encryption_key(path, "secret", is_generated=True)))
    create_encryption_key(tmp_path / f"alice2{ENDING}", "secret", is_generated=True)
    ring = load_key_ring(path, "secret")
    assert set(ring) == set(made)
    assert all(name_key(derive_public_key(secret)) == name for name, secret in ring.items())


def test_a_secret_is_nowhere_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / f"alice{ENDING}"
    create_encryption_key(path, "secret", is_generated=True)
    assert load_encryption_key(path, "secret").hex() not in path.read_text()


@pytest.mark.parametrize(
    "text", ["{}", "[]", "", '{"encryption_key": 5}', '{"encryption_key": "ab"}']
)
def test_a_damaged_file_is_not_guessed_around(tmp_path: Path, text: str) -> None:
    path = tmp_path / f"alice{ENDING}"
    path.write_text(text)
    with pytest.raises(KeyFileError):
        read_public_key(path)


def test_a_file_with_another_public_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"alice{ENDING}"
    create_encryption_key(path, "secret", is_generated=True)
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"encryption_key": "ab" * PUBLIC_KEY_BYTES}))
    with pytest.raises(KeyFileError, match="damaged"):
        load_encryption_key(path, "secret")
