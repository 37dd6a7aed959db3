"""Findings: one check's result each, never a bare truth value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


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
