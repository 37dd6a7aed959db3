"""Audits of masked rounds: findings follow from what can be fetched and what a report says."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fl_chain.aggregation.derive import DerivedRound
from fl_chain.audit.evidence import Evidence, FetchBlob
from fl_chain.audit.findings import Finding, Verdict
from fl_chain.audit.observer import Observer
from fl_chain.audit.round_checks import conclude_round, gather_round
from fl_chain.audit.slices import ExaminedSlice, Slice, examine_slice
from fl_chain.audit.workers import InTurn, Workers
from fl_chain.errors import BlobTooLarge, BlobUnavailable
from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.records import ModelProposed
from fl_chain.protocol.report import ExclusionReason, decode_report, encode_report
from fl_chain.roles.audit_workers import ParallelWorkers
from tests.unit.aggregation.masked_world import (
    BASE_DIGEST,
    NUMBER,
    MaskedRoundOf,
    make_base,
    make_manifest,
)

Told = list[tuple[str, str]]
PASSED = [
    *(("report", "PASS"), ("update_blob", "PASS"), ("exclusions", "PASS")),
    *(("aggregate", "PASS"), ("model_blob", "PASS")),
]


@pytest.fixture
def played() -> MaskedRoundOf:
    """Three groups of four, of which all is there."""
    made = MaskedRoundOf(make_manifest(4), 12)
    made.play()
    return made


class Counting(Observer):
    def __init__(self) -> None:
        self.updates = self.bytes = 0

    def examine(self, num_updates: int, num_bytes: int) -> None:
        self.updates += num_updates
        self.bytes += num_bytes


def propose(played: MaskedRoundOf, derived: DerivedRound, report: bytes | None = None) -> None:
    """Put a model and a report on record, and pin them."""
    told = derived.report if report is None else report
    for data in (derived.model, told):
        played.blobs[compute_cid(data).digest] = data
    played.history.proposal = ModelProposed(
        round=NUMBER,
        proposer="0x" + "a9" * 20,
        model_digest=derived.model_digest,
        model_cid_digest=compute_cid(derived.model).digest,
        report_digest=compute_digest(told),
        report_cid_digest=compute_cid(told).digest,
        timestamp=9,
    )


def audit(
    played: MaskedRoundOf, workers: Workers | None = None, observer: Observer | None = None
) -> list[Finding]:
    def fetch(cid: Cid, max_bytes: int) -> bytes:
        data = played.blobs.get(cid.digest)
        if data is None:
            raise BlobUnavailable(f"{cid} is nowhere")
        if len(data) > max_bytes:
            raise BlobTooLarge(f"{cid} is too large")
        return data

    evidence = SimpleNamespace(
        fetch_blob=fetch, keys={}, chain_id=31337, ledger=SimpleNamespace(address="0x" + "1" * 40)
    )
    gathered = gather_round(
        *(played.manifest, played.history, [BASE_DIGEST], cast(Evidence, evidence)),
        *(workers or InTurn(), observer or Observer()),
    )
    findings, _ = conclude_round(gathered, make_base(played.manifest))
    return findings


def verdicts(findings: list[Finding]) -> Told:
    return [(finding.check, finding.verdict.value) for finding in findings]


def detail_of(findings: list[Finding], check: str) -> str:
    (detail,) = [finding.detail for finding in findings if finding.check == check]
    return detail


def index_of(played: MaskedRoundOf, group: int, position: int) -> int:
    return played.names.index(played.groups[group].members[position])


def take_away(played: MaskedRoundOf, group: int, kind: str = "reveal") -> dict[bytes, bytes]:
    """Remove what a group told, and return it."""
    record = played.groups[group]
    digests = [blob.cid.digest for blob in record.list_blobs() if blob.kind == kind]
    return {digest: played.blobs.pop(digest) for digest in digests}


def test_an_honest_round_passes_and_says_what_nobody_knows(played: MaskedRoundOf) -> None:
    propose(played, played.derive())
    observer = Counting()
    findings = audit(played, observer=observer)
    assert verdicts(findings) == PASSED
    assert detail_of(findings, "update_blob") == (
        "12 masked updates fetched; the sums of 3 groups come out;"
        " no single update is known, nor whether it is in range"
    )
    assert observer.updates == 12
    assert observer.bytes == 12 * len(played.blobs[played.history.updates[0].cid_digest])


def test_whatever_dropped_out_an_honest_round_passes() -> None:
    played = MaskedRoundOf(make_manifest(4), 13)
    late = [0, 1]
    played.play(late=late, silent=[3])
    played.blobs[played.history.unmaskings[0].cid_digest] = b"no reveal"
    propose(played, played.derive())
    findings = audit(played)
    assert verdicts(findings) == PASSED
    assert "; false bundles and reveals: 1;" in detail_of(findings, "update_blob")


def test_an_honest_round_passes_where_a_group_is_left_out_for_good(played: MaskedRoundOf) -> None:
    for record in list(played.history.unmaskings):
        if record.participant in played.groups[1].members[:2]:
            played.history.unmaskings.remove(record)
    propose(played, played.derive())
    findings = audit(played)
    assert verdicts(findings) == PASSED
    detail = detail_of(findings, "update_blob")
    assert "8 masked updates fetched; the sums of 2 groups come out; groups left out: 1;" in detail


def test_a_group_left_out_although_all_is_there_is_undecidable(played: MaskedRoundOf) -> None:
    gone = take_away(played, 1)
    propose(played, played.derive())
    assert verdicts(audit(played)) == PASSED  # to whom it is not there either
    played.blobs |= gone
    findings = audit(played)
    doubted = [
        *(("report", "PASS"), ("exclusions", "UNDECIDABLE"), ("update_blob", "PASS")),
        *(("aggregate", "PASS"), ("model_blob", "PASS")),
    ]
    assert verdicts(findings) == doubted
    assert detail_of(findings, "exclusions") == (
        "group 1 was left out, and what its sum takes can be fetched now"
    )
    assert "; as the report says and nobody can tell: 1;" in detail_of(findings, "update_blob")


def test_an_update_given_as_unavailable_that_is_there_is_undecidable(
    played: MaskedRoundOf,
) -> None:
    index = index_of(played, 2, 1)
    digest = played.history.updates[index].cid_digest
    data = played.blobs.pop(digest)
    propose(played, played.derive())
    assert verdicts(audit(played)) == PASSED
    played.blobs[digest] = data
    findings = audit(played)
    assert ("exclusions", "UNDECIDABLE") in verdicts(findings)
    assert ("aggregate", "PASS") in verdicts(findings)
    assert detail_of(findings, "exclusions").startswith(f"update {index} of 0x")


def test_what_the_auditor_lacks_of_an_included_group_is_undecidable(
    played: MaskedRoundOf,
) -> None:
    propose(played, played.derive())
    take_away(played, 0, "shares")
    findings = audit(played)
    missing = [finding for finding in findings if finding.check == "update_blob"]
    assert {finding.verdict for finding in missing} == {Verdict.UNDECIDABLE}
    assert len(missing) == 4
    assert "aggregate" not in {finding.check for finding in findings}


def test_an_update_that_the_auditor_lacks_is_undecidable(played: MaskedRoundOf) -> None:
    propose(played, played.derive())
    del played.blobs[played.history.updates[5].cid_digest]
    findings = audit(played)
    assert ("update_blob", "UNDECIDABLE") in verdicts(findings)
    assert "aggregate" not in {finding.check for finding in findings}


def test_a_reveal_that_nobody_needs_is_not_missed(played: MaskedRoundOf) -> None:
    propose(played, played.derive())
    group = played.groups[0]
    del played.blobs[group.unmaskings[3].cid_digest]
    assert verdicts(audit(played)) == PASSED


Lie = Callable[[MaskedRoundOf, bytearray], None]


def include_unpaired(played: MaskedRoundOf, statuses: bytearray) -> None:
    statuses[index_of(played, 0, 0)] = ExclusionReason.UNPAIRED.status


def exclude_malformed(played: MaskedRoundOf, statuses: bytearray) -> None:
    statuses[index_of(played, 0, 0)] = ExclusionReason.MALFORMED.status
    for position in (1, 2, 3):
        statuses[index_of(played, 0, position)] = ExclusionReason.GROUP_LEFT_OUT.status


def leave_one_out(played: MaskedRoundOf, statuses: bytearray) -> None:
    statuses[index_of(played, 0, 2)] = ExclusionReason.GROUP_LEFT_OUT.status


@pytest.mark.parametrize("lie", [include_unpaired, exclude_malformed, leave_one_out])
def test_a_report_that_nothing_explains_fails(played: MaskedRoundOf, lie: Lie) -> None:
    derived = played.derive()
    report = decode_report(derived.report)
    statuses = bytearray(report.statuses)
    lie(played, statuses)
    propose(played, derived, encode_report(replace(report, statuses=bytes(statuses))))
    findings = audit(played)
    assert ("exclusions", "FAIL") in verdicts(findings)
    assert ("aggregate", "FAIL") in verdicts(findings)


def test_a_group_that_cannot_come_out_and_is_included_fails(played: MaskedRoundOf) -> None:
    derived = played.derive()
    kept = [r for r in played.history.unmaskings if r.participant not in played.groups[0].members]
    played.history.unmaskings = kept
    propose(played, derived)
    findings = audit(played)
    wrong = [one for one in findings if one.verdict == Verdict.FAIL and one.check == "exclusions"]
    assert len(wrong) == 4
    assert ("aggregate", "FAIL") in verdicts(findings)


def test_a_model_that_does_not_follow_fails(played: MaskedRoundOf) -> None:
    derived = played.derive()
    played.values += 1
    other = MaskedRoundOf(played.manifest, 12)
    other.values = played.values
    other.play()
    wrong = other.derive()
    propose(played, replace(wrong, report=derived.report))
    assert {one.verdict for one in audit(played)} >= {Verdict.FAIL}


def test_without_a_report_the_round_is_executed_again(played: MaskedRoundOf) -> None:
    propose(played, played.derive())
    proposal = played.history.proposal
    assert proposal is not None
    del played.blobs[proposal.report_cid_digest]
    findings = audit(played)
    assert ("report", "UNDECIDABLE") in verdicts(findings)
    assert ("aggregate", "PASS") in verdicts(findings)


def spoil_nothing(played: MaskedRoundOf) -> None:
    """All is there."""


def spoil_updates(played: MaskedRoundOf) -> None:
    del played.blobs[played.history.updates[3].cid_digest]
    take_away(played, 2)


@pytest.mark.parametrize("spoil", [spoil_nothing, spoil_updates])
@pytest.mark.parametrize("is_before", [False, True])
def test_the_findings_are_the_same_whoever_works(
    played: MaskedRoundOf, spoil: Any, is_before: bool
) -> None:
    if is_before:
        spoil(played)
    propose(played, played.derive())
    if not is_before:
        spoil(played)
    expected = audit(played)
    for jobs in (1, 3):
        observer = Counting()
        with ParallelWorkers(jobs) as workers:
            assert audit(played, workers, observer) == expected
        assert observer.updates == 12


class OtherProcess(InTurn):
    """Hands slices over as to another process, one group in each."""

    def slice_size(self, num_updates: int) -> int:
        return 1

    def map_slices(self, slices: Iterable[Slice], fetch_blob: FetchBlob) -> Iterator[ExaminedSlice]:
        for part in slices:
            assert len(part.groups) == 1
            handed: Slice = pickle.loads(pickle.dumps(part))  # noqa: S301
            examined = examine_slice(handed, fetch_blob)
            yield pickle.loads(pickle.dumps(examined))  # noqa: S301


def test_slices_can_be_handed_to_another_process_and_back(played: MaskedRoundOf) -> None:
    spoil_updates(played)
    propose(played, played.derive())
    assert audit(played, OtherProcess()) == audit(played)
    played.blobs.pop(played.history.updates[7].cid_digest, None)
    assert audit(played, OtherProcess()) == audit(played)
