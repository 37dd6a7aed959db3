"""A directory to start from: a project, a task, data that are made up, and what to do with them."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Final

import numpy as np

from fl_chain.errors import LocalStateError, UsageError

SCAFFOLD: Final = Path(__file__).parent / "scaffold"
FILES: Final = ("README.md", "project.py", "task.toml")
_FISH: Final = {"perch": (24, 7, 25), "pike": (55, 8, 95), "roach": (18, 6, 9)}
"""Kind to what its length and width in cm and its weight in 10 g are about."""
_DATA: Final = {"alice.csv": (120, 60, 20), "bob.csv": (20, 60, 120), "test.csv": (50, 50, 50)}
"""File to how many it has of each kind: alice and bob fish in other waters."""


def make_project(directory: Path) -> tuple[Path, ...]:
    """Write the files of a new project, and return their paths.

    Raises
    ------
    UsageError
        The directory has something in it.
    LocalStateError
        It cannot be written.
    """
    contents = {name: (SCAFFOLD / name).read_text(encoding="utf-8") for name in FILES}
    for seed, (name, counts) in enumerate(_DATA.items()):
        contents[name] = _draw_fish(counts, seed)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise UsageError(f"{directory} is not empty", "name a directory that is not there yet")
        for name, text in contents.items():
            (directory / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise LocalStateError(f"cannot write {directory}: {error.strerror}") from None
    return tuple(directory / name for name in contents)


def _draw_fish(counts: tuple[int, ...], seed: int) -> str:
    random = np.random.RandomState(seed)
    rows = [
        [*(f"{value:.1f}" for value in random.normal(middle, np.array(middle) / 6)), kind]
        for (kind, middle), count in zip(_FISH.items(), counts, strict=True)
        for _ in range(count)
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["length", "width", "weight", "kind"])
    writer.writerows(rows[place] for place in random.permutation(len(rows)))
    return text.getvalue()
