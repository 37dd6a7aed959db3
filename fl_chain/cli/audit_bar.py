"""How far an audit has come, for who waits for it at a terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.progress import Task as Bar
from rich.text import Text

from fl_chain.audit.observer import Observer
from fl_chain.audit.scope import AuditedRound

_UPDATES = "updates"


class AuditBar(Observer):
    """Shows rounds, updates, and the bytes of updates read in a second.

    Parameters
    ----------
    bars
        Where it shows them.
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._rounds: TaskID | None = None
        self._updates: TaskID | None = None
        self._num_bytes = 0
        self._lock = threading.Lock()

    def plan(self, num_rounds: int, num_updates: int, num_former: int) -> None:
        """See `Observer.plan`."""
        if num_rounds:
            self._rounds = self._bars.add_task("rounds", total=num_rounds, num_bytes=0)
            self._updates = self._bars.add_task(_UPDATES, total=num_updates, num_bytes=0)

    def examine(self, num_updates: int, num_bytes: int) -> None:
        """See `Observer.examine`."""
        if self._updates is not None:
            with self._lock:
                self._num_bytes += num_bytes
                self._bars.update(self._updates, advance=num_updates, num_bytes=self._num_bytes)

    def conclude(self, audited: AuditedRound) -> None:
        """See `Observer.conclude`."""
        if self._rounds is not None:
            self._bars.advance(self._rounds)

    def warn(self, message: str) -> None:
        """See `Observer.warn`."""
        click.echo(f"warning: {message}", err=True)


class _SpeedColumn(TextColumn):
    """Bytes of updates in a second."""

    def render(self, task: Bar) -> Text:
        num_bytes, seconds = task.fields["num_bytes"], task.elapsed or 0
        if task.description != _UPDATES or not num_bytes or not seconds:
            return Text()
        return Text(f"{num_bytes / seconds / 1e6:.0f} MB/s")


@contextmanager
def audit_bar(terminal: Console, *, is_quiet: bool) -> Iterator[AuditBar]:
    """Show how far an audit is, as long as it lasts, if standard error is a terminal.

    Parameters
    ----------
    terminal
        Console that findings are printed to; if it is one, the bars stay below them.
    is_quiet
        Show nothing.
    """
    with Progress(
        TextColumn("{task.description:>7}"),
        BarColumn(),
        MofNCompleteColumn(),
        _SpeedColumn(""),
        console=terminal if sys.stdout.isatty() else Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=is_quiet or not sys.stderr.isatty(),
    ) as bars:
        yield AuditBar(bars)
