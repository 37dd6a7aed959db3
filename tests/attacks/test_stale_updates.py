"""Updates that began from a former model: they count less, and not at all if they are too old."""

from __future__ import annotations

import pytest

from fl_chain.protocol.staleness import discount_weight, list_base_digests
from tests.world import Federation, World, assert_passes

MAX_WEIGHT, MAX_STALENESS = 1000, 2


@pytest.fixture
def federation(world: World) -> Federation:
    """Return a task in its round 4, whose updates may begin from the models of rounds 1 to 3."""
    federation = world.federation(
        3, num_rounds=5, max_weight=MAX_WEIGHT, max_staleness=MAX_STALENESS, min_updates=2
    )
    for _ in range(3):
        federation.run_round()
    federation.submit_honestly(0, 1)
    return federation


def submit_stale(federation: Federation, staleness: int, weight: int) -> None:
    base = list_base_digests(federation.task, 4, staleness)[staleness]
    federation.submit(2, federation.update(2, base_model=base), weight=weight)


@pytest.mark.parametrize("staleness", [0, 1, 2])
def test_a_late_update_counts_with_what_its_staleness_leaves(
    federation: Federation, staleness: int
) -> None:
    submit_stale(federation, staleness, discount_weight(MAX_WEIGHT, staleness))
    federation.aggregate()
    assert federation.exclusions() == []
    assert_passes(federation.audit(), 4)


@pytest.mark.parametrize("staleness", [1, 2])
def test_a_late_update_that_claims_more_is_left_out(federation: Federation, staleness: int) -> None:
    submit_stale(federation, staleness, discount_weight(MAX_WEIGHT, staleness) + 1)
    federation.assert_left_out("overweight", num_rounds=5)


def test_an_update_from_a_model_that_is_too_old_is_left_out(federation: Federation) -> None:
    submit_stale(federation, MAX_STALENESS + 1, 1)
    federation.assert_left_out("misbound", num_rounds=5)


def test_an_update_recorded_in_an_earlier_round_is_not_late_but_replayed(
    federation: Federation,
) -> None:
    """What may be old is the model that training began from, not the update."""
    sender = federation.address_of(2)
    former = next(u for u in federation.task.rounds[3].updates if u.participant == sender)
    federation.submit(
        2, b"", pin=False, digest=former.digest, cid_digest=former.cid_digest, weight=1
    )
    federation.assert_left_out("misbound", num_rounds=5)


def test_without_staleness_no_former_model_will_do(world: World) -> None:
    federation = world.federation(3, num_rounds=3, min_updates=2)
    federation.run_round()
    federation.submit_honestly(0, 1)
    genesis = federation.task.parameters.genesis_digest.hex()
    federation.submit(2, federation.update(2, base_model=genesis), weight=1)
    federation.assert_left_out("misbound", num_rounds=3)
