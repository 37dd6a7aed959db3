"""The data sets that a task can name, as rows, and on this machine."""

from __future__ import annotations

from collections.abc import Iterator

from fl_chain.roles.progress import Progress
from fl_chain.roles.task_history import Row
from fl_chain.training.catalogue import DATASETS, load_dataset


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
