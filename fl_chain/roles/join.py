"""From a task's recipe to a trainer on one's own part of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from fl_chain.chain.ledger import Ledger
from fl_chain.errors import InvalidManifest, TrainingError, UsageError
from fl_chain.protocol.manifest import Manifest
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.liveness import report_promise
from fl_chain.roles.patience import with_patience
from fl_chain.roles.progress import Progress
from fl_chain.roles.project_file import open_project
from fl_chain.storage.store import ContentStore
from fl_chain.training.datasets import Dataset, load_dataset
from fl_chain.training.models import build_model
from fl_chain.training.parameters import parameter_layout
from fl_chain.training.partitioners import NaturalPartitioner, build_partitioner
from fl_chain.training.project import Partition, Project, ProjectTrainer, Settings
from fl_chain.training.trainer import LocalSgd

MAX_EVALUATED: Final = 500
"""A base model is evaluated on so many of a participant's own examples at most: in every round,
and its loss and accuracy over all participants hardly gain by more."""


def open_trainer(
    ledger: Ledger,
    store: ContentStore,
    *,
    partition_id: int,
    num_partitions: int,
    partitioner: str,
    options: dict[str, Any],
    project: Path | None = None,
    data: Path | None = None,
    patience_seconds: float,
    progress: Progress,
) -> LocalSgd:
    """Return the trainer that a task's manifest asks for, on one partition of its data.

    Parameters
    ----------
    ledger, store
        The task, and where its manifest is.
    partition_id, num_partitions
        Which partition.
    partitioner, options
        How a data set of fl_chain's is divided.
    project, data
        The participant's copy of the file that the task's recipe names, and what that is to load.
    patience_seconds
        How long to wait for a service that is away.
    progress
        Told about the data.

    Raises
    ------
    TrainingError
        Unknown model or data set, a partition that does not exist, or a project that does not work.
    UsageError
        The task has a project, and this is not it; or it has none.
    InvalidManifest
        The model of that name has another layout here than in the task.
    """
    # Local training is single-threaded by design; idle threads of torch would only spin.
    torch.set_num_threads(1)
    follower = TaskFollower(ledger, store)
    manifest = with_patience(lambda: follower.manifest, patience_seconds, progress)
    if not 0 <= partition_id < num_partitions:
        raise TrainingError(
            f"there is no partition {partition_id} of {num_partitions}",
            "--partition-id counts from 0",
        )
    own = open_project(manifest, project)
    if own is not None:
        module = own.build_model(manifest.recipe.seed)
        dataset = own.load_dataset(Partition(partition_id, num_partitions, data), module)
        progress("joined_own", {"examples": len(dataset), "project": own.path.name})
        report_promise(manifest, progress)
        return build_trainer(manifest, dataset, module, own)
    if data is not None:
        raise UsageError(f"the data of this task are {manifest.recipe.data}", "leave out --data")
    expected = manifest.rounds.target_updates
    # Where participants are sampled, a round closes with fewer than there are.
    if num_partitions != expected and not manifest.rounds.sample_rate:
        progress("unusual", {"partitions": num_partitions, "participants": expected})
    split = load_dataset(manifest.recipe.data)
    divider = build_partitioner(partitioner, num_partitions, manifest.recipe.seed, **options)
    dataset = divider.load_partition(split.train, partition_id)
    progress(
        "joined",
        {"partition": partition_id, "partitions": num_partitions, "examples": len(dataset)},
    )
    if isinstance(divider, NaturalPartitioner):
        progress("silo", {"silo": dataset.silo_names[partition_id]})
    report_promise(manifest, progress)
    module = build_model(manifest.recipe.model, manifest.recipe.seed)
    return build_trainer(manifest, dataset, module)


def build_trainer(
    manifest: Manifest, dataset: Dataset, module: nn.Module, project: Project | None = None
) -> LocalSgd:
    """Return the trainer of a recipe on a data set."""
    recipe = manifest.recipe
    if parameter_layout(module) != manifest.layout:
        raise InvalidManifest(
            f"the model {recipe.model} has another layout here than in the task",
            "install the version of fl_chain that the manifest names",
        )
    try:
        learning_rate, proximal = float(recipe.learning_rate), float(recipe.proximal)
    except ValueError:
        raise InvalidManifest("learning_rate or proximal is no number") from None
    evaluated = dataset.subset(np.arange(min(len(dataset), MAX_EVALUATED)))
    if project is not None and project.has_own_training:
        settings = Settings(recipe.num_epochs, recipe.batch_size, learning_rate, proximal)
        return ProjectTrainer(project, module, dataset, settings, evaluated)
    return LocalSgd(
        module,
        dataset,
        num_epochs=recipe.num_epochs,
        batch_size=recipe.batch_size,
        learning_rate=learning_rate,
        proximal=proximal,
        evaluation_dataset=evaluated,
    )
