"""Embedded IPFS nodes for tests; no test here or elsewhere needs a node installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from fl_chain.storage.embedded_node import RunningNode, start_node

KUBO_VARIABLE = "FL_CHAIN_KUBO_API"


class NodeStarter(Protocol):
    """Starts a node that ends with the test."""

    def __call__(
        self,
        repo: str = ...,
        *arguments: str,
        peers: tuple[str, ...] = ...,
        api_port: int = ...,
        swarm_port: int = ...,
    ) -> RunningNode: ...


def _starter(directory: Path, stack: ExitStack) -> NodeStarter:
    def start(
        repo: str = "repo",
        *arguments: str,
        peers: tuple[str, ...] = (),
        api_port: int = 0,
        swarm_port: int = 0,
    ) -> RunningNode:
        node = start_node(
            directory / repo,
            api_port=api_port,
            swarm=f"/ip4/127.0.0.1/tcp/{swarm_port}",
            peers=peers,
            log_path=directory / f"{repo}.log",
            detached=False,
            extra_arguments=arguments,
        )
        stack.callback(_check_log, directory / f"{repo}.log")
        stack.callback(node.stop)
        return node

    return start


def _check_log(log: Path) -> None:
    """Whatever a test did to the node, nothing in there went unnoticed or leaked."""
    text = log.read_text("utf-8")
    assert "Warning" not in text, text
    assert "unhandled rejection" not in text, text


@pytest.fixture(scope="session")
def ipfs_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """API multiaddr of a node that all tests share: add what you like, assume nothing."""
    with ExitStack() as stack:
        start = _starter(tmp_path_factory.mktemp("ipfs"), stack)
        yield start().api_multiaddr


@pytest.fixture(scope="session")
def two_ipfs_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """API multiaddrs of two nodes that are connected to each other."""
    with ExitStack() as stack:
        start = _starter(tmp_path_factory.mktemp("two-ipfs"), stack)
        first = start("first")
        second = start("second", peers=first.swarm_addresses)
        yield first.api_multiaddr, second.api_multiaddr


@pytest.fixture
def start_ipfs_node(tmp_path: Path) -> Iterator[NodeStarter]:
    """Start nodes of one's own, to be filled, killed or damaged."""
    with ExitStack() as stack:
        yield _starter(tmp_path, stack)


__all__ = [
    "KUBO_VARIABLE",
    "NodeStarter",
    "ipfs_node",
    "start_ipfs_node",
    "two_ipfs_nodes",
]
