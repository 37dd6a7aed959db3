"""Labelled examples, all of one kind. This module does not import torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl_chain.errors import TrainingError

__all__ = ["Dataset", "TrainTestSplit"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled examples.

    Raises
    ------
    TrainingError
        The arrays are not of the types, shapes and ranges given below.

    Examples
    --------
    >>> data = Dataset("toy", np.eye(3, dtype=np.float32), np.array([0, 1, 1]), num_classes=2)
    >>> data.subset(np.array([2, 0])).labels
    array([1, 0])
    """

    name: str
    """What to call it in a message."""

    features: npt.NDArray[np.float32]
    """float32 ``[n, ...]``, one row per example; may be a read-only view of a mapped file."""

    labels: npt.NDArray[np.int64] | npt.NDArray[np.float32]
    """int64 ``[n]``, or of sequences ``[n, k]``, in [0, num_classes); where there are no classes,
    float32 ``[n]``, finite."""

    num_classes: int
    """Number of classes, whether or not each occurs; 0 if a number is to be predicted."""

    silos: npt.NDArray[np.int64] | None = None
    """int64 ``[n]``: from whom each example is, by place in ``silo_names``; None if unknown."""

    silo_names: tuple[str, ...] = ()
    """Who collected the examples."""

    def __post_init__(self) -> None:
        expected = np.int64 if self.num_classes else np.float32
        if self.features.dtype != np.float32 or self.labels.dtype != expected:
            raise TrainingError(
                f"dataset {self.name!r} has {self.features.dtype} features and "
                f"{self.labels.dtype} labels instead of float32 and {np.dtype(expected)}"
            )
        has_rows = self.features.ndim >= 2 and self.labels.shape[:1] == self.features.shape[:1]
        if not has_rows or self.labels.ndim > (2 if self.num_classes else 1):
            raise TrainingError(
                f"dataset {self.name!r} has features {self.features.shape} and "
                f"labels {self.labels.shape} instead of [n, ...] and [n]"
            )
        if not self.num_classes:
            if not np.isfinite(self.labels).all():
                raise TrainingError(f"dataset {self.name!r} has labels that are no finite numbers")
        elif len(self) and not 0 <= self.labels.min() <= self.labels.max() < self.num_classes:
            raise TrainingError(f"dataset {self.name!r} has labels outside [0, {self.num_classes})")
        if self.silos is not None:
            num_silos = len(self.silo_names)
            is_integer = self.silos.dtype == np.int64 and self.silos.shape == (len(self),)
            if not is_integer or ((self.silos < 0) | (self.silos >= num_silos)).any():
                raise TrainingError(f"dataset {self.name!r} has silos outside [0, {num_silos})")

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: npt.NDArray[np.int64]) -> Dataset:
        """Copy the examples at ``indices``, in that order.

        Parameters
        ----------
        indices
            int64 ``[k]``, each in [0, n).
        """
        silos = None if self.silos is None else self.silos[indices]
        features, labels = self.features[indices], self.labels[indices]
        return Dataset(self.name, features, labels, self.num_classes, silos, self.silo_names)


@dataclass(frozen=True, slots=True, eq=False)
class TrainTestSplit:
    """Two disjoint parts of one data set."""

    train: Dataset
    """What participants share among them."""

    test: Dataset
    """What nobody trains on."""
