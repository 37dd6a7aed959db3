"""Checks of the updates of a masked round: group by group, since only their sums are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fl_chain.aggregation.derive import RoundAggregation
from fl_chain.aggregation.submissions import Submission
from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Finding, Verdict, failed, passed
from fl_chain.audit.group_outcomes import GroupOutcome
from fl_chain.audit.observer import Observer
from fl_chain.audit.slices import cut_group_slices
from fl_chain.audit.workers import Workers
from fl_chain.protocol.report import STATUSES, ExclusionReason, RoundReport


def check_masked_updates(
    aggregation: RoundAggregation,
    submissions: Sequence[Submission],
    report: RoundReport | None,
    evidence: Evidence,
    workers: Workers,
    observer: Observer,
) -> list[Finding]:
    """Fetch what the sums of all groups take, add them to the aggregation, and compare.

    One finding per problem; one PASS each for blobs and exclusions when there is none.

    Parameters
    ----------
    aggregation
        The round, with its groups.
    submissions
        All updates on record; whoever is in no sum is left out.
    report
        What the proposer says of them; None if it is not to be had.
    evidence, workers, observer
        As for :func:`fl_chain.audit.update_checks.check_updates`.
    """
    number, masked = aggregation.round_number, aggregation.masked
    assert masked is not None  # noqa: S101 - its updates are masked
    outcomes: list[GroupOutcome] = []
    size = workers.slice_size(len(submissions))
    slices = cut_group_slices(aggregation, masked.records, report, size)
    rest = len(submissions)
    for examined in workers.map_slices(slices, evidence.fetch_blob):
        aggregation.add_partial(examined.partial)
        for outcome in examined.groups:
            outcomes.append(outcome)
            count = len(masked.group(outcome.number).record.survivors)
            observer.examine(count, outcome.num_bytes)
            rest -= count
    observer.examine(rest, 0)
    findings = _check_unpaired(aggregation, submissions, report)
    who = {one.sequence: one.record.participant for one in submissions if one.record}
    for outcome in outcomes:
        findings += _check_group(outcome, who, report, number)
    if not any(finding.check == "update_blob" for finding in findings):
        findings.append(passed("update_blob", _describe(outcomes, submissions), number))
    if report is not None and not any(finding.check == "exclusions" for finding in findings):
        detail = f"{len(report.included)} included, {len(report.excluded)} excluded, none missing"
        findings.append(passed("exclusions", detail, number))
    return findings


def _check_unpaired(
    aggregation: RoundAggregation, submissions: Iterable[Submission], report: RoundReport | None
) -> list[Finding]:
    """Leave out whatever the record alone leaves out, and compare."""
    findings = []
    for submission in submissions:
        if submission.reason is None:
            continue
        aggregation.exclude(submission.sequence, submission.reason)
        claim = report.reason_of(submission.sequence) if report is not None else submission.reason
        if claim != submission.reason:
            detail = f"the report is wrong about update {submission.sequence}"
            findings.append(_wrong(detail, submission.reason, claim, aggregation.round_number))
    return findings


def _check_group(
    outcome: GroupOutcome, who: Mapping[int, str], report: RoundReport | None, number: int
) -> list[Finding]:
    """Return what is wrong with a group, or with what the report says of it."""
    findings = list(outcome.problems)
    if outcome.is_doubtful:
        detail = f"group {outcome.number} was left out, and what its sum takes can be fetched now"
        findings.append(_undecidable(detail, ExclusionReason.GROUP_LEFT_OUT, number))
    for sequence in sorted(outcome.present):
        update = f"update {sequence} of {who[sequence]}"
        detail = f"{update} was left out as unavailable and can be fetched now"
        findings.append(_undecidable(detail, ExclusionReason.UNAVAILABLE, number))
    if report is None or outcome.is_left_out:
        return findings
    for sequence, status in sorted(outcome.statuses.items()):
        truth, claim = STATUSES[status], report.reason_of(sequence)
        if truth != claim:
            detail = f"the report is wrong about update {sequence} of {who[sequence]}"
            findings.append(_wrong(detail, truth, claim, number))
    return findings


def _describe(outcomes: Sequence[GroupOutcome], submissions: Sequence[Submission]) -> str:
    """Return what was verified, and what was not."""
    fetched = sum(outcome.num_fetched for outcome in outcomes)
    released = sum(outcome.is_released for outcome in outcomes)
    unpaired = sum(submission.reason is not None for submission in submissions)
    false = sum(len(outcome.false_blobs) for outcome in outcomes)
    claimed = sum(outcome.is_left_out for outcome in outcomes)
    counts = {
        f"groups left out: {len(outcomes) - released}": len(outcomes) - released,
        f"as the report says and nobody can tell: {claimed}": claimed,
        f"updates in no sum: {unpaired}": unpaired,
        f"false bundles and reveals: {false}": false,
    }
    others = "".join(f"; {what}" for what, count in counts.items() if count)
    came = "the sum of 1 group comes" if released == 1 else f"the sums of {released} groups come"
    sums = f"{fetched} masked updates fetched; {came} out{others}"
    return f"{sums}; no single update is known, nor whether it is in range"


def _undecidable(detail: str, claim: ExclusionReason, number: int) -> Finding:
    return Finding("exclusions", Verdict.UNDECIDABLE, number, "", claim.value, detail)


def _wrong(
    detail: str, truth: ExclusionReason | None, claim: ExclusionReason | None, number: int
) -> Finding:
    said = truth or "included", claim or "included"
    return failed("exclusions", detail, *said, number)
