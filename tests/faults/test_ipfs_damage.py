"""Damaged and missing blocks on the embedded IPFS node's disk are never served."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from fl_chain.errors import BlobCorrupt, BlobUnavailable
from fl_chain.protocol.constants import LEAF_CHUNK_BYTES
from tests.faults.ipfs_node_access import (
    IMPATIENCE_SECONDS,
    block_file,
    fresh_bytes,
    is_alive,
    post,
    store_of,
)
from tests.ipfs_fixtures import NodeStarter


def test_a_tampered_block_is_never_served_and_adding_repairs_it(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    data = fresh_bytes(1000)
    with store_of(node, IMPATIENCE_SECONDS) as store:
        cid = store.put(data)
        block_file(tmp_path, data).write_bytes(data[:-1] + b"!")
        answer = post(node, "cat", cid)
        assert answer.status_code == 500
        assert "damaged" in answer.json()["Message"]
        for _ in range(2):  # damage does not turn into mere absence
            with pytest.raises(BlobCorrupt, match="damaged"):
                store.get(cid, max_bytes=1000)
        assert store.put(data) == cid
        assert store.get(cid, max_bytes=1000) == data


def test_damage_in_the_middle_of_a_large_blob_is_told_from_absence(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    data = fresh_bytes(5 * 2**20)
    leaf = data[3 * 2**20 : 4 * 2**20]
    with store_of(node, IMPATIENCE_SECONDS) as store:
        cid = store.put(data)
        block_file(tmp_path, leaf).write_bytes(leaf[:-1] + bytes([leaf[-1] ^ 1]))
        with pytest.raises(BlobCorrupt, match="damaged"):
            store.get(cid, max_bytes=len(data))
        block_file(tmp_path, leaf).unlink()
        with pytest.raises(BlobUnavailable):
            store.get(cid, max_bytes=len(data))


def test_adding_repairs_a_tampered_block_that_nobody_has_read(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    data = fresh_bytes(1000)
    with store_of(node, IMPATIENCE_SECONDS) as store:
        cid = store.put(data)
        block_file(tmp_path, data).write_bytes(bytes(1000))
        store.put(data)
        assert store.get(cid, max_bytes=1000) == data


def test_a_tampered_block_does_not_travel(start_ipfs_node: NodeStarter, tmp_path: Path) -> None:
    source = start_ipfs_node("source")
    other = start_ipfs_node("other", peers=source.swarm_addresses)
    data = fresh_bytes(1000)
    with store_of(source) as store:
        cid = store.put(data)
        block_file(tmp_path, data, "source").write_bytes(data[:-1] + b"!")
        with store_of(other, IMPATIENCE_SECONDS) as reader, pytest.raises(BlobUnavailable):
            reader.get(cid, max_bytes=1000)
        store.put(data)
    with store_of(other) as reader:
        assert reader.get(cid, max_bytes=1000) == data


def test_a_missing_block_breaks_the_answer_off_and_not_the_node(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    leaves = [fresh_bytes(LEAF_CHUNK_BYTES) for _ in range(12)]
    with store_of(node, IMPATIENCE_SECONDS) as store:
        cid = store.put(b"".join(leaves))
        for index in (8, 9, 11):
            block_file(tmp_path, leaves[index]).unlink()
        for options in ({"offline": "true"}, {"timeout": "300ms"}):
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                post(node, "cat", cid, **options)
        with pytest.raises(BlobUnavailable):
            store.get(cid, max_bytes=12 * LEAF_CHUNK_BYTES)
    assert is_alive(node)
