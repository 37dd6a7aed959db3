"""The audit: every check in order, from evidence to findings.

What each check means and assumes is in docs/spec.md. Memory holds one update, the running sum and
one model, whatever the number of participants and rounds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.derive import compute_blob_bytes, decode_model_blob, model_header
from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Finding, Verdict
from fl_chain.audit.round_checks import audit_round
from fl_chain.audit.task_checks import (
    check_admissions,
    check_contract,
    check_genesis,
    check_history,
    check_manifest,
    check_registry_transitions,
    check_state,
    check_transitions,
    encode_arguments,
    encode_registry_arguments,
    failed,
    from_store_error,
)
from fl_chain.errors import MalformedBlob, StoreError, UsageError
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.round import Task

OnFinding = Callable[[Finding], None]
Values = NDArray[np.int32]


def run_audit(
    evidence: Evidence, only_round: int | None = None, on_finding: OnFinding | None = None
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

    Returns
    -------
    list of Finding
        In the order of the checks. A check whose ground is missing is left out: the finding that
        took the ground away is there.

    Raises
    ------
    UsageError
        ``only_round`` has no proposed model.
    """
    findings: list[Finding] = []

    def report(*made: Finding) -> None:
        for finding in made:
            findings.append(finding)
            if on_finding is not None:
                on_finding(finding)

    ledger_finding, records = check_history("ledger", evidence.ledger, evidence.chain_id)
    finding, registry_records = check_history("registry", evidence.registry, evidence.chain_id)
    replay, task = check_transitions(records)
    proposed = [n for n, history in task.rounds.items() if history.proposal] if task else []
    if task is not None and only_round is not None and only_round not in proposed:
        latest = f"the latest is round {proposed[-1]}" if proposed else "no round has one yet"
        raise UsageError(f"round {only_round} has no proposed model", latest)
    report(ledger_finding, finding, replay)
    if task is None:
        return findings
    parameters = task.parameters
    creation = (
        evidence.ledger_creation_code,
        encode_arguments(parameters, tuple(task.committee.members)),
    )
    report(check_contract("ledger", evidence.ledger, *creation))
    arguments = encode_registry_arguments(registry_records)
    code = evidence.registry_creation_code
    report(check_contract("registry", evidence.registry, code, arguments))
    report(check_registry_transitions(registry_records))
    if evidence.state is not None and replay.verdict == Verdict.PASS:
        report(check_state(task, evidence.state))
    report(check_admissions(records, registry_records))
    finding, manifest = check_manifest(task, evidence)
    report(finding)
    if manifest is None:
        return findings
    finding, genesis = check_genesis(manifest, parameters, evidence)
    report(finding)
    models: dict[int, Values | None] = {0: genesis}
    for number in proposed:
        if only_round not in (None, number):
            continue
        history = task.rounds[number]
        base_round = history.opened.base_round
        base = models.get(base_round)
        if base is None:
            if base_round == 0:
                continue  # the finding about the genesis model says why
            finding_or_model = fetch_model(task, manifest, base_round, evidence)
            if isinstance(finding_or_model, Finding):
                report(finding_or_model)
                continue
            base = finding_or_model
        digest = task.model_digest(base_round).hex()
        made, model = audit_round(manifest, history, digest, base, evidence)
        report(*made)
        models = {base_round: base, number: model}
    return findings


def fetch_model(
    task: Task, manifest: Manifest, round_number: int, evidence: Evidence
) -> Values | Finding:
    """Return the model on record of a finalized round, not genesis, for those that start there."""
    check = "base_model"
    history = task.rounds[round_number]
    assert history.proposal is not None  # noqa: S101 - the replay finalized it
    header = model_header(manifest)
    size = compute_blob_bytes(header)
    cid = cid_from_digest(history.proposal.model_cid_digest, size)
    try:
        data = evidence.fetch_blob(cid, size)
        if compute_digest(data) != history.proposal.model_digest:
            detail = "the pinned model is not the one on record"
            return failed(check, detail, round_number=round_number)
        return decode_model_blob(data, header)
    except StoreError as error:
        return from_store_error(check, error, cid, round_number)
    except MalformedBlob as error:
        return failed(check, error.message, round_number=round_number)
