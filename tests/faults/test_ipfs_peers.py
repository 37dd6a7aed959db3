"""The embedded IPFS node beside others that come and go."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fl_chain.errors import StoreError
from fl_chain.protocol.cid import compute_cid
from tests.faults.ipfs_node_access import collect_garbage, fresh_bytes, many_blocks, post, store_of
from tests.ipfs_fixtures import NodeStarter

STREAM_IDLE_SECONDS = 2
"""As in ipfs/network/message-streams.mjs."""


def test_configured_peers_are_found_again_after_they_were_away(
    start_ipfs_node: NodeStarter,
) -> None:
    source = start_ipfs_node("source")
    port = int(source.swarm_addresses[0].split("/")[4])
    other = start_ipfs_node("other", peers=source.swarm_addresses)
    for _ in range(2):
        data = fresh_bytes(2000)
        with store_of(source) as store, store_of(other) as reader:
            assert reader.get(store.put(data), max_bytes=2000) == data
        os.kill(source.pid, signal.SIGKILL)
        source.stop()
        source = start_ipfs_node("source", swarm_port=port)


def test_a_peer_may_start_later(start_ipfs_node: NodeStarter) -> None:
    source = start_ipfs_node("source")
    address = source.swarm_addresses
    source.stop()
    other = start_ipfs_node("other", peers=address)
    source = start_ipfs_node("source", swarm_port=int(address[0].split("/")[4]))
    with store_of(source) as store, store_of(other) as reader:
        assert reader.get(store.put(b"late"), max_bytes=4) == b"late"


def test_content_can_be_fetched_again_right_after_it_was_collected(
    start_ipfs_node: NodeStarter,
) -> None:
    source = start_ipfs_node("source")
    other = start_ipfs_node("other", peers=source.swarm_addresses)
    data = many_blocks(2)
    with store_of(source) as store, store_of(other) as reader:
        cid = store.put(data)
        for _ in range(3):
            assert reader.get(cid, max_bytes=len(data)) == data
            assert len(collect_garbage(other)) == 3


def test_content_is_found_after_a_pause_longer_than_a_stream_is_kept(
    start_ipfs_node: NodeStarter,
) -> None:
    source = start_ipfs_node("source")
    other = start_ipfs_node("other", peers=source.swarm_addresses)
    with store_of(source) as store, store_of(other) as reader:
        for _ in range(2):
            data = fresh_bytes(2000)
            assert reader.get(store.put(data), max_bytes=2000) == data
            time.sleep(STREAM_IDLE_SECONDS + 0.5)


def test_pinning_fetches_the_whole_graph(start_ipfs_node: NodeStarter) -> None:
    source = start_ipfs_node("source")
    other = start_ipfs_node("other", peers=source.swarm_addresses)
    data = many_blocks(40)
    with store_of(source) as store:
        cid = store.put(data)
    assert post(other, "pin/add", cid, timeout="30s").json() == {"Pins": [str(cid)]}
    source.stop()
    assert collect_garbage(other) == set()
    assert post(other, "cat", cid, offline="true").content == data


def test_readers_share_one_fetch_and_may_leave_it(start_ipfs_node: NodeStarter) -> None:
    source = start_ipfs_node("source")
    other = start_ipfs_node("other", peers=source.swarm_addresses)
    data = fresh_bytes(100_000)
    cid = compute_cid(data)
    with ThreadPoolExecutor(12) as threads, store_of(source) as store:
        leaving = [threads.submit(post, other, "cat", cid, timeout="300ms") for _ in range(4)]
        staying = [threads.submit(post, other, "cat", cid, timeout="30s") for _ in range(8)]
        assert all(answer.result().status_code == 500 for answer in leaving)
        store.put(data)
        assert all(answer.result().content == data for answer in staying)


def test_an_unreachable_peer_is_an_error(start_ipfs_node: NodeStarter) -> None:
    node, gone = start_ipfs_node("node"), start_ipfs_node("gone")
    gone.stop()
    with store_of(node) as store:
        with pytest.raises(StoreError, match="cannot connect"):
            store.connect(gone.swarm_addresses[0])
        with pytest.raises(StoreError, match="invalid peer address"):
            store.connect("/ip4/127.0.0.1/tcp/1")
