"""Uploads that are given up, slow or too large do the embedded IPFS node no harm."""

from __future__ import annotations

import pytest

from fl_chain.errors import StoreError
from fl_chain.protocol.constants import LEAF_CHUNK_BYTES
from tests.faults.ipfs_node_access import (
    begin_upload,
    collect_garbage,
    fresh_bytes,
    pins,
    post,
    store_of,
)
from tests.ipfs_fixtures import NodeStarter


def test_an_upload_that_is_given_up_leaves_no_pin_and_no_work(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node("repo", "--max-concurrent-requests", "3")
    for size in (0, 100_000, 5 * LEAF_CHUNK_BYTES):
        begin_upload(node, size).close()
    with begin_upload(node, 3 * LEAF_CHUNK_BYTES) as connection:
        # Ends the request properly, but in the middle of the file.
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
    with store_of(node) as store:
        cid = store.put(b"after")  # none of the three places is taken for ever
    assert pins(node) == {str(cid)}
    collect_garbage(node)
    assert post(node, "repo/stat").json()["NumObjects"] == 1


def test_an_upload_does_not_hold_up_anybody(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    with begin_upload(node, 2 * LEAF_CHUNK_BYTES), store_of(node) as store:
        cid = store.put(b"meanwhile")
        collect_garbage(node)
        assert store.get(cid, max_bytes=9) == b"meanwhile"


def test_a_large_upload_is_refused_with_a_message(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node("repo", "--max-upload-bytes", "100000")
    with store_of(node) as store:
        store.put(fresh_bytes(90_000))
        with pytest.raises(StoreError, match="larger than 100000 bytes"):
            store.put(fresh_bytes(5_000_000))
        store.put(fresh_bytes(90_001))
