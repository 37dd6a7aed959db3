"""Checks of one round: every update accounted for, and the model re-executed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.derive import DerivedRound, RoundAggregation
from fl_chain.aggregation.masked_groups import leave_out_unpaired, list_groups
from fl_chain.aggregation.round_blobs import compute_blob_bytes, decode_model_blob, model_header
from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Finding, Verdict, failed, from_store_error, passed
from fl_chain.audit.list_checks import check_lists
from fl_chain.audit.masked_checks import check_masked_updates
from fl_chain.audit.observer import Observer
from fl_chain.audit.update_checks import check_updates
from fl_chain.audit.workers import Workers
from fl_chain.errors import MalformedBlob, StoreError, ValueOutOfRange
from fl_chain.protocol.cid import cid_from_digest, compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.promises import read_promise
from fl_chain.protocol.records import ModelProposed
from fl_chain.protocol.report import RoundReport, compute_report_bytes, decode_report
from fl_chain.protocol.state import RoundHistory


@dataclass(frozen=True, slots=True)
class GatheredRound:
    """Everything about a round that can be found out without its base model."""

    proposal: ModelProposed
    aggregation: RoundAggregation
    findings: list[Finding]
    """Of report, lists and updates, in this order."""
    is_whole: bool
    """Whether every update is in the sum or excluded; otherwise nothing can be re-executed, and
    the findings say why."""
    model_blob: Finding


def gather_round(
    manifest: Manifest,
    history: RoundHistory,
    bases: Sequence[str],
    evidence: Evidence,
    workers: Workers,
    observer: Observer,
) -> GatheredRound:
    """Run every check of one proposed or finalized round that needs no base model.

    It depends on no other round, so several can be gathered at once. Memory holds one sum, and of
    updates as many as the workers have in hand.

    Parameters
    ----------
    manifest
        The task.
    history
        The round's records; it has a proposal.
    bases
        Digests of the models that its updates may begin from, 64 hexadecimal digits each; the
        first is that of its base model.
    evidence
        Only ``fetch_blob`` is used.
    workers, observer
        Who examines the updates, and who is told.
    """
    proposal = history.proposal
    if proposal is None:
        raise ValueError("a round without a proposal has no model to check")
    report, finding = check_report(manifest, history, proposal, bases[0], evidence)
    findings = [finding]
    groups = list_groups(manifest, history)
    aggregation = RoundAggregation(manifest, proposal.round, bases, evidence.keys, groups)
    submissions, made = check_lists(manifest, history, proposal, report, evidence)
    findings += made
    if submissions is not None:
        is_doubted = any(finding.check == "exclusions" for finding in made)
        if manifest.privacy.is_masked:
            submissions = leave_out_unpaired(submissions, groups)
            findings += check_masked_updates(
                aggregation, submissions, report, evidence, workers, observer
            )
        else:
            findings += check_updates(
                aggregation, submissions, report, evidence, workers, observer, is_doubted=is_doubted
            )
    # Without every update the sum can't be re-executed; saying so once is enough.
    is_whole = submissions is not None and all(
        f.verdict == Verdict.PASS for f in findings if f.check == "update_blob"
    )
    model_blob = check_model_blob(manifest, proposal, evidence)
    return GatheredRound(proposal, aggregation, findings, is_whole, model_blob)


def conclude_round(
    gathered: GatheredRound, base: NDArray[np.int32]
) -> tuple[list[Finding], NDArray[np.int32] | None]:
    """Re-execute a round from the verified integers of its base model.

    Returns
    -------
    tuple
        All findings of the round, and the integers of its model if re-execution confirmed it.
    """
    proposal, findings = gathered.proposal, list(gathered.findings)
    derived = None
    if gathered.is_whole:
        derived, finding = check_model(gathered.aggregation, proposal, base, findings[0].verdict)
        findings.append(finding)
    findings.append(gathered.model_blob)
    if derived is None or derived.model_digest != proposal.model_digest:
        # Later rounds start from the model on record, and are judged by what they made of it.
        return findings, None
    header = model_header(gathered.aggregation.manifest)
    return findings, decode_model_blob(derived.model, header)


def check_report(
    manifest: Manifest,
    history: RoundHistory,
    proposal: ModelProposed,
    base_model: str,
    evidence: Evidence,
) -> tuple[RoundReport | None, Finding]:
    """Check that the pinned report is the one on record, of this round and all its updates."""
    check, round_number = "report", proposal.round
    size = compute_report_bytes(history.num_updates, manifest.has_rewards)
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
        promise = read_promise(manifest, proposal.proposer, proposal.timestamp)
        return None, from_store_error(check, error, cid, round_number, promise)
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
        promise = read_promise(manifest, proposal.proposer, proposal.timestamp)
        return from_store_error(check, error, cid, round_number, promise)
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
