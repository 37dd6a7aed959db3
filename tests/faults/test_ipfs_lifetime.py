"""How the embedded IPFS node starts, and what ends it."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from fl_chain.errors import DevnetError, PortTaken, UsageError
from fl_chain.protocol.cid import compute_cid
from tests.faults.ipfs_node_access import begin_upload, fresh_bytes, is_alive, post
from tests.ipfs_fixtures import NodeStarter


def test_a_taken_port_is_named(start_ipfs_node: NodeStarter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            start_ipfs_node("one", api_port=port)
        with pytest.raises(PortTaken, match=str(port)):
            start_ipfs_node("two", swarm_port=port)


def test_two_nodes_cannot_share_a_repository(start_ipfs_node: NodeStarter) -> None:
    first = start_ipfs_node()
    with pytest.raises(DevnetError, match=rf"in use by another process \(pid {first.pid}\)"):
        start_ipfs_node()
    assert is_alive(first)


def test_the_lock_of_a_dead_node_is_void_even_if_its_pid_lives_again(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    os.kill(node.pid, signal.SIGKILL)
    node.stop()
    (tmp_path / "repo" / "owner.pid").write_text(f"{os.getpid()}\n")
    assert is_alive(start_ipfs_node())


def test_a_node_keeps_its_peer_id(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    node.stop()
    assert start_ipfs_node().peer_id == node.peer_id


def test_stopping_does_not_wait_for_anybody(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    with begin_upload(node, 100_000), ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(post, node, "cat", compute_cid(fresh_bytes(9)))
        os.kill(node.pid, signal.SIGTERM)
        assert node.process.wait(30) == 0
        with pytest.raises(requests.ConnectionError):
            waiting.result()


def test_a_node_ends_with_whoever_started_it(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    assert node.process.stdin is not None
    node.process.stdin.close()  # as the kernel does for a process that is killed
    assert node.process.wait(30) == 0


def test_shutdown_by_rpc_ends_the_node(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    assert post(node, "shutdown").ok
    assert node.process.wait(30) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--api", "0.0.0.0:0"),
        ("--api", "example.org:0"),
        ("--api", "5001"),
        ("--peer", "/ip4/127.0.0.1/tcp/1"),
        ("--max-repo-bytes", "-1"),
        ("--no-such-option",),
    ],
)
def test_a_bad_command_line_is_refused(
    start_ipfs_node: NodeStarter, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match="the IPFS node cannot start: ") as caught:
        start_ipfs_node("repo", *arguments)
    assert len(str(caught.value)) < 200
