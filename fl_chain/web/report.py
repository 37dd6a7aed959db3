"""The report of an audit: one HTML file without scripts or other files, for screen and paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from markupsafe import Markup

from fl_chain.audit.findings import EXIT_CODES, Finding, Verdict, compute_verdict
from fl_chain.protocol.audit_statement import SignedAudit
from fl_chain.roles.audit_statements import list_audits
from fl_chain.roles.explorer import OpenTask
from fl_chain.roles.watchman import RoundAudit
from fl_chain.web.curves import curve_of_norms, curves_of_measures, curves_of_rounds
from fl_chain.web.page import name_of
from fl_chain.web.templating import read_style, render
from fl_chain.web.verdicts import (
    Standing,
    standing_of_findings,
    standing_of_round,
)

MOST_ROWS: Final = 500
"""Rounds, and participants, in the report; the commands that it names list all of them."""
MOST_PROBLEMS: Final = 100
NOT_AUDITED_HERE: Final = "NOT AUDITED"
"""Other than in the explorer, nobody is about to."""

LEFT_OUT: Final = {
    "accuracy": "Accuracy is left out: no participant has measured it, or no report was at hand.",
    "gas": "Gas is left out: no receipts were at hand, or the task has too many transactions.",
    "energy": "Energy is left out: no participant has measured it, or no report was at hand.",
    "norms": "Lengths of updates are left out: their content was not at hand, or is too much.",
    "duration": "Durations are left out: no round has ended yet, or all within a second.",
}
"""Why a curve is not there."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit was, and what it found."""

    findings: Sequence[Finding]
    models: Mapping[int, str | None]
    """Digests of the models on record by round, as they were before the audit began."""
    only_round: int | None
    """The one round that was re-executed; None for all."""
    since: int | None
    """The first round that was re-executed; 0 for the last one, None for all."""
    made_at: int
    """When the audit ended, in seconds since the epoch."""
    environment: Mapping[str, str]
    """Of the auditor: names and versions."""
    chain_id: int
    signed: SignedAudit | None = None
    """What the auditor signed about it; None if nothing."""


def make_report(task: OpenTask, audited: Audited, norms: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    task
        As it is after the audit; a round whose model is not the audited one counts as not audited.
    audited
        The audit.
    norms
        How long updates are, from :func:`fl_chain.roles.update_norms.measure_norms`.
    """
    by_round: dict[int, list[Finding]] = {}
    for finding in audited.findings:
        if finding.round is not None:
            by_round.setdefault(finding.round, []).append(finding)
    rounds = [
        {"row": row, "standing": _standing(row, by_round, audited)} for row in task.rounds[1:]
    ]
    problems = [f for f in audited.findings if f.verdict != Verdict.PASS]
    curves = [
        *curves_of_rounds(task.rounds),
        *curves_of_measures(task.measures),
        *curve_of_norms(norms),
    ]
    names = {curve.name for curve in curves}
    missing = [reason for name, reason in LEFT_OUT.items() if name not in names]
    verdict = compute_verdict(audited.findings)
    return render(
        "report.html",
        style=Markup(read_style()),  # noqa: S704 - our own file
        word_base="",
        summary=task.summary,
        name=name_of(task.summary),
        manifest=task.history.manifest,
        task=task,
        audited=audited,
        standing=_overall(audited, rounds),
        exit_code=EXIT_CODES[verdict],
        problems=problems[:MOST_PROBLEMS],
        num_problems=len(problems),
        rounds=rounds[-MOST_ROWS:],
        num_rounds=len(rounds),
        participants=task.participants[:MOST_ROWS],
        num_participants=len(task.participants),
        disputes=task.disputes,
        curves=curves,
        missing=missing,
        audits=list(islice(list_audits(task.history), MOST_ROWS)),
        num_taken_over=sum(f.audited_at is not None for f in audited.findings),
        checks=_count_checks(audited.findings),
    )


def _standing(
    row: Mapping[str, Any], by_round: Mapping[int, list[Finding]], audited: Audited
) -> Standing:
    number = row["round"]
    findings = by_round.get(number)
    is_same = findings is not None and audited.models.get(number) == row["model"]
    audit = RoundAudit(row["model"], tuple(findings)) if is_same and findings else None
    standing = standing_of_round(row, audit)
    if audit is None and row["model"] is not None:
        return Standing(NOT_AUDITED_HERE, "This model was not part of the audit.")
    return standing


def _overall(audited: Audited, rounds: Sequence[Mapping[str, Any]]) -> Standing:
    verdict = compute_verdict(audited.findings)
    if verdict != Verdict.PASS:
        return standing_of_findings(audited.findings, "the task")
    if audited.only_round is not None:
        sentence = f"Every check passed, of the task and of round {audited.only_round} alone."
        return Standing(verdict.value, sentence)
    if audited.since is not None:
        sentence = "Every check passed, of the task and of the rounds that were looked at."
        return Standing(verdict.value, sentence)
    made = sum(entry["standing"].label == verdict.value for entry in rounds)
    count = "The one model" if made == 1 else f"Each of the {made} models"
    if not made:
        return Standing(verdict.value, "Every check passed; no model was on record yet.")
    sentence = f"{count} on record was computed again from the recorded updates, byte for byte."
    return Standing(verdict.value, sentence)


def _count_checks(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return each check once, with how often it came to which verdict."""
    counts: dict[str, dict[str, Any]] = {}
    for finding in findings:
        row = counts.setdefault(
            finding.check, {"finding": finding, **{verdict.value: 0 for verdict in Verdict}}
        )
        row[finding.verdict.value] += 1
    return list(counts.values())
