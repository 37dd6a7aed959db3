"""From a task's recipe to a trainer on one's own part of the data."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from fl_chain.chain.ledger import Ledger
from fl_chain.errors import InvalidManifest, TrainingError, UsageError
from fl_chain.protocol.blob import Layout
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.recipe import Recipe
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.liveness import report_promise
from fl_chain.roles.patience import with_patience
from fl_chain.roles.progress import Progress
from fl_chain.roles.project_file import open_flower_app, open_project
from fl_chain.storage.store import ContentStore
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import evaluate
from fl_chain.training.flower import FlowerTrainer
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.models import build_model
from fl_chain.training.parameters import parameter_layout
from fl_chain.training.partitioners import NaturalPartitioner, build_partitioner
from fl_chain.training.private_sgd import PrivateSgd, PrivateSteps
from fl_chain.training.project import Partition, Project, ProjectTrainer, Settings
from fl_chain.training.trainer import Trainer

MAX_EVALUATED: Final = 500
"""A base model is evaluated on so many of a participant's own examples at most: in every round,
and its loss and accuracy over all participants hardly gain by more."""
_NOISE: Final = "training with noise"
"""What the secret of noise and chance is derived from a participant's key for."""


@dataclass(frozen=True, slots=True)
class LocalData:
    """On which data, and with which code of its own, somebody trains."""

    partition_id: int = 0
    num_partitions: int = 1
    partitioner: str = "iid"
    """How a data set of fl_chain's is divided."""
    alpha: float | None = None
    """Concentration of the partitioner ``dirichlet``; None if it is another one."""
    project: Path | None = None
    """The participant's copy of the Python file that the task's recipe names."""
    data: Path | None = None
    """What that file is to load."""
    flower: Path | None = None
    """The participant's copy of the Flower app that the task's recipe names."""


def open_trainer(
    ledger: Ledger,
    store: ContentStore,
    local: LocalData,
    *,
    patience_seconds: float,
    progress: Progress,
) -> Trainer:
    """Return the trainer that a task's manifest asks for, on one's own data.

    Parameters
    ----------
    ledger, store
        The task, and where its manifest is.
    local
        The data.
    patience_seconds
        How long to wait for a service that is away.
    progress
        Told about the data.

    Raises
    ------
    TrainingError
        Unknown model or data set, a partition that does not exist, or code that does not work.
    UsageError
        The task has code of its own, and this is not it; or it has none.
    InvalidManifest
        The model of that name has another layout here than in the task.
    """
    # Local training is single-threaded by design; idle threads of torch would only spin.
    torch.set_num_threads(1)
    follower = TaskFollower(ledger, store)
    manifest = with_patience(lambda: follower.manifest, patience_seconds, progress)
    draw_secret = partial(ledger.derive_secret, _NOISE, 0)
    if not 0 <= local.partition_id < local.num_partitions:
        raise TrainingError(
            f"there is no partition {local.partition_id} of {local.num_partitions}",
            "--partition-id counts from 0",
        )
    if local.flower is not None:
        trainer: Trainer = _join_by_app(manifest, store, local, local.flower, progress)
    elif (own := open_project(manifest, local.project)) is not None:
        trainer = _join_by_project(manifest, local, own, draw_secret, progress)
    else:
        trainer = _join_by_name(manifest, local, draw_secret, progress)
    report_promise(manifest, progress)
    return trainer


def _join_by_app(
    manifest: Manifest, store: ContentStore, local: LocalData, directory: Path, progress: Progress
) -> FlowerTrainer:
    if manifest.recipe.has_noise:
        raise UsageError(
            "this task asks for noise in training, which a Flower app does itself or not at all",
            "use a model and data that fl_chain trains",
        )
    if local.project is not None or local.data is not None:
        raise UsageError("a Flower app loads its data itself", "leave out --project and --data")
    app, bundle = open_flower_app(manifest, store, directory)
    trainer = FlowerTrainer(app, bundle, local.partition_id, local.num_partitions)
    progress("joined_flower", {"app": app.name, **_partition(local)})
    return trainer


def _join_by_project(
    manifest: Manifest,
    local: LocalData,
    own: Project,
    draw_secret: Callable[[], bytes],
    progress: Progress,
) -> LocalSgd:
    module = own.build_model(manifest.recipe.seed, manifest.recipe.shared)
    partition = Partition(local.partition_id, local.num_partitions, local.data)
    dataset = own.load_dataset(partition, module)
    progress("joined_own", {"examples": len(dataset), "project": own.path.name})
    report_labels(dataset, progress)
    return build_trainer(manifest.recipe, manifest.layout, dataset, module, own, draw_secret)


