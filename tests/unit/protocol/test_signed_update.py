"""Signed updates and the form in which they are handed to a relay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.chain.keys import sign_hash
from fl_chain.errors import MalformedBlob
from fl_chain.protocol.attestation import Signature, compute_signing_hash
from fl_chain.protocol.signed_update import (
    MAX_HANDOVER_BYTES,
    Handover,
    SignedUpdate,
    compute_update_message,
    decode_handover,
    encode_handover,
)

SPEC = (Path(__file__).parents[3] / "docs" / "spec.md").read_text(encoding="utf-8")

words = st.binary(min_size=32, max_size=32)
counts = st.integers(0, 2**32 - 1)
updates = st.builds(SignedUpdate, words, words, counts, st.builds(Signature, words, words))
addresses = st.binary(min_size=20, max_size=20).map(lambda address: "0x" + address.hex())
handovers = st.builds(Handover, st.integers(1, 2**53 - 1), addresses, counts, updates)
EXAMPLE = Handover(
    1,
    "0x" + "ab" * 20,
    2,
    SignedUpdate(b"\1" * 32, b"\2" * 32, 3, Signature(b"\4" * 32, bytes(32))),
)


@given(handovers)
def test_a_handover_has_one_encoding_and_fits_its_bound(handover: Handover) -> None:
    data = encode_handover(handover)
    assert decode_handover(data) == handover
    assert len(data) <= MAX_HANDOVER_BYTES


@given(handovers, st.data())
def test_no_other_bytes_are_a_handover(handover: Handover, data: st.DataObject) -> None:
    encoded = encode_handover(handover)
    place = data.draw(st.integers(0, len(encoded) - 1))
    letter = data.draw(st.integers(0, 255))
    changed = encoded[:place] + bytes([letter]) + encoded[place + 1 :]
    try:
        assert encode_handover(decode_handover(changed)) == changed
    except MalformedBlob:
        assert changed != encoded


@pytest.mark.parametrize(
    "change",
    [
        {"round": 2**32},
        {"round": -1},
        {"round": True},
        {"round": "2"},
        {"weight": 2**32},
        {"weight": -1},
        {"weight": [1]},
        {"signature": "00" * 63},
        {"signature": "00" * 65},
        {"signature": "zz" * 64},
        {"signature": 7},
        {"digest": "AB" * 32},
        {"digest": ["a"] * 64},
        {"cid_digest": ""},
        {"ledger": "0x" + "AB" * 20},
        {"ledger": 5},
        {"chain_id": {}},
        {"participant": "0x" + "ab" * 20},
    ],
    ids=repr,
)
def test_a_field_of_another_kind_is_refused(change: dict[str, object]) -> None:
    fields = json.loads(encode_handover(EXAMPLE)) | change
    data = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(MalformedBlob):
        decode_handover(data)


@pytest.mark.parametrize("field", sorted(json.loads(encode_handover(EXAMPLE))))
def test_a_missing_field_is_refused(field: str) -> None:
    fields = json.loads(encode_handover(EXAMPLE))
    del fields[field]
    with pytest.raises(MalformedBlob):
        decode_handover(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"null", b"7", b"{" * 500, b" " * 2000])
def test_other_content_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedBlob):
        decode_handover(data)


@given(handovers)
def test_what_is_signed_is_eip_712_typed_data(handover: Handover) -> None:
    """An independent library, from the type's text, arrives at the same 32 bytes."""
    update = handover.update
    typed = {
        "domain": {
            "name": "fl_chain",
            "version": "1",
            "chainId": handover.chain_id,
            "verifyingContract": handover.ledger,
        },
        "primaryType": "Update",
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Update": [
                {"name": "round", "type": "uint32"},
                {"name": "digest", "type": "bytes32"},
                {"name": "cidDigest", "type": "bytes32"},
                {"name": "weight", "type": "uint32"},
            ],
        },
        "message": {
            "round": handover.round,
            "digest": update.digest,
            "cidDigest": update.cid_digest,
            "weight": update.weight,
        },
    }
    message = compute_update_message(
        handover.round, update.digest, update.cid_digest, update.weight
    )
    key = Account.from_key(b"\7" * 32)
    signed = key.sign_message(encode_typed_data(full_message=typed))
    assert signed.message_hash == compute_signing_hash(handover.chain_id, handover.ledger, message)


def test_the_example_of_the_specification() -> None:
    message = compute_update_message(3, b"\xef" * 32, b"\xcd" * 32, 60)
    signing_hash = compute_signing_hash(31337, "0x" + "1e" * 20, message)
    signature = sign_hash(Account.from_key(b"\1" * 32), signing_hash)
    for value in (message, signing_hash, signature.r, signature.vs):
        assert f" {value.hex()}\n" in SPEC


def test_every_field_is_signed() -> None:
    values = (1, b"\1" * 32, b"\2" * 32, 3)
    others = (2, b"\3" * 32, b"\3" * 32, 4)
    messages = {compute_update_message(*values)}
    for place in range(4):
        changed = (*values[:place], others[place], *values[place + 1 :])
        messages.add(compute_update_message(*changed))
    assert len(messages) == 5
