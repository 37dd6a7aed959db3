"""Truncated and oversized blobs.

Caught by the exact size that a header implies: longer is ``oversized`` and never read past the
cap, shorter is ``malformed``; the audit's ``exclusions`` agrees with either.
"""

from __future__ import annotations

import pytest

from tests.world import Federation, World


@pytest.fixture
def federation(world: World) -> Federation:
    federation = world.federation(num_rounds=1, min_updates=2)
    federation.submit_honestly(0, 1)
    return federation


@pytest.mark.parametrize("kept", [-1, -2, 1500, 1024, 1023, 8, 7, 1, 0])
def test_a_truncated_blob_is_malformed(federation: Federation, kept: int) -> None:
    federation.submit(2, federation.update(2)[:kept])
    federation.assert_left_out("malformed")


@pytest.mark.parametrize("added", [1, 2, 1024, 900_000])
def test_an_oversized_blob_is_oversized(federation: Federation, added: int) -> None:
    federation.submit(2, federation.update(2) + bytes(added))
    federation.assert_left_out("oversized")


def test_a_blob_of_many_blocks_is_read_as_its_root_alone(federation: Federation) -> None:
    """The codec follows from the size that the task implies: one raw block, here a link list."""
    federation.submit(2, federation.update(2) + bytes(3_000_000))
    federation.assert_left_out("wrong_digest")
