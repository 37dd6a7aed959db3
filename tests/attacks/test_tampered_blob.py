"""A bit flipped in a pinned blob, on an IPFS node's disk or on its way out.

Caught where every blob enters: the content store recomputes the CID. The check of that very blob
fails (``manifest``, ``genesis_model``, ``update_blob``, ``report``, ``model_blob``, and
``base_model`` where a later round starts from it), and nothing else is accused. A blob that nobody
has is UNDECIDABLE instead: missing evidence is not fraud.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fl_chain.audit.findings import EXIT_CODES, Verdict, compute_verdict
from fl_chain.errors import BlobCorrupt, BlobTooLarge, BlobUnavailable
from fl_chain.protocol.cid import RAW, Cid
from fl_chain.storage.store import ContentStore
from tests.world import Federation, World, assert_passes, problems

BLOBS = {
    "manifest": (None, "manifest"),
    "genesis": (None, "genesis_model"),
    "update": (1, "update_blob"),
    "report": (1, "report"),
    "model": (1, "model_blob"),
}
"""Blob to the check that names it."""


@pytest.fixture(scope="module")
def finished(world: World) -> Iterator[Federation]:
    federation = world.federation()
    federation.run_round()
    federation.run_round()
    yield federation
    assert_passes(federation.audit(), num_rounds=2)


def cids(federation: Federation) -> dict[str, Cid]:
    parameters, first = federation.task.parameters, federation.task.rounds[1]
    assert first.proposal is not None
    return {
        "manifest": Cid(RAW, parameters.manifest_cid_digest),
        "genesis": Cid(RAW, parameters.genesis_cid_digest),
        "update": Cid(RAW, first.updates[1].cid_digest),
        "report": Cid(RAW, first.proposal.report_cid_digest),
        "model": Cid(RAW, first.proposal.model_cid_digest),
    }


class LyingStore:
    """An IPFS node's answers before they are verified, with one of them replaced."""

    def __init__(self, honest: ContentStore, cid: Cid, error: Exception) -> None:
        self._honest, self._cid, self._error = honest, cid, error

    def put(self, data: bytes) -> Cid:
        return self._honest.put(data)

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        if cid == self._cid:
            raise self._error
        return self._honest.get(cid, max_bytes=max_bytes)


@pytest.mark.parametrize("blob", BLOBS)
@pytest.mark.parametrize("bit", [0, 3, 8 * 100 + 7])
def test_a_bit_flipped_on_the_nodes_disk_is_located(
    finished: Federation, blob: str, bit: int
) -> None:
    path = finished.world.block_file(cids(finished)[blob])
    proper = path.read_bytes()
    flipped = bytearray(proper)
    flipped[bit // 8] ^= 1 << bit % 8
    path.write_bytes(flipped)
    try:
        findings = finished.audit()
    finally:
        path.write_bytes(proper)
    round_number, check = BLOBS[blob]
    assert problems(findings)[0] == (round_number, check, "FAIL")
    assert {f[1] for f in problems(findings)} <= {check, "base_model"}
    assert EXIT_CODES[compute_verdict(findings)] == 1
    told = next(f for f in findings if f.verdict == Verdict.FAIL)
    assert "damaged" in told.detail
    assert told.expected == str(cids(finished)[blob])


@pytest.mark.parametrize("blob", BLOBS)
@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (BlobCorrupt("other bytes"), "FAIL"),
        (BlobTooLarge("too many bytes"), "FAIL"),
        (BlobUnavailable("nobody has it"), "UNDECIDABLE"),
    ],
    ids=["corrupt", "too large", "unavailable"],
)
def test_each_way_to_withhold_a_blob_has_its_verdict(
    finished: Federation, blob: str, error: Exception, verdict: str
) -> None:
    store = LyingStore(finished.store, cids(finished)[blob], error)
    round_number, check = BLOBS[blob]
    found = problems(finished.audit(store))
    assert found[0] == (round_number, check, verdict)
    assert {(check, verdict) for _, check, verdict in found} <= {
        (check, verdict),
        ("base_model", verdict),  # round 2 starts from the model of round 1
    }


def test_a_blob_removed_from_every_node_is_undecidable_not_fraud(world: World) -> None:
    federation = world.federation(num_rounds=1)
    federation.run_round()
    world.block_file(cids(federation)["update"]).unlink()
    findings = federation.audit()
    assert problems(findings) == [(1, "update_blob", "UNDECIDABLE")]
    assert EXIT_CODES[compute_verdict(findings)] == 2
