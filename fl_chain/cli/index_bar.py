"""How far an index has come, for who waits for it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

_PATIENCE_SECONDS = 1.0
"""What takes longer shows how far it has come."""


@contextmanager
def index_bar() -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how far an index has come, as long as it takes more than a moment."""
    bars = _make_bars("reading the chain")
    bar = bars.add_task("", total=None)
    started = time.monotonic()

    def advance(block: int, latest: int) -> None:
        if block < latest and time.monotonic() - started > _PATIENCE_SECONDS:
            bars.start()
        bars.update(bar, completed=block, total=latest)
        if block >= latest:
            bars.stop()

    try:
        yield advance
    finally:
        bars.stop()


@contextmanager
def step_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show on a terminal how far each of several kinds of work has come."""
    with _make_bars("{task.description}") as bars:
        known: dict[str, TaskID] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = bars.add_task(what, total=total)
            bars.update(known[what], completed=done, total=total)

        yield advance


def _make_bars(text: str) -> Progress:
    return Progress(
        TextColumn(text),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
