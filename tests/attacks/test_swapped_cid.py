"""A record whose CID and digest do not belong to the same blob.

Caught by ``RoundAggregation.add``: what the CID leads to does not have the digest on record, so the
update is left out as ``wrong_digest``; the audit's ``exclusions`` agrees. A CID that leads nowhere
is ``unavailable``.
"""

from __future__ import annotations

import pytest

from fl_chain.errors import TransactionRejected
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.digest import compute_digest
from tests.world import Federation, World


@pytest.fixture
def federation(world: World) -> Federation:
    federation = world.federation(num_rounds=1, min_updates=2)
    federation.submit_honestly(0, 1)
    return federation


def test_the_cid_of_another_blob_is_a_wrong_digest(federation: Federation) -> None:
    blob, other = federation.update(2), federation.update(2, federation.lanes(7))
    federation.store.put(other)
    federation.submit(2, blob, cid_digest=compute_cid(other).digest)
    federation.assert_left_out("wrong_digest")


def test_the_cid_of_the_manifest_is_a_wrong_digest(federation: Federation) -> None:
    parameters = federation.task.parameters
    federation.submit(2, federation.update(2), cid_digest=parameters.manifest_cid_digest)
    federation.assert_left_out("wrong_digest")


def test_a_forged_digest_is_a_wrong_digest(federation: Federation) -> None:
    blob = federation.update(2)
    digest = bytearray(compute_digest(blob))
    digest[31] ^= 1
    federation.submit(2, blob, digest=bytes(digest))
    federation.assert_left_out("wrong_digest")


def test_the_plain_hash_in_place_of_the_digest_is_a_wrong_digest(federation: Federation) -> None:
    """The SHA-256 in the CID is not the digest: they are trees of different shape."""
    blob = federation.update(2)
    federation.submit(2, blob, digest=compute_cid(blob).digest)
    federation.assert_left_out("wrong_digest")


def test_a_cid_that_leads_nowhere_is_unavailable(federation: Federation) -> None:
    federation.submit(2, federation.update(2), cid_digest=b"\x07" * 32)
    federation.world.advance_clock(federation.task.parameters.aggregate_seconds // 2)
    federation.assert_left_out("unavailable")


@pytest.mark.parametrize("field", ["digest", "cid_digest"])
def test_a_zero_digest_never_enters_the_ledger(federation: Federation, field: str) -> None:
    with pytest.raises(TransactionRejected) as refused:
        federation.submit(2, federation.update(2), **{field: bytes(32)})
    assert refused.value.error == "ZeroDigest"
