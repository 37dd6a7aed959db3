"""Examples as ``.npy`` files that processes share.

The features are mapped rather than read: participants on one machine share one copy in the page
cache, and each touches only the rows of its own partition.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fl_chain.errors import LocalStateError

__all__ = ["load_cached", "read_examples", "write_array"]

Examples = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]
"""Features and labels."""


def load_cached(
    prefix: Path, shape: tuple[int, int], num_classes: int, make: Callable[[], Examples]
) -> Examples:
    """Return the examples from two files, which are made where they are not as they should be.

    Parameters
    ----------
    prefix
        How the paths of the files begin.
    shape
        Of the features, ``[n, num_features]``; there are n labels.
    num_classes
        Labels are in [0, num_classes).
    make
        Returns the examples, the same on every machine.

    Raises
    ------
    LocalStateError
        The files cannot be written, or do not read back.
    """
    paths = [prefix.with_name(f"{prefix.name}-{what}.npy") for what in ("features", "labels")]
    cached = read_examples(paths[0], paths[1], shape, num_classes)
    if cached is None:
        # Processes may race here. All write the same bytes, so any mixture of files is right.
        features, labels = make()
        write_array(paths[0], features)
        write_array(paths[1], labels)
        cached = read_examples(paths[0], paths[1], shape, num_classes)
    if cached is None:
        raise LocalStateError(f"{paths[0]} does not read back as it was written", "check the disk")
    return cached


def read_examples(
    features_path: Path, labels_path: Path, shape: tuple[int, int], num_classes: int
) -> Examples | None:
    """Map the features and read the labels, or return None if a file is not there as it should be.

    The features themselves are not read: that is the point of mapping them.

    Parameters
    ----------
    features_path, labels_path
        The files.
    shape
        Of the features, ``[n, num_features]``; there are n labels.
    num_classes
        Labels are in [0, num_classes).
    """
    try:
        # asarray sheds the memmap subclass, which would slow down every later operation.
        features = np.asarray(np.load(features_path, mmap_mode="r", allow_pickle=False))
        labels = np.load(labels_path, allow_pickle=False)
    except (OSError, EOFError, ValueError):
        return None
    if features.dtype != np.float32 or features.shape != shape:
        return None
    if labels.dtype != np.int64 or labels.shape != shape[:1]:
        return None
    if not features.flags.c_contiguous or labels.min() < 0 or labels.max() >= num_classes:
        return None
    return features, labels


def write_array(path: Path, array: npt.NDArray[np.float32] | npt.NDArray[np.int64]) -> None:
    """Write a ``.npy`` file such that ``path`` is absent, old or complete at any moment.

    Raises
    ------
    LocalStateError
        It cannot be written.
    """
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            temporary = Path(file.name)
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise LocalStateError(
            f"cannot write {path}: {error}", "free some space or make the directory writable"
        ) from error
