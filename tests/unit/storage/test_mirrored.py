"""Every node that is asked must serve a blob rightly, and one that has it is enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from fl_chain.errors import BlobCorrupt, BlobUnavailable
from fl_chain.protocol.cid import compute_cid
from fl_chain.storage.ipfs import IpfsStore
from fl_chain.storage.mirrored import MirroredStore
from tests.ipfs_fixtures import NodeStarter


def test_a_damaged_copy_is_not_hidden_by_an_intact_one(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    data = b"pinned twice" * 100
    nodes = [start_ipfs_node("one"), start_ipfs_node("two")]
    with MirroredStore([IpfsStore(n.api_multiaddr, timeout_seconds=1) for n in nodes]) as store:
        cid = store.put(data)
        assert store.get(cid, max_bytes=len(data)) == data
        name = cid.digest.hex()
        for repo in ("one", "two"):
            block = tmp_path / repo / "blocks" / name[0] / f"{name}.block"
            proper = block.read_bytes()
            block.write_bytes(proper[:-1] + b"!")
            with pytest.raises(BlobCorrupt):
                store.get(cid, max_bytes=len(data))
            block.write_bytes(proper)


def test_one_node_that_has_a_blob_is_enough(start_ipfs_node: NodeStarter) -> None:
    data = b"pinned once" * 100
    nodes = [start_ipfs_node("one"), start_ipfs_node("two")]
    stores = [IpfsStore(node.api_multiaddr, timeout_seconds=1) for node in nodes]
    stores[1].put(data)
    with MirroredStore(stores) as store:
        assert store.get(compute_cid(data), max_bytes=len(data)) == data
        with pytest.raises(BlobUnavailable):
            store.get(compute_cid(b"nowhere"), max_bytes=10)
