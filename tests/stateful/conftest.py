"""A devnet for tests that tell it the time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stateful.stepped_chain import SteppedChain


@pytest.fixture
def stepped_chain(anvil_rpc_url: str) -> Iterator[SteppedChain]:
    chain = SteppedChain(anvil_rpc_url)
    yield chain
    chain.close()
