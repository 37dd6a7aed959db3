"""Sealed updates: opened by their readers, bound to their place, and canonical."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.errors import CannotDecrypt, MalformedBlob
from fl_chain.privacy.sealing import (
    CONTENT_KEY_BYTES,
    HEADER_BYTES,
    NAME_BYTES,
    ROW_BYTES,
    TAG_BYTES,
    SealPlace,
    _context,
    compute_sealed_bytes,
    decode_sealed,
    open_sealed,
    seal_update,
)
from fl_chain.protocol.encryption import decrypt, derive_public_key, encrypt, name_key
from tests import golden

PLACE = SealPlace("ab" * 32, 7, "0x" + "cd" * 20)
BLOB = bytes(range(256)) * 5
SECRETS = [bytes([number]) * 32 for number in range(1, 4)]
KEYS = [derive_public_key(secret) for secret in SECRETS]
RINGS = [{name_key(key): secret} for key, secret in zip(KEYS, SECRETS, strict=True)]
CONTENT_KEY = b"\x7f" * CONTENT_KEY_BYTES
SEALED = seal_update(PLACE, BLOB, KEYS, CONTENT_KEY)


def replace_header(data: bytes, change: Any) -> bytes:
    """Return a container whose header says something else, in canonical form."""
    entries = json.loads(data[8:HEADER_BYTES])
    change(entries)
    text = json.dumps(entries, sort_keys=True, separators=(",", ":")).encode()
    return data[:8] + text.ljust(HEADER_BYTES - 8) + data[HEADER_BYTES:]


def test_every_reader_opens_it_and_its_size_is_known_before() -> None:
    sealed = decode_sealed(SEALED)
    assert sealed.place == PLACE
    assert [open_sealed(sealed, ring) for ring in RINGS] == [BLOB] * 3
    assert len(SEALED) == compute_sealed_bytes(len(BLOB), 3)
    assert sealed.content != BLOB
    assert BLOB not in SEALED


def test_any_reader_of_safetensors_sees_its_parts() -> None:
    from safetensors.numpy import load

    parts = load(SEALED)
    assert parts["keys"].shape == (3, ROW_BYTES)
    assert parts["update"].shape == (len(BLOB) + TAG_BYTES,)
    assert parts["keys"].dtype == np.uint8


def test_a_key_that_was_replaced_opens_what_was_sealed_to_it() -> None:
    assert open_sealed(decode_sealed(SEALED), {name_key(b""): SECRETS[1], **RINGS[0]}) == BLOB


def test_strangers_open_nothing() -> None:
    stranger = b"\x99" * 32
    for ring in ({}, {name_key(derive_public_key(stranger)): stranger}):
        with pytest.raises(CannotDecrypt, match="none of the keys"):
            open_sealed(decode_sealed(SEALED), ring)


def test_a_reader_without_a_key_has_a_row_of_zeros() -> None:
    data = seal_update(PLACE, BLOB, [KEYS[0], None, KEYS[2]], CONTENT_KEY)
    sealed = decode_sealed(data)
    assert sealed.rows[1] == bytes(ROW_BYTES)
    assert len(data) == len(SEALED)
    assert open_sealed(sealed, RINGS[2]) == BLOB
    with pytest.raises(CannotDecrypt):
        open_sealed(sealed, RINGS[1])


def test_a_key_that_is_none_seals_nothing() -> None:
    with pytest.raises(MalformedBlob):
        seal_update(PLACE, BLOB, [KEYS[0], bytes(len(KEYS[0]))[:-1]], CONTENT_KEY)


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e["__metadata__"].update(round="8"),
        lambda e: e["__metadata__"].update(task="ac" * 32),
        lambda e: e["__metadata__"].update(participant="0x" + "ce" * 20),
    ],
    ids=["round", "task", "participant"],
)
def test_a_container_that_is_moved_to_another_place_opens_nothing(change: Any) -> None:
    moved = decode_sealed(replace_header(SEALED, change))
    assert moved.place != PLACE
    for ring in RINGS:
        with pytest.raises(CannotDecrypt, match="altered"):
            open_sealed(moved, ring)


def test_a_row_of_another_round_opens_nothing_here() -> None:
    other = seal_update(SealPlace(PLACE.task, 8, PLACE.participant), BLOB, KEYS, b"\1" * 32)
    end = HEADER_BYTES + ROW_BYTES
    mixed = decode_sealed(SEALED[:HEADER_BYTES] + other[HEADER_BYTES:end] + SEALED[end:])
    with pytest.raises(CannotDecrypt):
        open_sealed(mixed, RINGS[0])


def test_a_readers_row_cannot_be_taken_out_without_the_others_noticing() -> None:
    start = HEADER_BYTES + ROW_BYTES
    cut = SEALED[:start] + bytes(ROW_BYTES) + SEALED[start + ROW_BYTES :]
    for ring in RINGS:
        with pytest.raises(CannotDecrypt):
            open_sealed(decode_sealed(cut), ring)


@given(position=st.integers(HEADER_BYTES, len(SEALED) - 1), bit=st.integers(0, 7))
def test_an_altered_bit_opens_nothing(position: int, bit: int) -> None:
    data = bytearray(SEALED)
    data[position] ^= 1 << bit
    with pytest.raises(CannotDecrypt):
        open_sealed(decode_sealed(bytes(data)), RINGS[2])


@given(position=st.integers(0, HEADER_BYTES - 1), bit=st.integers(0, 7))
def test_an_altered_header_is_refused_or_opens_nothing(position: int, bit: int) -> None:
    data = bytearray(SEALED)
    data[position] ^= 1 << bit
    with pytest.raises((MalformedBlob, CannotDecrypt)):
        open_sealed(decode_sealed(bytes(data)), RINGS[0])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(HEADER_BYTES),
        SEALED[:-1],
        SEALED + b"\0",
        SEALED[:HEADER_BYTES],
        replace_header(SEALED, lambda e: e["__metadata__"].update(more="1")),
        replace_header(SEALED, lambda e: e["__metadata__"].update(round="07")),
        replace_header(SEALED, lambda e: e["__metadata__"].update(kind="update")),
        replace_header(SEALED, lambda e: e["__metadata__"].update(task="AB" * 32)),
        replace_header(SEALED, lambda e: e["keys"].update(shape=[-3, ROW_BYTES])),
        replace_header(SEALED, lambda e: e["keys"].update(shape=[True, ROW_BYTES])),
        replace_header(SEALED, lambda e: e["keys"].update(shape=[])),
        replace_header(SEALED, lambda e: e["update"].update(shape=[0])),
        replace_header(SEALED, lambda e: e["update"].update(dtype="I8")),
        replace_header(SEALED, lambda e: e.pop("keys")),
    ],
)
def test_anything_that_is_not_canonical_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedBlob):
        decode_sealed(data)


def test_a_content_key_of_another_length_opens_nothing() -> None:
    name = name_key(KEYS[0])
    row = name + encrypt(KEYS[0], _context(PLACE, name), b"short".ljust(CONTENT_KEY_BYTES))
    assert len(row) == ROW_BYTES
    forged = SEALED[:HEADER_BYTES] + row + SEALED[HEADER_BYTES + ROW_BYTES :]
    with pytest.raises(CannotDecrypt, match="wrongly"):
        open_sealed(decode_sealed(forged), RINGS[0])


def test_a_row_names_its_key() -> None:
    rows = decode_sealed(SEALED).rows
    assert [row[:NAME_BYTES] for row in rows] == [name_key(key) for key in KEYS]


VECTORS = golden.load("sealed/sealed.json")
BY_NAME = {bytes.fromhex(key["name"]): bytes.fromhex(key["secret"]) for key in VECTORS["keys"]}


@pytest.mark.parametrize("key", VECTORS["keys"], ids=lambda key: key["name"][:8])
def test_keys_follow_from_their_secrets(key: dict[str, str]) -> None:
    public_key = derive_public_key(bytes.fromhex(key["secret"]))
    assert public_key.hex() == key["public_key"]
    assert name_key(public_key).hex() == key["name"]


@pytest.mark.parametrize("case", **golden.named(VECTORS["encrypted"], "name"))
def test_what_others_encrypt_is_decrypted(case: dict[str, str]) -> None:
    secret, context, encrypted = (
        bytes.fromhex(case[what]) for what in ("secret", "context", "encrypted")
    )
    assert decrypt(secret, context, encrypted).hex() == case["content"]


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_what_others_seal_is_opened_by_every_reader(case: dict[str, Any]) -> None:
    sealed = decode_sealed(bytes.fromhex(case["sealed"]))
    assert sealed.place == SealPlace(case["task"], case["round"], case["participant"])
    names = [None if name is None else bytes.fromhex(name) for name in case["readers"]]
    assert [row[:NAME_BYTES] if any(row) else None for row in sealed.rows] == names
    for name in filter(None, names):
        assert open_sealed(sealed, {name: BY_NAME[name]}).hex() == case["blob"]
