"""How far the laboratory is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

T = TypeVar("T")


def experiment_bar(outcomes: Iterable[T], total: int) -> Iterator[T]:
    """Pass outcomes on, with a bar on standard error if that is a terminal."""
    columns = (TextColumn("experiments"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, disable=not terminal.is_terminal) as progress:
        bar = progress.add_task("", total=total)
        for outcome in outcomes:
            progress.advance(bar)
            yield outcome
