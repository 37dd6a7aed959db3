"""An aggregator that proposes what does not follow from the updates.

Caught by the audit: ``aggregate`` re-executes the sum and compares digests; ``exclusions`` compares
the report's claims with what the blobs say; ``report`` and ``model_blob`` check what is pinned.
Every later round is judged by what it made of the model on record, so only the lie is named.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fl_chain.aggregation.derive import DerivedRound
from fl_chain.aggregation.round_blobs import model_header
from fl_chain.audit.audit import run_audit
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import Propose
from fl_chain.protocol.blob import decode_blob, encode_blob
from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.report import (
    ExclusionReason,
    RoundReport,
    compute_report_bytes,
    decode_report,
    encode_report,
)
from tests.world import Federation, World, assert_passes, problems


@pytest.fixture
def federation(world: World) -> Federation:
    federation = world.federation()
    federation.submit_honestly()
    return federation


def lie(derived: DerivedRound, model: bytes | None = None, **report: object) -> tuple[bytes, bytes]:
    """Return model and report with some lies in them, else consistent with each other."""
    model = model or derived.model
    told = replace(decode_report(derived.report), model=compute_digest(model).hex(), **report)
    return model, encode_report(told)


def finish(federation: Federation) -> list[tuple[int | None, str, str]]:
    """Finalize the lie, add an honest round, audit."""
    federation.finalize()
    federation.run_round()
    findings = federation.audit()
    assert {f.round for f in findings} == {None, 1, 2}
    return problems(findings)


def test_honest_rounds_pass_every_check(federation: Federation) -> None:
    federation.aggregate()
    federation.run_round()
    assert_passes(federation.audit(), num_rounds=2)


def test_wrong_bytes_of_a_model_fail_the_aggregate(federation: Federation) -> None:
    derived = federation.derive()
    header, values = decode_blob(derived.model)
    values = values.copy()
    values[0] ^= 1
    federation.propose(*lie(derived, encode_blob(header, values)))
    assert finish(federation) == [(1, "aggregate", "FAIL")]


def test_an_omitted_update_fails_the_report_and_the_aggregate(federation: Federation) -> None:
    records = federation.task.rounds[1].updates
    derived = federation.derive(records[:-1])
    federation.propose(derived.model, derived.report)
    # The report has no status for the update, so it is too short to be the round's.
    assert finish(federation) == [(1, "report", "FAIL"), (1, "aggregate", "FAIL")]


def test_an_omitted_update_that_is_given_as_included_fails_the_aggregate(
    federation: Federation,
) -> None:
    records = federation.task.rounds[1].updates
    derived = federation.derive(records[:-1])
    federation.propose(*lie(derived, statuses=bytes(len(records))))
    assert finish(federation) == [(1, "aggregate", "FAIL")]


@pytest.mark.parametrize(
    "reason", sorted(set(ExclusionReason) - {ExclusionReason.UNAVAILABLE}), ids=str
)
def test_an_invented_reason_to_exclude_fails_the_exclusions(
    federation: Federation, reason: ExclusionReason
) -> None:
    records = federation.task.rounds[1].updates
    derived = federation.derive(records[:-1])
    told = decode_report(derived.report)
    federation.propose(*lie(derived, statuses=told.statuses + bytes([reason.status])))
    assert finish(federation) == [(1, "exclusions", "FAIL"), (1, "aggregate", "FAIL")]


def test_an_altered_weight_fails_the_aggregate(federation: Federation) -> None:
    records = list(federation.task.rounds[1].updates)
    records[0] = replace(records[0], weight=records[0].weight + 1)
    derived = federation.derive(records)
    federation.propose(derived.model, derived.report)
    assert finish(federation) == [(1, "aggregate", "FAIL")]


def test_a_report_that_lies_about_the_total_weight_fails_the_aggregate(
    federation: Federation,
) -> None:
    derived = federation.derive()
    federation.propose(*lie(derived, total_weight=decode_report(derived.report).total_weight + 1))
    assert finish(federation) == [(1, "aggregate", "FAIL")]


def test_a_report_that_admits_what_was_left_out_as_malformed_fails(federation: Federation) -> None:
    """All updates are in the model, and the report says that one is not."""
    derived = federation.derive()
    told = decode_report(derived.report)
    claim = bytes([ExclusionReason.MALFORMED.status])
    federation.propose(*lie(derived, statuses=claim + told.statuses[1:]))
    assert finish(federation) == [(1, "exclusions", "FAIL"), (1, "aggregate", "FAIL")]


@pytest.mark.parametrize(
    "place",
    [{"round": 2}, {"task": "1" * 64}, {"base_model": "2" * 64}, {"model": "3" * 64}],
    ids=lambda place: next(iter(place)),
)
def test_a_report_of_another_place_fails_the_report(
    federation: Federation, place: dict[str, object]
) -> None:
    derived = federation.derive()
    told: RoundReport = replace(decode_report(derived.report), **place)
    federation.propose(derived.model, encode_report(told))
    assert finish(federation) == [(1, "report", "FAIL")]


def test_the_report_of_another_round_fails_the_report(federation: Federation) -> None:
    first = federation.derive()
    federation.aggregate()
    federation.submit_honestly()
    second = federation.derive()
    federation.propose(second.model, first.report)
    federation.finalize()
    assert problems(federation.audit()) == [(2, "report", "FAIL")]


@pytest.mark.parametrize(
    "report",
    [b"{}", b"not json", b"", b"[" * 5000, b"{}".ljust(1027), b"[" * 1027, bytes(1027)],
    ids=["object", "text", "nothing", "bomb", "object in size", "bomb in size", "zeros in size"],
)
def test_a_report_that_is_none_fails_the_report(federation: Federation, report: bytes) -> None:
    derived = federation.derive()
    assert len(derived.report) == 1027
    federation.propose(derived.model, report)
    assert finish(federation) == [(1, "report", "FAIL")]


def test_a_status_that_no_reason_has_fails_the_report(federation: Federation) -> None:
    derived = federation.derive()
    federation.propose(derived.model, derived.report[:-1] + b"\x0e")
    assert finish(federation) == [(1, "report", "FAIL")]


@pytest.mark.parametrize("num_statuses", [1, 2, 4, 5003])
def test_a_report_with_a_status_too_few_or_too_many_fails_the_report(
    federation: Federation, num_statuses: int
) -> None:
    """Each is a canonical report, as long as it says itself."""
    derived = federation.derive()
    statuses = bytes(num_statuses)
    model, report = lie(derived, statuses=statuses)
    assert decode_report(report).statuses == statuses
    federation.propose(model, report)
    assert finish(federation) == [(1, "report", "FAIL")]


@pytest.mark.parametrize("size", [0, 1, 1024, 1026, 1028])
def test_a_report_that_is_cut_or_padded_fails_the_report(federation: Federation, size: int) -> None:
    """Its header speaks of as many updates as there are; its bytes are others."""
    derived = federation.derive()
    federation.propose(derived.model, derived.report.ljust(size, b"\0")[:size])
    assert finish(federation) == [(1, "report", "FAIL")]


@pytest.mark.parametrize("num_statuses", [4, 2**18, 2**21])
def test_of_a_report_no_more_is_read_than_the_round_has_updates(
    federation: Federation, num_statuses: int
) -> None:
    derived = federation.derive()
    model, report = lie(derived, statuses=bytes(num_statuses))
    federation.propose(model, report)
    federation.finalize()
    evidence = federation.evidence()
    received: dict[bytes, int] = {}
    caps: dict[bytes, int] = {}

    def fetch(cid: Cid, max_bytes: int) -> bytes:
        caps[cid.digest] = max_bytes
        data = evidence.fetch_blob(cid, max_bytes)
        received[cid.digest] = len(data)
        return data

    findings = run_audit(replace(evidence, fetch_blob=fetch))
    assert problems(findings) == [(1, "report", "FAIL")]
    pinned = compute_cid(report).digest
    assert caps[pinned] == compute_report_bytes(3) == 1027
    assert received.get(pinned, 0) <= 1027  # at most the root of a tree whose leaves nobody reads
    assert compute_cid(model).digest in received


def test_a_model_digest_that_the_pinned_model_does_not_have_fails_both_checks(
    federation: Federation,
) -> None:
    derived = federation.derive()
    model, report = lie(derived)
    told = replace(decode_report(report), model="4" * 64)
    federation.propose(model, encode_report(told), model_digest=bytes.fromhex("4" * 64))
    federation.finalize()
    assert problems(federation.audit()) == [(1, "aggregate", "FAIL"), (1, "model_blob", "FAIL")]


def test_a_model_cid_of_another_blob_fails_both_checks(federation: Federation) -> None:
    derived = federation.derive()
    other = federation.store.put(bytes(len(derived.model)))
    federation.propose(derived.model, derived.report, model_cid_digest=other.digest)
    federation.finalize()
    assert problems(federation.audit()) == [(1, "aggregate", "FAIL"), (1, "model_blob", "FAIL")]


def test_a_model_bound_to_another_task_fails_the_aggregate(federation: Federation) -> None:
    derived = federation.derive()
    _, values = decode_blob(derived.model)
    blob = encode_blob(model_header(replace(federation.manifest, salt="00" * 16)), values)
    federation.propose(*lie(derived, blob))
    federation.finalize()
    assert problems(federation.audit()) == [(1, "aggregate", "FAIL")]


def test_a_model_that_is_no_blob_fails_there_and_as_a_base(federation: Federation) -> None:
    derived = federation.derive()
    federation.propose(*lie(derived, b"no model"))
    federation.finalize()
    assert problems(federation.audit()) == [(1, "aggregate", "FAIL")]


def test_the_unchanged_base_model_fails_the_aggregate(federation: Federation) -> None:
    derived = federation.derive()
    base = federation.follower.base_model()
    blob = encode_blob(model_header(federation.manifest), base.astype(np.int32))
    assert compute_digest(blob) == federation.task.base_digest
    federation.propose(*lie(derived, blob))
    assert finish(federation) == [(1, "aggregate", "FAIL")]


def test_the_model_of_an_earlier_round_proposed_again_fails_the_aggregate(
    federation: Federation,
) -> None:
    """A model names no round: what is wrong with an old one is its numbers."""
    first = federation.derive().model
    federation.aggregate()
    federation.submit_honestly()
    federation.propose(*lie(federation.derive(), first))
    federation.finalize()
    assert problems(federation.audit()) == [(2, "aggregate", "FAIL")]


def test_only_the_audit_of_the_wrong_round_fails(federation: Federation) -> None:
    derived = federation.derive()
    header, values = decode_blob(derived.model)
    federation.propose(*lie(derived, encode_blob(header, values + np.int32(1))))
    federation.finalize()
    federation.run_round()
    assert problems(federation.audit(only_round=1)) == [(1, "aggregate", "FAIL")]
    assert problems(federation.audit(only_round=2)) == []


def test_nobody_but_the_aggregator_proposes(federation: Federation) -> None:
    outsider = federation.ledger(federation.participants[0])
    with pytest.raises(TransactionRejected) as refused:
        outsider.send(Propose(1, b"\1" * 32, b"\1" * 32, b"\1" * 32, b"\1" * 32))
    assert refused.value.error == "NotAggregator"


def test_a_second_proposal_is_refused(federation: Federation) -> None:
    derived = federation.derive()
    federation.propose(derived.model, derived.report)
    with pytest.raises(TransactionRejected) as refused:
        federation.propose(*lie(derived, b"another"))
    assert refused.value.error == "UnexpectedPhase"