def _join_by_name(
    manifest: Manifest, local: LocalData, draw_secret: Callable[[], bytes], progress: Progress
) -> LocalSgd:
    recipe = manifest.recipe
    if local.data is not None:
        raise UsageError(f"the data of this task are {recipe.data}", "leave out --data")
    expected, count = manifest.rounds.target_updates, local.num_partitions
    # Where participants are sampled, a round closes with fewer than there are.
    if count != expected and not manifest.rounds.sample_rate:
        progress("unusual", {"partitions": count, "participants": expected})
    split = load_dataset(recipe.data)
    options = {} if local.alpha is None else {"alpha": local.alpha}
    divider = build_partitioner(local.partitioner, count, recipe.seed, **options)
    dataset = divider.load_partition(split.train, local.partition_id)
    progress("joined", {**_partition(local), "examples": len(dataset)})
    if isinstance(divider, NaturalPartitioner):
        progress("silo", {"silo": dataset.silo_names[local.partition_id]})
    report_labels(dataset, progress)
    module = build_model(recipe.model, recipe.seed)
    return build_trainer(recipe, manifest.layout, dataset, module, draw_secret=draw_secret)


def report_labels(dataset: Dataset, progress: Progress) -> None:
    """Tell whoever has examples of one class alone: it may be so, or half a file is missing."""
    labels, classes = dataset.labels, dataset.num_classes
    if classes and labels.min() == labels.max():
        told = {"examples": len(dataset), "label": int(labels.min()), "classes": classes}
        progress("one_class", told)


def _partition(local: LocalData) -> dict[str, int]:
    return {"partition": local.partition_id, "partitions": local.num_partitions}


def _name_difference(here: Layout, there: Layout) -> str:
    """Return the first tensor in which two layouts differ."""
    for name in sorted(dict(here).keys() | dict(there).keys()):
        shapes = [
            "no such tensor" if shape is None else str(shape)
            for shape in (dict(here).get(name), dict(there).get(name))
        ]
        if shapes[0] != shapes[1]:
            return f"of {name!r} it has {shapes[0]}, and the task {shapes[1]}"
    return "the tensors stand in another order"


def build_trainer(
    recipe: Recipe,
    layout: Layout,
    dataset: Dataset,
    module: nn.Module,
    project: Project | None = None,
    draw_secret: Callable[[], bytes] = secrets.token_bytes,
) -> LocalSgd:
    """Return the trainer of a recipe, and of a task with this layout, on a data set.

    Parameters
    ----------
    recipe, layout
        Of the task.
    dataset, module
        The participant's examples, and the model.
    project
        Where the model is from, if it is the participant's own.
    draw_secret
        Returns 32 bytes that the participant alone knows, for the noise of a task that has it.

    Raises
    ------
    InvalidManifest
        The model has another layout.
    UsageError
        There is to be noise, and the project trains by itself.
    """
    here = parameter_layout(module, recipe.shared)
    if here != layout:
        raise InvalidManifest(
            f"the model {recipe.model} has another layout here than in the task: "
            f"{_name_difference(here, layout)}",
            "install the version of fl_chain that the manifest names"
            if project is None
            else "model() has to build the same layers everywhere, whatever the data",
        )
    try:
        learning_rate, proximal = float(recipe.learning_rate), float(recipe.proximal)
    except ValueError:
        raise InvalidManifest("learning_rate or proximal is no number") from None
    evaluated = dataset.subset(np.arange(min(len(dataset), MAX_EVALUATED)))
    evaluation = evaluate if project is None else project.evaluate
    if recipe.has_noise:
        if project is not None and project.has_own_training:
            raise UsageError(
                f"train() of {project.path} adds no noise, and this task asks for it",
                "leave train() out: fl_chain trains",
            )
        return PrivateSgd(
            module,
            dataset,
            steps=PrivateSteps(
                float(recipe.noise_multiplier),
                float(recipe.max_grad_norm),
                float(recipe.sampling_rate),
                recipe.num_private_steps,
            ),
            secret=draw_secret(),
            learning_rate=learning_rate,
            proximal=proximal,
            shared=recipe.shared,
            evaluation_dataset=evaluated,
            evaluation=evaluation,
        )
    if project is not None and project.has_own_training:
        if recipe.reference_steps:
            raise UsageError(
                f"train() of {project.path} counts no steps, which {recipe.algorithm} asks for",
                "a task with a train() of its own has the algorithm fedavg",
            )
        settings = Settings(recipe.num_epochs, recipe.batch_size, learning_rate, proximal)
        return ProjectTrainer(project, module, dataset, settings, evaluated, recipe.shared)
    return LocalSgd(
        module,
        dataset,
        num_epochs=recipe.num_epochs,
        batch_size=recipe.batch_size,
        learning_rate=learning_rate,
        proximal=proximal,
        reference_steps=recipe.reference_steps,
        has_control_variates=recipe.algorithm == "scaffold",
        shared=recipe.shared,
        evaluation_dataset=evaluated,
        evaluation=evaluation,
    )
