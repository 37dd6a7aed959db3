"""A chain node keeps its files to itself, however long it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from fl_chain.cache import cache_directory
from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.devnet import RECENT_STATES, start_chain_node


def test_a_chain_node_fills_no_directory_but_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """anvil would write past states to the home directory, gigabytes of them, for good."""
    home = tmp_path / "home"
    home.mkdir()
    # What npm has installed is found by the variable, not by the home directory.
    monkeypatch.setenv("FL_CHAIN_CACHE", str(cache_directory()))
    monkeypatch.setenv("HOME", str(home))
    node = start_chain_node("anvil", tmp_path / "chain", 0)
    try:
        connection = ChainConnection(node.rpc_url)
        connection.call("anvil_mine", 20 * RECENT_STATES)
        assert int(connection.call("eth_blockNumber"), 16) == 20 * RECENT_STATES
    finally:
        node.process.stop()
    assert [path for path in home.rglob("*") if path.is_file()] == []
