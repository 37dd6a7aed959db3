"""Checks of a round's updates: each fetched and added, or left out for the reason on record."""

from __future__ import annotations

from typing import Final

from fl_chain.aggregation.derive import RoundAggregation
from fl_chain.aggregation.submissions import Submission
from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Finding, Verdict, failed, passed
from fl_chain.audit.observer import Observer
from fl_chain.audit.outcomes import Asked, Outcome, examine_update
from fl_chain.audit.slices import cut_slices, is_claimed
from fl_chain.audit.workers import Workers
from fl_chain.protocol.report import ExclusionReason, RoundReport

_HOW_TO_OPEN: Final = "an auditor whom the task names opens them: --reader NAME"
_NOT_OPENED: Final = "none of the reader's keys opens them: they are sealed to others, or wrongly"


def check_updates(
    aggregation: RoundAggregation,
    submissions: list[Submission],
    report: RoundReport | None,
    evidence: Evidence,
    workers: Workers,
    observer: Observer,
    *,
    is_doubted: bool,
) -> list[Finding]:
    """Fetch every update on record, add it to the aggregation or exclude it, and compare.

    One finding per problem; one PASS each for blobs and exclusions when there is none, unless the
    lists leave the exclusions in doubt.
    """
    round_number = aggregation.round_number
    findings: list[Finding] = []
    num_verified = num_claimed = num_closed = 0
    outcomes = _examine_slices(aggregation, submissions, report, evidence, workers, observer)
    for submission in submissions:
        claim = report.reason_of(submission.sequence) if report is not None else None
        record, known = submission.record, submission.reason
        outcome = outcomes.get(submission.sequence)
        if outcome is None and record is not None and known is None:
            # Its sender has an earlier one.
            if aggregation.exclude_duplicate(record):
                known = ExclusionReason.DUPLICATE
            else:
                asked = Asked(record, is_claimed(report, record.sequence))
                outcome = examine_update(aggregation, asked, evidence.fetch_blob)
        if record is None or known is not None:
            assert known is not None  # noqa: S101 - or there is a record
            aggregation.exclude(submission.sequence, known)
            num_claimed += known == ExclusionReason.UNAVAILABLE
            if report is not None and claim != known:
                findings.append(
                    failed(
                        "exclusions",
                        f"the report is wrong about update {submission.sequence}",
                        known,
                        claim or "included",
                        round_number,
                    )
                )
            continue
        assert outcome is not None  # noqa: S101 - its content decides
        who = f"update {record.sequence} of {record.participant}"
        if claim == ExclusionReason.UNAVAILABLE:
            # Nobody can tell afterwards whether it was so, but the sum without it is decidable.
            aggregation.exclude(record.sequence, claim)
            num_claimed += 1
            if outcome.is_there:
                detail = f"{who} was left out as unavailable and can be fetched now"
                findings.append(
                    Finding(
                        "exclusions", Verdict.UNDECIDABLE, round_number, "", claim.value, detail
                    )
                )
            continue
        if outcome.problem is not None:
            findings.append(outcome.problem)
            continue
        if outcome.is_closed:
            num_closed += 1
            continue
        num_verified += 1
        if report is not None and claim != outcome.reason:
            findings.append(
                failed(
                    "exclusions",
                    f"the report is wrong about {who}",
                    outcome.reason or "included",
                    claim or "included",
                    round_number,
                )
            )
    if num_closed:
        findings += _say_closed(
            num_closed, num_verified, round_number, has_keys=bool(evidence.keys)
        )
        return findings
    if not any(finding.check == "update_blob" for finding in findings):
        claimed_too = f", {num_claimed} given as unavailable" if num_claimed else ""
        detail = f"{num_verified} updates fetched and verified{claimed_too}"
        findings.append(passed("update_blob", detail, round_number))
    is_doubted = is_doubted or any(finding.check == "exclusions" for finding in findings)
    if report is not None and not is_doubted:
        detail = f"{len(report.included)} included, {len(report.excluded)} excluded, none missing"
        findings.append(passed("exclusions", detail, round_number))
    return findings


def _say_closed(
    num_closed: int, num_verified: int, round_number: int, *, has_keys: bool
) -> list[Finding]:
    """Return what was and what was not verified of a round whose updates are sealed to others."""
    fetched = f"{num_closed} updates fetched, sealed, each for its task, round and participant"
    others = f", {num_verified} others verified" if num_verified else ""
    closed = f"{num_closed} updates are sealed and were not opened"
    why = _NOT_OPENED if has_keys else _HOW_TO_OPEN
    details = {
        "update_blob": f"{fetched}{others}; what they hold was not verified",
        "exclusions": f"{closed}: which of them count was not verified",
        "aggregate": f"{closed}: the model was not re-executed",
    }
    return [
        Finding(check, Verdict.UNDECIDABLE, round_number, "", "", f"{detail} ({why})")
        for check, detail in details.items()
    ]


def _examine_slices(
    aggregation: RoundAggregation,
    submissions: list[Submission],
    report: RoundReport | None,
    evidence: Evidence,
    workers: Workers,
    observer: Observer,
) -> dict[int, Outcome]:
    """Let the workers examine and add up the updates; return what came of them by sequence."""
    outcomes: dict[int, Outcome] = {}
    size = workers.slice_size(len(submissions))
    slices = cut_slices(aggregation, submissions, report, size)
    for examined in workers.map_slices(slices, evidence.fetch_blob):
        aggregation.add_partial(examined.partial)
        for outcome in examined.outcomes:
            outcomes[outcome.sequence] = outcome
            observer.examine(1, outcome.num_bytes)
    observer.examine(len(submissions) - len(outcomes), 0)
    return outcomes
