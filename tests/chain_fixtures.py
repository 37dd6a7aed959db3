"""A devnet for tests: the one that fl_chain starts by itself, on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fl_chain.chain.devnet import start_chain_node


@pytest.fixture(scope="session")
def anvil_rpc_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """RPC address of an anvil that runs for the whole session."""
    node = start_chain_node("anvil", tmp_path_factory.mktemp("anvil"), port=0)
    yield node.rpc_url
    node.process.stop()
