"""The round report: which updates a model was made from, and which not and why.

Canonical JSON, pinned beside the model and proposed with it. Nothing in it is opinion: given the
records of the round and its blobs, everybody derives the same bytes. The one exception is the
reason ``unavailable``, which only the aggregator could observe; the audit says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.canonical_json import decode_json, encode_json
from fl_chain.protocol.constants import FORMAT, MAX_REPORT_BYTES
from fl_chain.protocol.digest import parse_digest

REPORT: Final = "report"


class ExclusionReason(StrEnum):
    """Why an update is left out, in the order of the checks; the first that applies is given."""

    UNAVAILABLE = "unavailable"
    """No IPFS node served content of the CID on record in time."""
    OVERSIZED = "oversized"
    """The content, verified, is larger than an update of this round can be."""
    WRONG_DIGEST = "wrong_digest"
    """The content's digest is not the one on record."""
    MALFORMED = "malformed"
    """The content is not a canonical blob."""
    MISBOUND = "misbound"
    """The blob names another kind, task, round, participant, base model or layout."""
    OUT_OF_RANGE = "out_of_range"
    """A lane's magnitude exceeds the task's max_abs."""


@dataclass(frozen=True, slots=True)
class RoundReport:
    """Every submitted update appears once, in the order of submission."""

    task: str
    round: int
    base_model: str
    model: str
    """Digest of the proposed model, 64 hexadecimal digits."""
    total_weight: int
    """Sum of the included updates' weights."""
    included: tuple[int, ...]
    """Sequence numbers of the updates in the aggregate, ascending."""
    excluded: tuple[tuple[int, ExclusionReason], ...]
    """Sequence number and reason of the others, ascending."""


def encode_report(report: RoundReport) -> bytes:
    """Return the canonical bytes of a report."""
    return encode_json(
        {
            "base_model": report.base_model,
            "excluded": [
                {"reason": reason.value, "sequence": sequence}
                for sequence, reason in report.excluded
            ],
            "format": FORMAT,
            "included": list(report.included),
            "kind": REPORT,
            "model": report.model,
            "round": report.round,
            "task": report.task,
            "total_weight": report.total_weight,
        }
    )


def decode_report(data: bytes) -> RoundReport:
    """Return the report whose canonical bytes are ``data``.

    Raises
    ------
    MalformedBlob
        Not a canonical report.
    """
    if len(data) > MAX_REPORT_BYTES:
        raise MalformedBlob(f"report has {len(data)} bytes, at most {MAX_REPORT_BYTES}")
    value: Any = decode_json(data)
    try:
        for name in ("task", "base_model", "model"):
            parse_digest(value[name])
        report = RoundReport(
            task=value["task"],
            round=_count(value["round"], 2**32),
            base_model=value["base_model"],
            model=value["model"],
            total_weight=_count(value["total_weight"], 2**53),
            included=tuple(_count(sequence, 2**32) for sequence in value["included"]),
            excluded=tuple(
                (_count(entry["sequence"], 2**32), ExclusionReason(entry["reason"]))
                for entry in value["excluded"]
            ),
        )
        _check_sequences(report)
        canonical = encode_report(report)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MalformedBlob("report lacks a field or has one of the wrong kind") from None
    if canonical != data:
        raise MalformedBlob("report has unknown fields or is not in canonical form")
    return report


def _count(value: Any, limit: int) -> int:
    if type(value) is not int or not 0 <= value < limit:
        raise ValueError(value)
    return value


def _check_sequences(report: RoundReport) -> None:
    """Check that both lists ascend and share no update."""
    excluded = [sequence for sequence, _ in report.excluded]
    for sequences in (list(report.included), excluded):
        if sequences != sorted(set(sequences)):
            raise ValueError(sequences)
    if not set(report.included).isdisjoint(excluded):
        raise ValueError(excluded)
