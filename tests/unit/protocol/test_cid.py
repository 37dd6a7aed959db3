from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.cid import (
    DAG_PB,
    MAX_LINKS,
    RAW,
    Cid,
    CidHasher,
    cid_from_digest,
    compute_cid,
)
from fl_chain.protocol.constants import LEAF_CHUNK_BYTES

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests" / "vectors" / "cid"


def load_vectors(name: str) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))["vectors"]
    return vectors


def repeated(pattern_hex: str, size_bytes: int) -> bytes:
    pattern = bytes.fromhex(pattern_hex)
    return (pattern * (size_bytes // len(pattern) + 1))[:size_bytes]


@pytest.mark.parametrize("vector", load_vectors("files.json"), ids=lambda vector: vector["name"])
def test_agrees_with_the_javascript_importer(vector: dict[str, Any]) -> None:
    hasher = CidHasher(chunk_bytes=vector["chunk_bytes"], max_links=vector["max_links"])
    hasher.update(repeated(vector["pattern_hex"], vector["size_bytes"]))
    assert str(hasher.cid()) == vector["cid"]


def test_agrees_with_kubo_where_a_block_becomes_a_tree_and_a_tree_grows_a_level() -> None:
    for seed in ("chunk-v1-seed", "v1-2025-seed"):
        vectors = [vector for vector in load_vectors("kubo.json") if vector["seed"] == seed]
        key = hashlib.sha256(seed.encode()).digest()
        stream = Cipher(algorithms.ChaCha20(key, bytes(16)), None).encryptor()
        hasher = CidHasher()
        for before, vector in pairwise([{"size_bytes": 0}, *vectors]):
            remaining = vector["size_bytes"] - before["size_bytes"]
            while remaining:
                size = min(remaining, LEAF_CHUNK_BYTES)
                hasher.update(stream.update(bytes(size)))
                remaining -= size
            assert str(hasher.cid()) == vector["cid"], vector["name"]


def test_golden_cids_of_the_node_are_ours() -> None:
    golden = json.loads((ROOT / "ipfs" / "golden-cids.json").read_text("utf-8"))
    for file in golden["files"]:
        data = repeated(file["pattern_hex"], file["size_bytes"])
        assert str(compute_cid(data)) == file["cid"], file["name"]


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)), st.integers(1, 9), st.integers(2, 4))
def test_cid_does_not_depend_on_how_the_data_arrives(
    data: bytes, cuts: list[int], chunk_bytes: int, max_links: int
) -> None:
    whole = CidHasher(chunk_bytes=chunk_bytes, max_links=max_links)
    whole.update(data)
    pieces = CidHasher(chunk_bytes=chunk_bytes, max_links=max_links)
    for start, end in pairwise(sorted([0, *cuts, len(data)])):
        pieces.update(data[start:end])
        pieces.cid()  # asking in between changes nothing
    assert pieces.cid() == whole.cid()
    assert pieces.size_bytes == len(data)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_different_data_has_different_cids(one: bytes, other: bytes) -> None:
    cids = []
    for data in (one, other):
        hasher = CidHasher(chunk_bytes=7, max_links=3)
        hasher.update(data)
        cids.append(hasher.cid())
    assert (cids[0] == cids[1]) == (one == other)


def test_hasher_keeps_links_and_no_data() -> None:
    hasher = CidHasher(chunk_bytes=4, max_links=3)
    hasher.update(bytes(4 * 3**5 + 1))
    assert all(len(level) <= 3 for level in hasher._levels)


@given(st.sampled_from([RAW, DAG_PB]), st.binary(min_size=32, max_size=32))
def test_text_form_round_trips(codec: int, digest: bytes) -> None:
    cid = Cid(codec, digest)
    assert Cid.parse(str(cid)) == cid
    assert cid.to_bytes()[4:] == digest


GOOD = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        GOOD.upper(),
        "B" + GOOD[1:],
        GOOD + "=",
        GOOD + " ",
        "\n" + GOOD,
        GOOD[:-1],
        GOOD[:-1] + "5",  # the unused bits of the last character are set
        GOOD + "a",
        "z" + GOOD[1:],
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
        "bafyreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4",  # dag-cbor
        "/ipfs/" + GOOD,
        "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2deveié",
        "b00000000000000000000000000000000000000000000000000000000000",
    ],
)
def test_refuses_every_other_spelling(text: str) -> None:
    with pytest.raises(MalformedBlob):
        Cid.parse(text)


@given(st.text(max_size=70))
def test_parse_never_fails_otherwise(text: str) -> None:
    try:
        cid = Cid.parse(text)
    except MalformedBlob:
        return
    assert str(cid) == text


@pytest.mark.parametrize(("codec", "size"), [(RAW, 31), (RAW, 33), (0x71, 32), (0, 32)])
def test_refuses_codecs_and_digests_of_other_kinds(codec: int, size: int) -> None:
    with pytest.raises(MalformedBlob):
        Cid(codec, bytes(size))


@pytest.mark.parametrize(
    "size", [0, 1, LEAF_CHUNK_BYTES - 1, LEAF_CHUNK_BYTES, LEAF_CHUNK_BYTES + 1]
)
def test_digest_and_size_give_the_cid_back(size: int) -> None:
    cid = compute_cid(bytes(size))
    assert cid_from_digest(cid.digest, size) == cid


def test_refuses_a_negative_size() -> None:
    with pytest.raises(MalformedBlob):
        cid_from_digest(bytes(32), -1)


@pytest.mark.parametrize(("chunk_bytes", "max_links"), [(0, 2), (1, 1)])
def test_refuses_tree_shapes_that_cannot_end(chunk_bytes: int, max_links: int) -> None:
    with pytest.raises(ValueError, match="needs at least"):
        CidHasher(chunk_bytes=chunk_bytes, max_links=max_links)


def test_shape_is_that_of_the_pinned_profile() -> None:
    profile = json.loads((ROOT / "ipfs" / "import-profile.json").read_text("utf-8"))["parameters"]
    assert profile["chunker"] == f"size-{LEAF_CHUNK_BYTES}"
    assert profile["max-file-links"] == str(MAX_LINKS)
