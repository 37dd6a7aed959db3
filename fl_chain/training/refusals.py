"""One answer to data of which some do not fit a declared schema."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fl_chain.errors import TrainingError

__all__ = ["require_all"]

_SHOWN: Final = 5
"""Refusals that the error names."""


def require_all(path: Path, refusals: Sequence[object], num_fitting: int, what: str) -> None:
    """Refuse a file or folder of which something does not fit.

    Parameters
    ----------
    path
        Where the data are.
    refusals
        What does not fit and why, as text.
    num_fitting
        How many others do.
    what
        What they are, such as rows.

    Raises
    ------
    TrainingError
        There are refusals: the first of them are named.
    """
    if not refusals:
        return
    count = len(refusals)
    shown = "; ".join(map(str, refusals[:_SHOWN]))
    more = f"; and {count - _SHOWN} more" if count > _SHOWN else ""
    raise TrainingError(
        f"{path}: {count} of {count + num_fitting} {what} do not fit: {shown}{more}",
        "mend them, or change the schema before the task is created",
    )
