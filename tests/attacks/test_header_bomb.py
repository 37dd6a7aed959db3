"""Blobs whose header is made to exhaust or confuse the decoder.

Caught by ``decode_blob``, which reads nothing past its caps and compares the header with its one
canonical encoding: ``malformed``; the audit's ``exclusions`` agrees.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.blob import decode_blob
from tests.world import Federation, World

Bomb = Callable[[bytes], bytes]


def relabel(old: bytes, new: bytes) -> Bomb:
    """Replace text in the header and keep every length."""

    def change(blob: bytes) -> bytes:
        size = 8 + int.from_bytes(blob[:8], "little")
        assert old in blob[8:size]
        text = blob[8:size].rstrip(b" ").replace(old, new, 1)
        return blob[:8] + text.ljust(size - 8) + blob[size:]

    return change


def header_of(blob: bytes) -> bytes:
    return blob[: 8 + int.from_bytes(blob[:8], "little")]


def with_length(length: int) -> Bomb:
    return lambda blob: length.to_bytes(8, "little") + blob[8:]


def with_header(text: bytes) -> Bomb:
    def change(blob: bytes) -> bytes:
        room = len(blob) - 8
        header = text[:room]
        return len(header).to_bytes(8, "little") + header + bytes(room - len(header))

    return change


BOMBS: dict[str, Bomb] = {
    "length 2^63": with_length(2**63),
    "length 2^64-1": with_length(2**64 - 1),
    "length of the whole blob": lambda blob: with_length(len(blob) - 8)(blob),
    "length past the blob": lambda blob: with_length(len(blob))(blob),
    "length 0": with_length(0),
    "deep arrays": with_header(b"[" * 10**6),
    "deep objects": with_header(b'{"a":' * 10**6),
    "closed deep arrays": with_header(b"[" * 5000 + b"]" * 5000),
    "a number of many digits": with_header(b"9" * 10**6),
    "duplicate keys": relabel(b'"kind":"update"', b'"kind":"update","kind":"update"'),
    "space in the middle": relabel(b'"kind":"update"', b'"kind": "update"'),
    "another dtype": relabel(b'"I16"', b'"F64"'),
    "another offset": relabel(b'"data_offsets":[0,', b'"data_offsets":[1,'),
    "a float": relabel(b'"shape":[', b'"shape":[1.0,'),
    "a negative size": relabel(b'"shape":[', b'"shape":[-1,'),
    "a boolean size": relabel(b'"shape":[', b'"shape":[true,'),
    "an impossible size": relabel(b'"shape":[', b'"shape":[4294967295,'),
    "a lone surrogate": relabel(b'"kind":"update"', b'"kind":"\\ud800"'),
    "a kind that is a list": relabel(b'"kind":"update"', b'"kind":["update"]'),
    "NaN": relabel(b'"shape":[', b'"shape":[NaN,'),
    "a chunk of padding more": lambda blob: (
        (len(header_of(blob)) + 1024 - 8).to_bytes(8, "little")
        + header_of(blob)[8:]
        + b" " * 1024
        + blob[len(header_of(blob)) :]
    ),
    "a round with zeros before it": relabel(b'"round":"1"', b'"round":"01"'),
    "an unknown format": relabel(b"fl_chain/1", b"fl_chain/2"),
    "an unknown kind": relabel(b'"update"', b'"upbeat"'),
    "no JSON": with_header(b"\x80\x81"),
    "null": with_header(b"null"),
    "an empty object": with_header(b"{}"),
    "metadata that is no object": with_header(b'{"__metadata__":1}'),
}


@pytest.fixture(scope="module")
def shared(world: World) -> Federation:
    return world.federation()


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_the_decoder_refuses_it(shared: Federation, bomb: Bomb) -> None:
    proper = shared.update(0)
    decode_blob(proper)
    bombed = bomb(proper)
    assert bombed != proper
    with pytest.raises(MalformedBlob):
        decode_blob(bombed)


@pytest.mark.parametrize(
    "name", ["length 2^63", "deep arrays", "a number of many digits", "duplicate keys"]
)
def test_the_aggregator_leaves_it_out_and_goes_on(world: World, name: str) -> None:
    federation = world.federation(num_rounds=1, min_updates=2)
    federation.submit_honestly(0, 1)
    federation.submit(2, BOMBS[name](federation.update(2)))
    federation.assert_left_out("malformed")


def test_a_header_of_a_mebibyte_is_refused_unread(shared: Federation) -> None:
    entries = {f"t{i:05}": {"dtype": "I16", "shape": [1]} for i in range(40_000)}
    text = json.dumps(entries).encode()
    assert len(text) > 2**20
    with pytest.raises(MalformedBlob, match="cap"):
        decode_blob(len(text).to_bytes(8, "little") + text)


def test_more_tensors_than_the_protocol_knows_are_refused() -> None:
    metadata = {"format": "fl_chain/1", "kind": "model", "task": "0" * 64}
    entries: dict[str, object] = {"__metadata__": metadata}
    entries |= {
        f"t{i:05}": {"data_offsets": [4 * i, 4 * i + 4], "dtype": "I32", "shape": [1]}
        for i in range(4097)
    }
    text = json.dumps(entries, sort_keys=True, separators=(",", ":")).encode()
    size = -(-(8 + len(text)) // 1024) * 1024 - 8
    blob = size.to_bytes(8, "little") + text.ljust(size) + bytes(4 * 4097)
    with pytest.raises(MalformedBlob, match="4096"):
        decode_blob(blob)
