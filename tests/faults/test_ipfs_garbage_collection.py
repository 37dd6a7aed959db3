"""What the embedded IPFS node's garbage collection takes, and what it never takes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.protocol.constants import LEAF_CHUNK_BYTES
from tests.faults.ipfs_node_access import collect_garbage, fresh_bytes, many_blocks, post, store_of
from tests.ipfs_fixtures import NodeStarter


def test_collection_never_takes_what_is_being_added(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    done = threading.Event()

    def collect_all_the_time() -> None:
        while not done.is_set():
            collect_garbage(node)

    def add(number: int) -> tuple[Cid, bytes]:
        data = many_blocks(3) if number % 5 == 0 else fresh_bytes(30_000)
        with store_of(node) as store:
            return store.put(data), data

    with ThreadPoolExecutor(7) as threads:
        collecting = threads.submit(collect_all_the_time)
        added = list(threads.map(add, range(60)))
        done.set()
        collecting.result()
    for cid, data in added:
        assert post(node, "cat", cid, offline="true").content == data


def test_collection_takes_what_nothing_pins_and_nothing_else(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    shared = fresh_bytes(LEAF_CHUNK_BYTES)
    with store_of(node) as store:
        kept = store.put(shared + fresh_bytes(10))
        dropped = store.put(shared + fresh_bytes(10) + b"!")
    assert post(node, "pin/rm", dropped).ok
    removed = collect_garbage(node)
    assert str(compute_cid(shared)) not in removed
    assert len(removed) == 2  # the root and the last leaf of what was dropped
    assert post(node, "cat", kept, offline="true").ok
    assert not post(node, "cat", dropped, offline="true").ok


def test_collection_removes_nothing_when_a_pin_cannot_be_walked(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    with store_of(node) as store:
        pinned = store.put(many_blocks(2))
        unpinned = store.put(b"unpinned")
    post(node, "pin/rm", unpinned)
    name = pinned.digest.hex()
    (tmp_path / "repo" / "blocks" / name[0] / f"{name}.block").unlink()
    answer = post(node, "repo/gc")
    assert answer.status_code == 500
    assert "nothing was removed" in answer.json()["Message"]
    assert post(node, "cat", unpinned, offline="true").content == b"unpinned"
