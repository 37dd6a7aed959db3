"""The data sets that a task can name, as rows, and on this machine; and those of one's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fl_chain.protocol.recipe import Recipe
from fl_chain.roles.join import build_trainer, report_labels
from fl_chain.roles.progress import Progress
from fl_chain.roles.task_history import Row
from fl_chain.training.catalogue import DATASETS, load_dataset
from fl_chain.training.parameters import get_parameters, parameter_layout
from fl_chain.training.project import Partition, Project, read_source


def list_datasets() -> Iterator[Row]:
    """Yield a row per data set, by name."""
    for name, spec in sorted(DATASETS.items()):
        yield {
            "name": name,
            "examples": spec.num_train,
            "held_out": spec.num_test,
            "features": spec.num_features,
            "classes": spec.num_classes,
            "silos": spec.num_silos or None,
            "source": spec.source,
            "licence": spec.licence,
            "summary": spec.summary,
        }


def fetch_dataset(name: str, progress: Progress) -> None:
    """Fetch a data set, unless it is here, and read it once.

    Raises
    ------
    TrainingError
        There is no such data set, or it is malformed.
    ToolchainError
        It cannot be fetched.
    """
    split = load_dataset(name, progress=lambda what: progress("step", {"what": what}))
    spec = DATASETS[name]
    facts = {"data": name, "examples": len(split.train), "held_out": len(split.test)}
    progress("fetched", {**facts, "source": spec.source, "licence": spec.licence})


def check_data(
    project: Path, data: Path | None, num_epochs: int, learning_rate: str, progress: Progress
) -> None:
    """Do with one's own data what a participant does first: load, train and evaluate, with no task.

    Raises
    ------
    TrainingError
        The project does not work, or the data do not fit: the message says where.
    """
    own = Project(project, read_source(project))
    module = own.build_model(0)
    dataset = own.load_dataset(Partition(0, 1, data), module)
    progress("joined_own", {"examples": len(dataset), "project": project.name})
    if dataset.num_classes:
        for label, count in sorted(Counter(dataset.labels.ravel().tolist()).items()):
            progress("labelled", {"label": label, "labels": count})
    report_labels(dataset, progress)
    recipe = Recipe(project.name, "", num_epochs=num_epochs, learning_rate=learning_rate)
    trainer = build_trainer(recipe, parameter_layout(module), dataset, module, own)
    before = get_parameters(module)
    result = trainer.train(before, seed=0)
    after = {name: before[name] + change for name, change in result.parameter_delta.items()}
    for when, parameters in (("before", before), ("after", after)):
        evaluation = trainer.evaluate(parameters)
        accuracy = None if evaluation.accuracy is None else round(evaluation.accuracy, 4)
        progress("tried", {"when": when, "loss": round(evaluation.loss, 4), "accuracy": accuracy})
