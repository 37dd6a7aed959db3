"""Encryption: for one key, in one context, with keys that are keys."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.errors import CannotDecrypt, MalformedBlob
from fl_chain.protocol.encryption import (
    OVERHEAD_BYTES,
    PUBLIC_KEY_BYTES,
    check_public_key,
    decrypt,
    derive_public_key,
    encrypt,
    name_key,
)

SECRET, OTHER = b"\1" * 32, b"\2" * 32
KEY = derive_public_key(SECRET)
LATTICE_BYTES = 1184
# Points of order 1, 2, 4 and 8 on Curve25519 and its twist, and their other spellings: RFC 7748
# sends every one of them to zero. From Bernstein's list, https://cr.yp.to/ecdh.html.
PRIME = 2**255 - 19
SMALL_ORDER = (
    0,
    1,
    PRIME - 1,
    PRIME,
    PRIME + 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)


def test_the_public_key_is_that_of_the_draft() -> None:
    """The first vector of draft-connolly-cfrg-xwing-kem, by its first bytes and its length."""
    seed = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
    key = derive_public_key(seed)
    assert len(key) == PUBLIC_KEY_BYTES
    assert key.hex().startswith("e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5")


def test_a_key_is_named_by_its_hash() -> None:
    assert name_key(KEY) == hashlib.sha256(KEY).digest()


@given(content=st.binary(max_size=100), context=st.binary(max_size=50))
def test_what_is_encrypted_comes_back(content: bytes, context: bytes) -> None:
    encrypted = encrypt(KEY, context, content)
    assert len(encrypted) == len(content) + OVERHEAD_BYTES
    assert decrypt(SECRET, context, encrypted) == content


def test_nothing_is_encrypted_twice_to_the_same_bytes() -> None:
    assert encrypt(KEY, b"", b"same") != encrypt(KEY, b"", b"same")


def test_another_key_or_context_opens_nothing() -> None:
    encrypted = encrypt(KEY, b"here", b"content")
    for secret, context in ((OTHER, b"here"), (SECRET, b"there"), (SECRET, b"")):
        with pytest.raises(CannotDecrypt):
            decrypt(secret, context, encrypted)


@given(position=st.integers(0, OVERHEAD_BYTES + 6), bit=st.integers(0, 7))
def test_an_altered_bit_opens_nothing(position: int, bit: int) -> None:
    encrypted = bytearray(encrypt(KEY, b"here", b"content"))
    encrypted[position] ^= 1 << bit
    with pytest.raises(CannotDecrypt):
        decrypt(SECRET, b"here", bytes(encrypted))


@pytest.mark.parametrize("size", [0, 1, OVERHEAD_BYTES - 1])
def test_what_is_too_short_opens_nothing(size: int) -> None:
    with pytest.raises(CannotDecrypt):
        decrypt(SECRET, b"", bytes(size))


@pytest.mark.parametrize("point", SMALL_ORDER, ids=lambda point: hex(point)[:12])
def test_nothing_is_encrypted_to_a_point_of_small_order(point: int) -> None:
    key = KEY[:LATTICE_BYTES] + point.to_bytes(32, "little")
    with pytest.raises(MalformedBlob):
        check_public_key(key)
    with pytest.raises(MalformedBlob):
        encrypt(key, b"", b"content")


@pytest.mark.parametrize(
    "key",
    [b"", KEY[:-1], KEY + b"\0", b"\xff" * LATTICE_BYTES + KEY[LATTICE_BYTES:]],
    ids=["none", "short", "long", "coefficients out of range"],
)
def test_what_is_no_key_is_told(key: bytes) -> None:
    with pytest.raises(MalformedBlob):
        check_public_key(key)


def test_a_secret_has_one_length() -> None:
    with pytest.raises(ValueError, match="32"):
        derive_public_key(b"short")
