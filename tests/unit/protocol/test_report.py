"""Round reports: one encoding, every reason, nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.constants import MAX_REPORT_BYTES
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.report import ExclusionReason, decode_report, encode_report
from tests import golden

VECTORS = golden.load("report/report.json")


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_reports_have_their_golden_bytes(case: dict[str, Any]) -> None:
    report = decode_report(case["text"].encode())
    assert encode_report(report) == case["text"].encode()
    assert compute_digest(encode_report(report)).hex() == case["digest"]
    for name in ("task", "round", "base_model", "model", "total_weight"):
        assert getattr(report, name) == case["report"][name]
    assert list(report.included) == case["report"]["included"]
    assert [{"reason": reason, "sequence": number} for number, reason in report.excluded] == case[
        "report"
    ]["excluded"]


@pytest.mark.parametrize("case", **golden.named(VECTORS["refused"], "reason"))
def test_other_texts_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedBlob):
        decode_report(case["text"].encode())


def test_a_report_above_the_cap_is_refused_unread() -> None:
    with pytest.raises(MalformedBlob, match="at most"):
        decode_report(b" " * (MAX_REPORT_BYTES + 1))


def test_the_vectors_know_every_reason_in_the_order_of_the_checks() -> None:
    known = [entry["reason"] for entry in VECTORS["cases"][0]["report"]["excluded"]]
    assert known == [reason.value for reason in ExclusionReason]
