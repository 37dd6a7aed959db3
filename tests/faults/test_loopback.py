"""Every server that fl_chain starts listens on loopback and nowhere else."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from fl_chain.chain.devnet import KINDS, start_chain_node
from fl_chain.process import ProcessIdentity, identify
from tests.ipfs_fixtures import NodeStarter


def listening_addresses(process: ProcessIdentity) -> set[str]:
    parent = psutil.Process(process.pid)
    return {
        connection.laddr.ip
        for each in (parent, *parent.children(recursive=True))
        for connection in each.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_node_listens_on_loopback_only(kind: str, tmp_path: Path) -> None:
    node = start_chain_node(kind, tmp_path, 0)
    try:
        assert listening_addresses(node.process) == {"127.0.0.1"}
    finally:
        node.process.stop()


def test_an_ipfs_node_listens_on_loopback_only(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    assert listening_addresses(identify(node.pid)) == {"127.0.0.1"}
