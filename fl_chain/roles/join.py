"""From a task's recipe to a trainer on one's own part of the data."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch

from fl_chain.chain.ledger import Ledger
from fl_chain.errors import InvalidManifest, TrainingError
from fl_chain.protocol.manifest import Manifest
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.liveness import report_promise
from fl_chain.roles.patience import with_patience
from fl_chain.roles.progress import Progress
from fl_chain.storage.store import ContentStore
from fl_chain.training.datasets import load_dataset
from fl_chain.training.models import build_model
from fl_chain.training.parameters import parameter_layout
from fl_chain.training.partitioners import NaturalPartitioner, build_partitioner
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
    patience_seconds: float,
    progress: Progress,
) -> LocalSgd:
    """Return the trainer that a task's manifest asks for, on one partition of its data set.

    Raises
    ------
    TrainingError
        Unknown model or data set, or a partition that does not exist.
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
    return build_trainer(manifest, dataset)


def build_trainer(manifest: Manifest, dataset: Any) -> LocalSgd:
    """Return the trainer of a recipe on a data set."""
    recipe = manifest.recipe
    module = build_model(recipe.model, recipe.seed)
    if parameter_layout(module) != manifest.layout:
        raise InvalidManifest(
            f"the model {recipe.model} has another layout here than in the task",
            "install the version of fl_chain that the manifest names",
        )
    try:
        learning_rate = float(recipe.learning_rate)
    except ValueError:
        raise InvalidManifest(f"learning_rate {recipe.learning_rate!r} is no number") from None
    evaluated = dataset.subset(np.arange(min(len(dataset), MAX_EVALUATED)))
    return LocalSgd(
        module,
        dataset,
        num_epochs=recipe.num_epochs,
        batch_size=recipe.batch_size,
        learning_rate=learning_rate,
        evaluation_dataset=evaluated,
    )
