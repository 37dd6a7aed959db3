"""An aggregator that calls an update unavailable that it did not want.

Not caught, but shown: nobody can prove afterwards that a blob could be fetched then. The audit
re-executes the round without the update, and its ``exclusions`` is UNDECIDABLE for as long as the
blob can be fetched. Any other reason is re-checked (tests/attacks/test_wrong_model.py).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl_chain.audit.findings import EXIT_CODES, compute_verdict
from fl_chain.errors import BlobTooLarge
from fl_chain.protocol.cid import RAW, Cid
from fl_chain.protocol.report import INCLUDED, ExclusionReason, decode_report, encode_report
from fl_chain.storage.store import ContentStore
from tests.world import Federation, World, problems


@pytest.fixture
def censored(world: World) -> Federation:
    """A round whose last update is said to be unavailable, and an honest one after it."""
    federation = world.federation(num_rounds=2, min_updates=2)
    federation.submit_honestly()
    records = federation.task.rounds[1].updates
    derived = federation.derive(records[:-1])
    told = decode_report(derived.report)
    claim = bytes([ExclusionReason.UNAVAILABLE.status])
    report = replace(told, statuses=told.statuses + claim)
    federation.propose(derived.model, encode_report(report))
    federation.finalize()
    federation.run_round()
    return federation


def test_an_available_update_left_out_is_undecidable(censored: Federation) -> None:
    findings = censored.audit()
    assert problems(findings) == [(1, "exclusions", "UNDECIDABLE")]
    assert EXIT_CODES[compute_verdict(findings)] == 2
    told = next(f for f in findings if f.verdict == "UNDECIDABLE")
    assert "left out as unavailable and can be fetched now" in told.detail
    assert censored.address_of(2) in told.detail


def test_an_update_that_is_still_missing_leaves_the_claim_standing(censored: Federation) -> None:
    cid = Cid(RAW, censored.task.rounds[1].updates[-1].cid_digest)
    censored.world.block_file(cid).unlink()
    assert problems(censored.audit()) == []


def test_a_wrong_sum_is_not_excused_by_a_claim_of_absence(world: World) -> None:
    federation = world.federation(num_rounds=1, min_updates=1)
    federation.submit_honestly()
    records = federation.task.rounds[1].updates
    derived = federation.derive(records[:1])
    statuses = bytes([INCLUDED, INCLUDED, ExclusionReason.UNAVAILABLE.status])
    report = replace(decode_report(derived.report), statuses=statuses)
    federation.propose(derived.model, encode_report(report))
    federation.finalize()
    assert problems(federation.audit()) == [
        (1, "exclusions", "UNDECIDABLE"),
        (1, "aggregate", "FAIL"),
    ]


class StuffedStore:
    """A store that answers one CID with more bytes than anybody reads."""

    def __init__(self, honest: ContentStore, cid: Cid) -> None:
        self._honest = honest
        self._cid = cid

    def put(self, data: bytes) -> Cid:
        return self._honest.put(data)

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        if cid == self._cid:
            raise BlobTooLarge(f"{cid} has more than {max_bytes} bytes")
        return self._honest.get(cid, max_bytes=max_bytes)


def test_aggregator_and_node_together_cannot_pass_an_update_off_as_oversized(
    world: World,
) -> None:
    federation = world.federation(num_rounds=1, min_updates=2)
    federation.submit_honestly()
    records = federation.task.rounds[1].updates
    derived = federation.derive(records[:-1])
    told = decode_report(derived.report)
    claim = bytes([ExclusionReason.OVERSIZED.status])
    report = replace(told, statuses=told.statuses + claim)
    federation.propose(derived.model, encode_report(report))
    federation.finalize()
    accomplice = StuffedStore(federation.store, Cid(RAW, records[-1].cid_digest))
    assert (1, "update_blob", "FAIL") in problems(federation.audit(accomplice))
    assert (1, "exclusions", "FAIL") in problems(federation.audit())
