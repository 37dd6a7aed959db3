"""The coordinator: turns a task file into a manifest, a genesis model and contracts."""

from __future__ import annotations

import platform
import secrets
from dataclasses import dataclass, replace
from importlib.metadata import version
from math import sqrt

from fl_chain.aggregation.fixed_point import encode_model
from fl_chain.aggregation.round_blobs import begin_model, model_header
from fl_chain.chain.contracts import REGISTRY
from fl_chain.chain.ethereum import Deployer, check_code
from fl_chain.errors import UsageError
from fl_chain.protocol.actions import Admit, Enrol
from fl_chain.protocol.agreement import compute_parameters
from fl_chain.protocol.blob import Layout, count_values, encode_blob
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.group_sizes import count_accomplices
from fl_chain.protocol.layout import flatten, layout_of
from fl_chain.protocol.manifest import (
    WEI_PER_GWEI,
    Manifest,
    encode_manifest,
)
from fl_chain.protocol.privacy import PrivacyParameters
from fl_chain.protocol.rules import MEAN
from fl_chain.protocol.selection import count_lanes
from fl_chain.roles.accounting import PARTICIPANT, SAMPLE
from fl_chain.roles.privacy_budget import plan_update_budget
from fl_chain.roles.progress import Progress, ignore_progress
from fl_chain.roles.task_code import Beginning
from fl_chain.roles.task_file import TaskFile
from fl_chain.storage.store import ContentStore
from fl_chain.training.models import build_model, check_fit
from fl_chain.training.parameters import get_parameters

ADMISSIONS_PER_TRANSACTION = 200
"""Keeps a transaction near 10M gas, below every block gas limit in use."""
RECORDED_PACKAGES = ("fl_chain", "numpy", "torch")


@dataclass(frozen=True, slots=True)
class CreatedTask:
    """What came of a task file."""

    ledger: str
    registry: str
    task_id: str
    genesis_digest: str


def create_task(
    task_file: TaskFile,
    deployer: Deployer,
    store: ContentStore,
    progress: Progress = ignore_progress,
) -> CreatedTask:
    """Pin manifest and genesis model, deploy the contracts, admit the participants.

    Raises
    ------
    InvalidManifest
        The task could not be carried out exactly.
    TrainingError
        The recipe names an unknown model or data set, or a project that does not work.
    InsufficientFunds
        The coordinator cannot pay; nothing is pinned if it has nothing at all.
    """
    deployer.check_funds()
    code = task_file.code
    own = code.begin(task_file.recipe) if code else None
    manifest, genesis = prepare_task(task_file, deployer, own)
    if own is not None:
        cid = store.put(own.source)
        progress("project", {"file": manifest.recipe.model, "cid": str(cid)})
    document = encode_manifest(manifest)
    manifest_cid, genesis_cid = store.put(document), store.put(genesis)
    progress("pinned", {"manifest": str(manifest_cid), "genesis": str(genesis_cid)})
    registry = task_file.registry
    if registry:
        check_code(deployer.connection, registry, REGISTRY)
    else:
        terms = task_file.enrolment
        wei = terms.bond_gwei * WEI_PER_GWEI
        registry = deployer.deploy_registry(wei, terms.leave_seconds)
    parameters = compute_parameters(
        manifest,
        registry=registry,
        disputes=deployer.deploy_disputes(),
        manifest_digest=compute_digest(document),
        manifest_cid_digest=manifest_cid.digest,
        genesis_digest=compute_digest(genesis),
        genesis_cid_digest=genesis_cid.digest,
    )
    ledger = deployer.deploy_ledger(parameters, manifest.committee.aggregators)
    progress("deployed", {"ledger": ledger, "registry": registry})
    if manifest.privacy.is_sealed:
        enrol_missing(deployer, registry, manifest.readers)
        progress("readers", {"readers": len(manifest.readers)})
    admit_participants(deployer, ledger, registry, task_file.participants, progress)
    if manifest.rule != MEAN and not manifest.committee.quorum:
        progress("only_audits", {"rule": manifest.rule})
    if manifest.privacy.is_sealed and not manifest.committee.quorum:
        progress("sealed_only_audits", {})
    if manifest.privacy.is_masked:
        progress("participants_name_keys", {})
        _report_masks(manifest, progress)
    if manifest.privacy.has_noise:
        _report_noise(manifest, progress)
    rounds, count = manifest.rounds, len(task_file.participants)
    if manifest.privacy.budget:
        updates = manifest.privacy.budget // manifest.privacy.cost
        progress("budget", {"updates": updates, "cost": manifest.privacy.cost})
        if (target := task_file.privacy_target) is not None:
            unit = PARTICIPANT if manifest.privacy.has_noise else SAMPLE
            told = {"epsilon": target.epsilon, "delta": target.delta, "unit": unit}
            progress("epsilon", told)
        if updates < rounds.num_rounds:
            progress("short_budget", {"updates": updates, "rounds": rounds.num_rounds})
    if manifest.admission == "coordinator" and count < rounds.target_updates:
        seconds = rounds.collect_seconds
        progress(
            "few_participants",
            {"target": rounds.target_updates, "participants": count, "seconds": seconds},
        )
    return CreatedTask(ledger, registry, manifest.task_id, compute_digest(genesis).hex())


