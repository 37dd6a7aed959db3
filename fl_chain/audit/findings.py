"""Findings: one check's result each, never a bare truth value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from fl_chain.errors import BlobCorrupt, BlobTooLarge, StoreError
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.promises import Promise


class Verdict(StrEnum):
    """What a check came to."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    UNDECIDABLE = "UNDECIDABLE"
    """The evidence is missing; that is not fraud."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    check: str
    """Name of the check, as in docs/spec.md."""
    verdict: Verdict
    round: int | None = None
    """The round it is about; None for the task as a whole."""
    expected: str = ""
    actual: str = ""
    detail: str = ""
    """One sentence for people."""
    audited_at: int | None = None
    """When a former audit made it, in seconds since the epoch; None if this audit made it."""
    promised_by: str = ""
    """Address of who promised to provide content that is missing or wrong; empty if nobody did."""
    promised_until: int | None = None
    """Until when, in seconds since the epoch."""


def passed(check: str, detail: str = "", round_number: int | None = None) -> Finding:
    """Return the finding of a check that passed."""
    return Finding(check, Verdict.PASS, round_number, detail=detail)


def failed(
    check: str,
    detail: str,
    expected: str = "",
    actual: str = "",
    round_number: int | None = None,
) -> Finding:
    """Return the finding of a check that failed."""
    return Finding(check, Verdict.FAIL, round_number, expected, actual, detail)


def from_store_error(
    check: str,
    error: StoreError,
    cid: Cid,
    round_number: int | None = None,
    promise: Promise | None = None,
) -> Finding:
    """Return what a failed fetch means: wrong bytes are a failure, no bytes undecidable."""
    is_wrong = isinstance(error, BlobCorrupt | BlobTooLarge)
    verdict = Verdict.FAIL if is_wrong else Verdict.UNDECIDABLE
    finding = Finding(check, verdict, round_number, str(cid), "", error.message)
    if promise is None:
        return finding
    return replace(finding, promised_by=promise.by, promised_until=promise.until)


EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNDECIDABLE: 2}


def compute_verdict(findings: Sequence[Finding]) -> Verdict:
    """Return FAIL if any check failed, else UNDECIDABLE if any is, else PASS.

    Examples
    --------
    >>> compute_verdict([Finding("history", Verdict.PASS)]).value
    'PASS'
    """
    verdicts = {finding.verdict for finding in findings}
    for verdict in (Verdict.FAIL, Verdict.UNDECIDABLE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS
