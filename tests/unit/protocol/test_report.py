"""Round reports: one encoding, a status for every update, readable by any safetensors reader."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import safetensors.numpy

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.constants import MAX_UPDATES
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.measurement import MeasuredTotals
from fl_chain.protocol.places import locate_rewards
from fl_chain.protocol.report import (
    INCLUDED,
    REPORT_HEADER_BYTES,
    STATUSES,
    ExclusionReason,
    RoundReport,
    compute_report_bytes,
    decode_report,
    encode_report,
)
from fl_chain.protocol.rewards import Reward
from tests import golden

VECTORS = golden.load("report/report.json")


def _report(case: dict[str, Any]) -> RoundReport:
    fields = case["report"] | {"statuses": bytes(case["report"]["statuses"])}
    if "totals" in fields:
        fields["totals"] = MeasuredTotals(**fields["totals"])
    if "rewards" in fields:
        fields["rewards"] = tuple(Reward(*reward) for reward in fields["rewards"])
    return RoundReport(**fields)


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_reports_have_their_golden_bytes(case: dict[str, Any]) -> None:
    data = golden.blob_of(case["parts"])
    assert encode_report(_report(case)) == data
    assert decode_report(data) == _report(case)
    assert len(data) == case["bytes"]
    assert compute_digest(data).hex() == case["digest"]


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_any_safetensors_reader_opens_a_report(case: dict[str, Any]) -> None:
    tensors = safetensors.numpy.load(golden.blob_of(case["parts"]))
    has_rewards = "rewards" in case["report"]
    assert set(tensors) == ({"status", "~reward"} if has_rewards else {"status"})
    assert tensors["status"].dtype == "uint8"
    assert tensors["status"].tolist() == case["report"]["statuses"]


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_the_status_of_an_update_is_found_by_its_sequence_number_alone(
    case: dict[str, Any],
) -> None:
    data = golden.blob_of(case["parts"])
    statuses = case["report"]["statuses"]
    if "rewards" not in case["report"]:
        assert len(data) == compute_report_bytes(len(statuses)) == 1024 + len(statuses)
    assert [data[REPORT_HEADER_BYTES + i] for i in range(len(statuses))] == statuses


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_rewards_begin_with_a_chunk_and_are_found_by_sequence_number(case: dict[str, Any]) -> None:
    data, rewards = golden.blob_of(case["parts"]), case["report"].get("rewards")
    if rewards is not None:
        assert len(data) == compute_report_bytes(len(rewards), has_rewards=True)
        for sequence, (participant, wei) in enumerate(rewards):
            place = locate_rewards(len(rewards), sequence // 32)
            at = 1024 * place.chunk + sequence % 32 * 32
            assert data[at : at + 20].hex() == participant[2:]
            assert int.from_bytes(data[at + 20 : at + 32]) == wei


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_every_update_is_included_or_excluded_once(case: dict[str, Any]) -> None:
    report = decode_report(golden.blob_of(case["parts"]))
    named = {sequence: str(reason) for sequence, reason in report.excluded}
    named |= dict.fromkeys(report.included, "included")
    expected = [VECTORS["reasons"][status] for status in case["report"]["statuses"]]
    assert [named[sequence] for sequence in range(len(expected))] == expected
    assert len(report.included) + len(report.excluded) == len(expected)
    for sequence, name in enumerate(expected):
        assert (report.reason_of(sequence) or "included") == name


@pytest.mark.parametrize("case", **golden.named(VECTORS["refused"], "reason"))
def test_bytes_that_no_encoder_writes_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedBlob):
        decode_report(golden.blob_of(case["parts"]))


@pytest.mark.parametrize("data", [b"", b"{}", bytes(1024), bytes(1025), b"[" * 5000])
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedBlob):
        decode_report(data)


def test_every_prefix_of_a_report_is_refused() -> None:
    data = golden.blob_of(VECTORS["cases"][0]["parts"])
    for length in range(len(data)):
        with pytest.raises(MalformedBlob):
            decode_report(data[:length])


def test_a_report_above_the_cap_is_refused_unread() -> None:
    with pytest.raises(MalformedBlob, match="no report, which has"):
        decode_report(bytes(compute_report_bytes(MAX_UPDATES, has_rewards=True) + 1))


def test_the_largest_report_is_accepted() -> None:
    report = replace(_report(VECTORS["cases"][3]), statuses=bytes(MAX_UPDATES - 1) + b"\6")
    data = encode_report(report)
    assert len(data) == compute_report_bytes(MAX_UPDATES)
    assert decode_report(data) == report


@pytest.mark.parametrize("statuses", [b"", b"\x0e", b"\0\xff", bytes(MAX_UPDATES + 1)], ids=len)
def test_statuses_that_are_none_are_not_encoded(statuses: bytes) -> None:
    with pytest.raises(MalformedBlob):
        encode_report(replace(_report(VECTORS["cases"][0]), statuses=statuses))


def test_reasons_have_their_numbers_in_the_order_of_the_checks() -> None:
    assert VECTORS["reasons"] == [reason or "included" for reason in STATUSES]
    assert VECTORS["reasons"][1:] == [reason.value for reason in ExclusionReason]
    assert [reason.status for reason in ExclusionReason] == list(range(1, 14))
    assert STATUSES[INCLUDED] is None
