"""Checks of a round's lists of updates: which of them can be had, and what they make of a round."""

from __future__ import annotations

from collections.abc import Iterable

from fl_chain.aggregation.round_blobs import compute_pinned_bytes
from fl_chain.aggregation.submissions import (
    Place,
    Submission,
    are_all,
    list_submissions,
    open_list,
)
from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Finding, Verdict, from_store_error, passed
from fl_chain.errors import StoreError
from fl_chain.protocol.cid import Cid, cid_from_digest
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.promises import read_promise
from fl_chain.protocol.records import ModelProposed
from fl_chain.protocol.report import ExclusionReason, RoundReport
from fl_chain.protocol.state import RoundHistory
from fl_chain.protocol.update_list import locate_list


def check_lists(
    manifest: Manifest,
    history: RoundHistory,
    proposal: ModelProposed,
    report: RoundReport | None,
    evidence: Evidence,
) -> tuple[list[Submission] | None, list[Finding]]:
    """Fetch the lists of a round, and return its updates; None if a list cannot be had.

    What is wrong with a list or an entry excludes updates and is no finding.
    """
    check, round_number = "update_list", proposal.round
    lists: dict[int, bytes] = {}
    findings: list[Finding] = []
    doubts: list[Finding] = []
    place = Place(
        evidence.chain_id,
        evidence.ledger.address,
        manifest.task_id,
        round_number,
        manifest.rounds.max_weight,
        history.members if manifest.rounds.list_seconds else None,
    )
    claimed = set[int]()
    if report is not None:
        claimed = {n for n, why in report.excluded if why == ExclusionReason.UNAVAILABLE}
    for listed in history.lists:
        cid, cap = locate_list(listed.cid_digest, listed.count)
        is_claimed = are_all(claimed, listed)
        try:
            data = evidence.fetch_blob(cid, cap)
        except StoreError as error:
            if not is_claimed:
                promise = read_promise(manifest, listed.aggregator, listed.timestamp)
                findings.append(from_store_error(check, error, cid, round_number, promise))
            continue
        if not is_claimed:
            lists[listed.first] = data
        elif _had_something(open_list(place, listed, data), manifest, evidence):
            detail = (
                f"the list of {listed.aggregator} was left out as unavailable and can be had now"
            )
            claim = ExclusionReason.UNAVAILABLE.value
            doubts.append(
                Finding("exclusions", Verdict.UNDECIDABLE, round_number, "", claim, detail)
            )
    if findings:
        return None, findings
    if history.lists:
        total = sum(listed.count for listed in history.lists)
        detail = f"{len(lists)} of {len(history.lists)} lists fetched, of {total} updates"
        findings.append(passed(check, detail, round_number))
    return list_submissions(place, history, lists), findings + doubts


def _had_something(
    submissions: Iterable[Submission], manifest: Manifest, evidence: Evidence
) -> bool:
    """Return whether a list holds anything that can be told apart from what nobody could get."""
    size = compute_pinned_bytes(manifest)
    return any(
        submission.record is None
        or submission.reason is not None
        or is_available(cid_from_digest(submission.record.cid_digest, size), 2 * size, evidence)
        for submission in submissions
    )


def is_available(cid: Cid, max_bytes: int, evidence: Evidence) -> bool:
    """Return whether some content can be had."""
    try:
        evidence.fetch_blob(cid, max_bytes)
    except StoreError:
        return False
    return True
