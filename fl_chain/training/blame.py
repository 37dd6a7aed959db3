"""What went wrong in code of a user's, told with its file and line."""

from __future__ import annotations

import traceback
from collections.abc import Collection
from pathlib import Path

from fl_chain.errors import FlChainError, TrainingError

__all__ = ["blame"]


def blame(
    files: Collection[str], place: Path, what: str, error: BaseException, hint: str = ""
) -> TrainingError:
    """Return an error that names the innermost line of somebody's files that had a part in it.

    Parameters
    ----------
    files
        The files, named as they were compiled.
    place
        Named if no line of theirs had.
    what
        What was being done, such as ``train()``; empty while a file was loaded.
    error
        What was raised.
    hint
        What to do about a missing module.
    """
    found, line = str(place), None
    if isinstance(error, SyntaxError) and error.filename is not None and error.filename in files:
        found, line = error.filename, error.lineno
    else:
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename in files:
                found, line = frame.filename, frame.lineno
                break
    spot = f"{found}, line {line}" if line else found
    where = f"{spot}, in {what}" if what else spot
    if isinstance(error, FlChainError):  # from what the file asked of us
        return TrainingError(f"{where}: {error.message}", error.hint)
    return TrainingError(
        f"{where}: {type(error).__name__}: {error}",
        hint if isinstance(error, ModuleNotFoundError) else "",
    )
