"""Folders of images with a declared schema: one folder for each class, one size for all.

    IMAGES = Images(("cat", "dog"), width=32, height=32, channels=3)
    features, labels = IMAGES.load(partition.path)

The schema is part of a project, so that it is the same for all. Nothing is scaled, cut or turned
into grey on the way: two institutions that do so differently would train on different things
without a word. What does not fit is reported with file and reason. Extra ``fl_chain[images]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fl_chain.errors import TrainingError
from fl_chain.training.refusals import require_all

__all__ = ["ImageData", "ImageRefusal", "Images"]

FORMATS: Final = ("PNG", "JPEG", "BMP", "PPM")
"""What is read; each is tried by its content, whatever the name of the file."""
MODES: Final = {1: ("L", "1"), 3: ("RGB",)}
"""Number of channels to the modes of Pillow that have as many."""
_LARGEST: Final = 255


@dataclass(frozen=True, slots=True)
class ImageRefusal:
    """A file that cannot be used."""

    file: str
    """Below the folder."""
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


@dataclass(frozen=True, slots=True, eq=False)
class ImageData:
    """What a folder has."""

    features: npt.NDArray[np.float32]
    """float32 ``[n, channels, height, width]``, 0 to 1, of the images that fit."""
    labels: npt.NDArray[np.int64]
    """int64 ``[n]``: places of classes."""
    refusals: tuple[ImageRefusal, ...]
    """Why each of the other files does not fit."""


@dataclass(frozen=True, slots=True)
class Images:
    """A schema."""

    classes: tuple[str, ...]
    """Names of the folders, at least 1, each once; their places are the labels."""
    width: int
    height: int
    channels: int = 1
    """1 for grey, 3 for colour."""

    def __post_init__(self) -> None:
        classes: Any = self.classes  # whatever somebody wrote
        if isinstance(classes, str) or not all(isinstance(name, str) for name in classes):
            raise TrainingError("classes are several names", 'write ("cat", "dog") or ("cat",)')
        if not classes or len(set(classes)) != len(classes):
            raise TrainingError("there is at least one class, and each once")
        if self.width < 1 or self.height < 1 or self.channels not in MODES:
            raise TrainingError(
                f"no image has {self.width} x {self.height} pixels of {self.channels} channels",
                "channels is 1 for grey and 3 for colour",
            )

    @property
    def num_outputs(self) -> int:
        """How many scores a model of it gives."""
        return len(self.classes)

    def load(self, path: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return features and labels of a folder in which every image fits.

        Raises
        ------
        TrainingError
            The folder cannot be read, or has images that do not fit: the first of them are named.
        """
        data = self.read(path)
        require_all(path, data.refusals, len(data.labels), "images")
        return data.features, data.labels

    def read(self, path: Path) -> ImageData:
        """Return the images of a folder that fit, by class and name, and why the others do not.

        Raises
        ------
        TrainingError
            There is no such folder, or it has something else than folders of classes.
        """
        features, labels, refusals = [], [], []
        for file, label in self._list_files(path):
            try:
                features.append(self._decode(file))
            except ValueError as error:
                refusals.append(ImageRefusal(file.relative_to(path).as_posix(), str(error)))
            else:
                labels.append(label)
        shape = (len(labels), self.channels, self.height, self.width)
        pixels = np.array(features, np.uint8).reshape(shape)
        scaled = pixels.astype(np.float32) / np.float32(_LARGEST)
        return ImageData(scaled, np.array(labels, np.int64), tuple(refusals))

    def _list_files(self, path: Path) -> Iterator[tuple[Path, int]]:
        try:
            there = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
            for entry in there:
                if not entry.is_dir() or entry.name not in self.classes:
                    raise TrainingError(
                        f"{entry} is no folder of a class", f"known: {', '.join(self.classes)}"
                    )
            for entry in there:
                for file in sorted(entry.iterdir()):
                    if not file.name.startswith("."):
                        yield file, self.classes.index(entry.name)
        except OSError as error:
            raise TrainingError(f"cannot read {error.filename}: {error.strerror}") from None

    def _decode(self, file: Path) -> npt.NDArray[np.uint8]:
        """Return the pixels, ``[channels, height, width]``; ValueError says what does not fit."""
        image_module = _import_pillow()
        try:
            # The size is in the first bytes: nothing is decoded that is larger than it may be.
            with image_module.open(file, formats=FORMATS) as image:
                if image.size != (self.width, self.height):
                    width, height = image.size
                    raise ValueError(
                        f"has {width} x {height} pixels, not {self.width} x {self.height}"
                    )
                if image.mode not in MODES[self.channels]:
                    kind = "grey" if self.channels == 1 else "colour"
                    raise ValueError(f"is {image.mode}, not {kind} ({MODES[self.channels][0]})")
                pixels = np.asarray(image.convert(MODES[self.channels][0]), np.uint8)
        except image_module.UnidentifiedImageError:
            raise ValueError(f"is no image ({', '.join(FORMATS)})") from None
        except image_module.DecompressionBombError:
            raise ValueError(f"is far larger than {self.width} x {self.height} pixels") from None
        except (OSError, SyntaxError, EOFError) as error:
            raise ValueError(f"is damaged: {error}") from None
        return pixels.reshape(self.height, self.width, self.channels).transpose(2, 0, 1)


def _import_pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise TrainingError("images need Pillow", "pip install 'fl_chain[images]'") from None
    return Image
