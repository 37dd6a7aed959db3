"""Where things are kept that can be downloaded again."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from fl_chain.errors import LocalStateError

__all__ = ["cache_directory", "digest_file", "make_directory"]


def cache_directory() -> Path:
    """Return the directory for everything that can be downloaded again.

    ``$FL_CHAIN_CACHE``, else ``fl_chain`` below ``$XDG_CACHE_HOME``, ``~/Library/Caches`` (macOS)
    or ``~/.cache``.
    """
    if own := os.environ.get("FL_CHAIN_CACHE"):
        return Path(own).expanduser().absolute()
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg).expanduser().absolute() / "fl_chain"
    base = Path("~/Library/Caches" if sys.platform == "darwin" else "~/.cache")
    return base.expanduser() / "fl_chain"


def make_directory(directory: Path) -> None:
    """Make a directory of the cache, with those above it, unless it is there.

    Raises
    ------
    LocalStateError
        It cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalStateError(
            f"the cache cannot be written: {error}", "set FL_CHAIN_CACHE"
        ) from error


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