def _report_masks(manifest: Manifest, progress: Progress) -> None:
    """Say what masks give, what they take from the rule, and what sums still tell."""
    size, target = manifest.privacy.group_size, manifest.rounds.target_updates
    values = {
        "size": size,
        "accomplices": count_accomplices(size),
        "groups": max(1, target // size),
        "targets": target,
        "rule": manifest.rule,
        "malicious": manifest.num_malicious,
    }
    progress("masked_mean" if manifest.rule == MEAN else "masked_robust", values)
    if not (manifest.privacy.has_noise or manifest.recipe.has_noise):
        progress("bare_sums", {})


def _report_noise(manifest: Manifest, progress: Progress) -> None:
    """Say what noise on updates covers, and how much of it is left in a model."""
    privacy, target = manifest.privacy, manifest.rounds.target_updates
    num_lanes = count_lanes(count_values(manifest.layout), manifest.encoding.one_block_in)
    of_mean = sqrt(num_lanes * privacy.noise_variance / target)
    values = {
        "counted": privacy.num_noisy,
        "targets": target,
        "clip_norms": float(f"{of_mean / privacy.clip_norm:.3g}"),
    }
    progress("noised_sums" if privacy.is_masked else "noised_updates", values)


def admit_participants(
    deployer: Deployer,
    ledger: str,
    registry: str,
    participants: tuple[str, ...],
    progress: Progress = ignore_progress,
) -> None:
    """Enrol in the registry and admit to the task whoever is not yet; repeating it does no harm."""
    if len(set(participants)) != len(participants):
        raise UsageError("a participant is listed twice")
    for start in range(0, len(participants), ADMISSIONS_PER_TRANSACTION):
        batch = participants[start : start + ADMISSIONS_PER_TRANSACTION]
        enrol_missing(deployer, registry, batch)
        missing = _without(batch, deployer.are_admitted(ledger, batch))
        if missing:
            deployer.send(ledger, Admit(missing))
        progress("admitted", {"participants": start + len(batch)})


def enrol_missing(deployer: Deployer, registry: str, addresses: tuple[str, ...]) -> None:
    """Enrol in the registry whoever is not yet; only who is enrolled can name an encryption key."""
    missing = _without(addresses, deployer.are_enrolled(registry, addresses))
    if missing:
        deployer.send(registry, Enrol(missing))


def _without(participants: tuple[str, ...], is_done: list[bool]) -> tuple[str, ...]:
    return tuple(who for who, done in zip(participants, is_done, strict=True) if not done)


def prepare_task(
    task_file: TaskFile, deployer: Deployer, own: Beginning | None = None
) -> tuple[Manifest, bytes]:
    """Return the manifest of a task file and the blob of its genesis model.

    Parameters
    ----------
    task_file
        The file.
    deployer
        Knows the chain, and who creates the task.
    own
        What code of the coordinator's own begins with, if there is any.
    """
    recipe = task_file.recipe
    if own is None:
        check_fit(recipe.model, recipe.data)
        parameters = get_parameters(build_model(recipe.model, recipe.seed), recipe.shared)
        usual_name = f"{recipe.model} on {recipe.data}"
    else:
        parameters, usual_name = dict(own.parameters), recipe.model
    layout = layout_of(parameters)
    manifest = Manifest(
        name=task_file.name or usual_name,
        salt=secrets.token_hex(16),
        chain_id=deployer.connection.chain_id,
        committee=replace(
            task_file.committee,
            aggregators=task_file.committee.aggregators or (deployer.address,),
        ),
        layout=layout,
        rounds=task_file.rounds,
        recipe=replace(recipe, environment=_environment(recipe.model, own)),
        encoding=task_file.encoding,
        rule=task_file.rule,
        optimizer=task_file.optimizer,
        num_malicious=task_file.num_malicious,
        privacy=_plan_privacy(task_file, layout),
        admission=task_file.admission,
        measurements=task_file.measurements,
        keep_seconds=task_file.keep_seconds,
        max_staleness=task_file.max_staleness,
        differences=task_file.differences,
        reward=task_file.reward,
    )
    values = encode_model(flatten(parameters, layout), manifest.encoding.model_fraction_bits)
    return manifest, encode_blob(model_header(manifest), begin_model(manifest, values))


def _plan_privacy(task_file: TaskFile, layout: Layout) -> PrivacyParameters:
    """Return privacy parameters with the budget of a model: more values take more noise."""
    privacy, target = task_file.privacy, task_file.privacy_target
    if target is None or not privacy.has_noise:
        return privacy
    num_lanes = count_lanes(count_values(layout), task_file.encoding.one_block_in)
    return plan_update_budget(privacy, num_lanes, target)


def _environment(model: str, own: Beginning | None) -> tuple[tuple[str, str], ...]:
    names = (*RECORDED_PACKAGES, *(own.packages if own else ()))
    packages = [(name, version(name)) for name in names]
    packages += [(model, str(compute_cid(own.source)))] if own else []
    return tuple(sorted([*packages, ("python", platform.python_version())]))
