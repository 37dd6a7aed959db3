"""Files that are written whole or not at all: a crash leaves the old content or the new one."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from fl_chain.errors import LocalStateError, UsageError


def write_whole(path: Path, data: bytes, hint: str = "", *, is_durable: bool = False) -> None:
    """Write a file, in place of the one that is there; a link stays, and what it leads to is new.

    Parameters
    ----------
    path, data
        The file, in a directory that exists.
    hint
        What to do when it cannot be written.
    is_durable
        Whether it is to be on the disk afterwards, and not only on its way there.

    Raises
    ------
    UsageError
        There is something else than a file.
    LocalStateError
        It cannot be written.
    """
    target = path.resolve()
    partial = target.with_name(target.name + ".partial")
    try:
        _check_kind(path)
        with partial.open("wb") as file:
            file.write(data)
            if is_durable:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(target)
        if is_durable:
            _flush_directory(target.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise LocalStateError(f"cannot write {path}: {error.strerror}", hint) from None


def check_place(path: Path) -> None:
    """Check that a file can be put somewhere, before the work that is to fill it.

    Raises
    ------
    UsageError
        There is no such folder, something else than a file, or no way to look.
    """
    try:
        has_folder = path.resolve().parent.is_dir()
        _check_kind(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", "name another file") from None
    if not has_folder:
        raise UsageError(f"cannot write {path}: there is no folder {path.parent}", "make it first")


def _check_kind(path: Path) -> None:
    """Refuse devices and the like: every other program would miss what gave way to a file."""
    if path.exists() and not path.is_file():
        raise UsageError(f"cannot write {path}: it is there, and no file", "name a file")


def _flush_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
