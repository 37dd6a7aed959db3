"""A free rider that submits another participant's update as its own.

Caught by the header's binding to the sender: the copy is left out as ``misbound``, the original
stays in, and the audit's ``exclusions`` agrees. Whoever decodes the blob and signs it anew with its
own address has made an update of its own; docs/threat-model.md says that this is not prevented.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl_chain.protocol.blob import encode_blob
from tests.world import Federation, World


@pytest.fixture
def federation(world: World) -> Federation:
    return world.federation(num_rounds=1, min_updates=1)


def test_the_same_cid_and_digest_are_misbound(federation: Federation) -> None:
    federation.submit_honestly(0, 1)
    federation.submit(2, federation.update(1))
    first, original, copy = federation.task.rounds[1].updates
    assert (original.digest, original.cid_digest) == (copy.digest, copy.cid_digest)
    assert first.digest != original.digest
    federation.assert_left_out("misbound")


def test_a_copy_that_arrives_before_the_original_is_misbound_too(federation: Federation) -> None:
    stolen = federation.update(1)
    federation.submit(2, stolen)
    federation.submit(1, stolen)
    federation.submit(0, federation.update(0))
    federation.aggregate()
    assert federation.exclusions() == [(0, "misbound")]
    assert federation.audit()


def test_an_update_in_the_name_of_somebody_else_is_misbound(federation: Federation) -> None:
    federation.submit_honestly(0, 1)
    header = replace(federation.header(2), participant="0x" + "ab" * 20)
    federation.submit(2, encode_blob(header, federation.lanes(1)))
    federation.assert_left_out("misbound")
