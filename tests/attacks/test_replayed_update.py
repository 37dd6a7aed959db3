"""An update of an earlier round, submitted again.

Caught by the header's binding to round and base model: the blob is left out as ``misbound``, also
when its header was rewritten half, and the audit's ``exclusions`` agrees.
"""

from __future__ import annotations

import pytest

from tests.world import Federation, World


@pytest.fixture
def federation(world: World) -> Federation:
    return world.federation(num_rounds=2, min_updates=2)


def test_an_update_of_the_round_before_is_misbound(federation: Federation) -> None:
    old = federation.update(2)
    federation.submit_honestly(0, 1)
    federation.submit(2, old)
    federation.aggregate()
    assert federation.exclusions() == []
    federation.submit_honestly(0, 1)
    federation.submit(2, old)
    federation.assert_left_out("misbound", num_rounds=2)


@pytest.mark.parametrize("kept", ["round", "base_model"])
def test_half_a_rewritten_header_is_misbound(federation: Federation, kept: str) -> None:
    before = getattr(federation.header(2), kept)
    federation.run_round()
    federation.submit_honestly(0, 1)
    federation.submit(2, federation.update(2, **{kept: before}))
    federation.assert_left_out("misbound", num_rounds=2)


def test_an_update_of_another_task_is_misbound(world: World, federation: Federation) -> None:
    other = world.federation(num_rounds=1)
    federation.submit_honestly(0, 1)
    federation.submit(2, other.update(2))
    federation.assert_left_out("misbound", num_rounds=2)


def test_a_model_in_place_of_an_update_is_misbound_or_oversized(federation: Federation) -> None:
    """The genesis model has lanes twice as wide, so that it is too large before it is read."""
    parameters = federation.task.parameters
    federation.submit_honestly(0, 1)
    federation.submit(
        2,
        b"",
        pin=False,
        digest=parameters.genesis_digest,
        cid_digest=parameters.genesis_cid_digest,
    )
    federation.assert_left_out("oversized", num_rounds=2)
