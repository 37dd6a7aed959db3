"""What the embedded IPFS node does when its disk or its repository is full."""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

import pytest

from fl_chain.errors import StoreError
from tests.faults.ipfs_node_access import fresh_bytes, pins, post, store_of
from tests.ipfs_fixtures import NodeStarter


def test_a_full_repository_refuses_until_something_is_unpinned(
    start_ipfs_node: NodeStarter,
) -> None:
    node = start_ipfs_node("repo", "--max-repo-bytes", "1000000")
    with store_of(node) as store:
        first = store.put(fresh_bytes(600_000))
        with pytest.raises(StoreError, match="the repository is full"):
            store.put(fresh_bytes(600_001))
        assert pins(node) == {str(first)}
        post(node, "pin/rm", first)
        second = store.put(fresh_bytes(600_002))  # makes room by itself
    assert pins(node) == {str(second)}


def test_a_full_repository_still_reads_through(start_ipfs_node: NodeStarter) -> None:
    source = start_ipfs_node("source")
    full = start_ipfs_node("full", "--max-repo-bytes", "1000", peers=source.swarm_addresses)
    data = fresh_bytes(5000)
    with store_of(source) as store, store_of(full) as reader:
        cid = store.put(data)
        assert reader.get(cid, max_bytes=5000) == data
        answer = post(full, "pin/add", cid)
    assert answer.status_code == 500
    assert "the repository is full" in answer.json()["Message"]
    assert pins(full) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit of a running process")
def test_a_failing_disk_is_an_error_and_leaves_no_half_pin(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    with store_of(node) as store:
        before = resource.prlimit(
            node.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY)
        )
        large = fresh_bytes(500_000)
        with pytest.raises(StoreError, match="EFBIG"):
            store.put(large)
        small = store.put(fresh_bytes(1000))
        assert pins(node) == {str(small)}
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, before)
        cid = store.put(large)
        assert store.get(cid, max_bytes=500_000) == large


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit of a running process")
def test_pins_go_on_after_the_disk_was_full_for_a_while(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    journal = tmp_path / "repo" / "pins.journal"
    with store_of(node) as store:
        acknowledged = [store.put(fresh_bytes(20)) for _ in range(3)]
        limit = journal.stat().st_size + 50  # in the middle of the next record
        before = resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        for _ in range(3):
            with pytest.raises(StoreError, match="EFBIG"):
                store.put(fresh_bytes(20))
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, before)
        acknowledged += [store.put(fresh_bytes(20)) for _ in range(3)]
    os.kill(node.pid, signal.SIGKILL)
    node.stop()
    assert pins(start_ipfs_node()) == {str(cid) for cid in acknowledged}
