"""Checks of one round: every update accounted for, and the model re-executed from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.derive import (
    DerivedRound,
    RoundAggregation,
    compute_blob_bytes,
    decode_model_blob,
    model_header,
)
from fl_chain.aggregation.submissions import Submission
from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Finding, Verdict
from fl_chain.audit.list_checks import check_lists, is_available
from fl_chain.audit.task_checks import failed, from_store_error, passed
from fl_chain.errors import MalformedBlob, StoreError, ValueOutOfRange
from fl_chain.protocol.cid import cid_from_digest, compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.records import ModelProposed
from fl_chain.protocol.report import (
    ExclusionReason,
    RoundReport,
    compute_report_bytes,
    decode_report,
)
from fl_chain.protocol.state import RoundHistory


def audit_round(
    manifest: Manifest,
    history: RoundHistory,
    base_model: str,
    base: NDArray[np.int32],
    evidence: Evidence,
) -> tuple[list[Finding], NDArray[np.int32] | None]:
    """Run every check of one proposed or finalized round.

    Parameters
    ----------
    manifest
        The task.
    history
        The round's records; it has a proposal.
    base_model, base
        Digest, 64 hexadecimal digits, and verified integers of the model that the round starts
        from.
    evidence
        Only ``fetch_blob`` is used.

    Returns
    -------
    tuple
        The findings, and the integers of the model if re-execution confirmed it.
    """
    proposal = history.proposal
    if proposal is None:
        raise ValueError("a round without a proposal has no model to check")
    findings: list[Finding] = []
    report, finding = check_report(manifest, history, proposal, base_model, evidence)
    findings.append(finding)
    aggregation = RoundAggregation(manifest, proposal.round, base_model)
    submissions, made = check_lists(manifest, history, proposal, report, evidence)
    findings += made
    if submissions is not None:
        is_doubted = any(finding.check == "exclusions" for finding in made)
        findings += check_updates(aggregation, submissions, report, evidence, is_doubted=is_doubted)
    derived = None
    # Without every update the sum can't be re-executed; saying so once is enough.
    is_whole = all(f.verdict == Verdict.PASS for f in findings if f.check == "update_blob")
    if is_whole and submissions is not None:
        derived, finding = check_model(aggregation, proposal, base, findings[0].verdict)
        findings.append(finding)
    findings.append(check_model_blob(manifest, proposal, evidence))
    if derived is None or derived.model_digest != proposal.model_digest:
        # Later rounds start from the model on record, and are judged by what they made of it.
        return findings, None
    return findings, decode_model_blob(derived.model, model_header(manifest))


def check_report(
    manifest: Manifest,
    history: RoundHistory,
    proposal: ModelProposed,
    base_model: str,
    evidence: Evidence,
) -> tuple[RoundReport | None, Finding]:
    """Check that the pinned report is the one on record, of this round and all its updates."""
    check, round_number = "report", proposal.round
    size = compute_report_bytes(history.num_updates)
    cid = cid_from_digest(proposal.report_cid_digest, size)
    try:
        data = evidence.fetch_blob(cid, size)
        digest = compute_digest(data)
        if digest != proposal.report_digest:
            return None, failed(
                check,
                "the pinned report is not the one on record",
                proposal.report_digest.hex(),
                digest.hex(),
                round_number,
            )
        if len(data) != size:
            return None, failed(
                check,
                "the pinned report does not account for every submitted update",
                str(size),
                str(len(data)),
                round_number,
            )
        report = decode_report(data)
    except StoreError as error:
        return None, from_store_error(check, error, cid, round_number)
    except MalformedBlob as error:
        return None, failed(check, error.message, round_number=round_number)
    place = (report.task, report.round, report.base_model, report.model)
    expected = (manifest.task_id, round_number, base_model, proposal.model_digest.hex())
    if place != expected:
        return None, failed(
            check,
            "the report is about another task, round or model",
            str(expected),
            str(place),
            round_number,
        )
    return report, passed(check, f"digest {digest.hex()}", round_number)


def check_updates(
    aggregation: RoundAggregation,
    submissions: list[Submission],
    report: RoundReport | None,
    evidence: Evidence,
    *,
    is_doubted: bool,
) -> list[Finding]:
    """Fetch every update on record, add it to the aggregation or exclude it, and compare.

    One finding per problem; one PASS each for blobs and exclusions when there is none, unless the
    lists leave the exclusions in doubt.
    """
    round_number = aggregation.round_number
    findings: list[Finding] = []
    num_verified = num_claimed = 0
    for submission in submissions:
        claim = report.reason_of(submission.sequence) if report is not None else None
        record, known = submission.record, submission.reason
        if record is not None and known is None and aggregation.exclude_duplicate(record):
            known = ExclusionReason.DUPLICATE
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
        cid = cid_from_digest(record.cid_digest, aggregation.update_bytes)
        cap = aggregation.fetch_bytes
        who = f"update {record.sequence} of {record.participant}"
        if claim == ExclusionReason.UNAVAILABLE:
            # Nobody can tell afterwards whether it was so, but the sum without it is decidable.
            aggregation.exclude(record.sequence, claim)
            num_claimed += 1
            if is_available(cid, cap, evidence):
                detail = f"{who} was left out as unavailable and can be fetched now"
                findings.append(
                    Finding(
                        "exclusions", Verdict.UNDECIDABLE, round_number, "", claim.value, detail
                    )
                )
            continue
        try:
            reason = aggregation.add(record, evidence.fetch_blob(cid, cap))
        except StoreError as error:
            findings.append(from_store_error("update_blob", error, cid, round_number))
            continue
        num_verified += 1
        if report is not None and claim != reason:
            findings.append(
                failed(
                    "exclusions",
                    f"the report is wrong about {who}",
                    reason or "included",
                    claim or "included",
                    round_number,
                )
            )
    if not any(finding.check == "update_blob" for finding in findings):
        claimed_too = f", {num_claimed} given as unavailable" if num_claimed else ""
        detail = f"{num_verified} updates fetched and verified{claimed_too}"
        findings.append(passed("update_blob", detail, round_number))
    is_doubted = is_doubted or any(finding.check == "exclusions" for finding in findings)
    if report is not None and not is_doubted:
        detail = f"{len(report.included)} included, {len(report.excluded)} excluded, none missing"
        findings.append(passed("exclusions", detail, round_number))
    return findings


def check_model(
    aggregation: RoundAggregation,
    proposal: ModelProposed,
    base: NDArray[np.int32],
    report_verdict: Verdict,
) -> tuple[DerivedRound | None, Finding]:
    """Re-execute the aggregation and the model step, and compare with what is on record.

    A missing report may have given an update as unavailable that can be fetched now; another model
    than the one re-executed is then undecidable. A report that failed its own check is not judged
    again.
    """
    is_report_missing = report_verdict == Verdict.UNDECIDABLE
    check, round_number = "aggregate", proposal.round
    try:
        derived = aggregation.derive(base)
    except ValueOutOfRange as error:
        return None, failed(check, error.message, round_number=round_number)
    if derived.model_digest != proposal.model_digest:
        verdict = Verdict.UNDECIDABLE if is_report_missing else Verdict.FAIL
        detail = "the recorded model does not follow from the recorded updates"
        return derived, Finding(
            check,
            verdict,
            round_number,
            derived.model_digest.hex(),
            proposal.model_digest.hex(),
            f"{detail}, unless the missing report left one out" if is_report_missing else detail,
        )
    is_report_wrong = derived.report_digest != proposal.report_digest
    if is_report_wrong and report_verdict != Verdict.FAIL:
        return derived, failed(
            check,
            "the recorded report does not follow from the recorded updates",
            derived.report_digest.hex(),
            proposal.report_digest.hex(),
            round_number,
        )
    cid = compute_cid(derived.model)
    if cid.digest != proposal.model_cid_digest:
        return derived, failed(
            check,
            "the recorded CID is not that of the recorded model",
            str(cid),
            proposal.model_cid_digest.hex(),
            round_number,
        )
    detail = f"{aggregation.num_included} updates re-executed to {derived.model_digest.hex()}"
    return derived, passed(check, detail, round_number)


def check_model_blob(manifest: Manifest, proposal: ModelProposed, evidence: Evidence) -> Finding:
    """Check that the pinned model can be fetched and is the one on record."""
    check, round_number = "model_blob", proposal.round
    size = compute_blob_bytes(model_header(manifest))
    cid = cid_from_digest(proposal.model_cid_digest, size)
    try:
        data = evidence.fetch_blob(cid, size)
    except StoreError as error:
        return from_store_error(check, error, cid, round_number)
    digest = compute_digest(data)
    if digest != proposal.model_digest:
        return failed(
            check,
            "the pinned model is not the one on record",
            proposal.model_digest.hex(),
            digest.hex(),
            round_number,
        )
    return passed(check, str(cid), round_number)
