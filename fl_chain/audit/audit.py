"""The audit: every check in order, from evidence to findings.

What each check means and assumes is in docs/spec.md, and in catalogue.py for people. Memory holds
one update, the running sum and one model for each worker, whatever the number of participants and
rounds; by other rules than the mean, all updates of a round in place of the sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.round_blobs import (
    compute_blob_bytes,
    compute_pinned_bytes,
    decode_model_blob,
    model_header,
)
from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Finding, Verdict, compute_verdict, failed, from_store_error
from fl_chain.audit.history_checks import (
    check_admissions,
    check_history,
    check_registry_transitions,
    check_transitions,
)
from fl_chain.audit.observer import IGNORE, Observer
from fl_chain.audit.round_checks import GatheredRound, conclude_round, gather_round
from fl_chain.audit.scope import AuditedRound, Scope
from fl_chain.audit.task_checks import (
    check_genesis,
    check_ledger,
    check_manifest,
    check_registry,
    check_state,
)
from fl_chain.audit.workers import InTurn, Workers
from fl_chain.errors import MalformedBlob, StoreError
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.promises import read_promise
from fl_chain.protocol.round import Task
from fl_chain.protocol.staleness import list_base_digests

OnFinding = Callable[[Finding], None]
Values = NDArray[np.int32]


def run_audit(
    evidence: Evidence,
    only_round: int | None = None,
    on_finding: OnFinding | None = None,
    *,
    scope: Scope | None = None,
    workers: Workers | None = None,
    observer: Observer = IGNORE,
) -> list[Finding]:
    """Run every check.

    Parameters
    ----------
    evidence
        What chain and content store say.
    only_round
        Re-execute this round alone, from the model on record before it; None for all rounds.
    on_finding
        Called with each finding as it is made.
    scope
        Which rounds, in place of ``only_round``.
    workers
        Who does the work on rounds and updates; None is one thing after the other. The findings
        and their order do not depend on it.
    observer
        Told how far the audit is.

    Returns
    -------
    list of Finding
        In the order of the checks. A check whose ground is missing is left out: the finding that
        took the ground away is there.

    Raises
    ------
    UsageError
        The scope has no round with a proposed model.
    """
    findings: list[Finding] = []

    def report(*made: Finding) -> None:
        for finding in made:
            findings.append(finding)
            observer.find(finding)
            if on_finding is not None:
                on_finding(finding)

    scope = scope or Scope(only_round)
    ledger_finding, ledger = check_history("ledger", evidence.ledger, evidence.chain_id)
    finding, registry = check_history("registry", evidence.registry, evidence.chain_id)
    replay, task = check_transitions(ledger.records)
    proposed = [n for n, history in task.rounds.items() if history.proposal] if task else []
    selected = scope.select(proposed) if task is not None else []
    report(ledger_finding, finding, replay)
    if task is None:
        return findings
    report(check_ledger(task, evidence))
    report(check_registry(task, evidence, registry.records))
    report(check_registry_transitions(registry.records))
    if evidence.state is not None and replay.verdict == Verdict.PASS:
        report(check_state(task, evidence.state))
    report(check_admissions(ledger.records, registry.records))
    finding, manifest = check_manifest(task, evidence)
    report(finding)
    if manifest is None:
        return findings
    finding, genesis = check_genesis(manifest, task, evidence)
    report(finding)
    if genesis is None:  # the finding about it says why
        selected = [n for n in selected if task.rounds[n].opened.base_round != 0]
    former: dict[int, AuditedRound] = {}
    if compute_verdict(findings) != Verdict.FAIL:
        former = _find_former(scope.former, ledger.at_proposals)
    executed = [number for number in selected if number not in former]
    num_updates = sum(task.rounds[number].num_updates for number in executed)
    observer.plan(len(executed), num_updates, len(selected) - len(executed))
    workers = workers or InTurn()
    workers.expect(num_updates * compute_pinned_bytes(manifest))

    def gather(number: int) -> GatheredRound:
        history = task.rounds[number]
        bases = list_base_digests(task, number, manifest.max_staleness)
        return gather_round(manifest, history, bases, evidence, workers, observer)

    gathering = workers.map_rounds(gather, executed)
    models: dict[int, Values | None] = {0: genesis}
    for number in selected:
        if number in former:
            report(*former[number].findings)
            continue
        gathered = next(gathering)
        base_round = task.rounds[number].opened.base_round
        base = models.get(base_round)
        if base is None:
            finding_or_model = fetch_model(task, manifest, base_round, evidence)
            if isinstance(finding_or_model, Finding):
                report(finding_or_model)
                observer.conclude(
                    AuditedRound(number, ledger.at_proposals[number], (finding_or_model,))
                )
                continue
            base = finding_or_model
        made, model = conclude_round(gathered, base)
        report(*made)
        observer.conclude(AuditedRound(number, ledger.at_proposals[number], tuple(made)))
        models = {base_round: base, number: model}
    return findings


def _find_former(
    former: Mapping[int, AuditedRound], at_proposals: Mapping[int, bytes]
) -> dict[int, AuditedRound]:
    """Return the rounds of a former audit that passed and whose records are still the same."""
    return {
        number: audited
        for number, audited in former.items()
        if at_proposals.get(number) == audited.history
        and audited.findings
        and compute_verdict(audited.findings) == Verdict.PASS
    }


def fetch_model(
    task: Task, manifest: Manifest, round_number: int, evidence: Evidence
) -> Values | Finding:
    """Return the model on record of a finalized round, not genesis, for those that start there."""
    check = "base_model"
    history = task.rounds[round_number]
    proposal = history.proposal
    assert proposal is not None  # noqa: S101 - the replay finalized it
    header = model_header(manifest)
    size = compute_blob_bytes(header)
    cid = cid_from_digest(proposal.model_cid_digest, size)
    try:
        data = evidence.fetch_blob(cid, size)
        if compute_digest(data) != proposal.model_digest:
            detail = "the pinned model is not the one on record"
            return failed(check, detail, round_number=round_number)
        return decode_model_blob(data, header)
    except StoreError as error:
        promise = read_promise(manifest, proposal.proposer, proposal.timestamp)
        return from_store_error(check, error, cid, round_number, promise)
    except MalformedBlob as error:
        return failed(check, error.message, round_number=round_number)
