"""What commands print: tables and lines for people, JSON lines for machines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from fl_chain.roles.progress import Progress

_SHORT_DIGITS = 12
_SENTENCES = {
    "aborted": "round {round} aborted: its deadline had passed",
    "admitted": "{participants} participants admitted",
    "deployed": "contracts deployed: ledger {ledger}, registry {registry}",
    "examined": "round {round}: update {sequence} of {participant} verified",
    "excluded": "round {round}: update {sequence} of {participant} left out: {reason}",
    "finalized": "round {round} finalized",
    "gave_up": "round {round} can have no model: {reason}",
    "missed": "round {round} missed: {reason}",
    "over": "the task is over after {rounds} finalized rounds",
    "pinned": "pinned manifest {manifest} and genesis model {genesis}",
    "proposed": "round {round}: model {model} proposed from {included} of {updates} updates",
    "resumed": "round {round}: the submission from before the restart is on chain",
    "submitted": "round {round}: update {digest} submitted, weight {weight}, {gas} gas",
    "training": "round {round}: training",
    "waiting": "waiting: {reason}",
}


def print_progress(as_json: bool) -> Progress:
    """Return a progress callback that prints each event as a line."""

    def print_json(event: str, values: dict[str, Any]) -> None:
        print_line({"event": event, "time": round(time.time(), 6), **values})

    def print_sentence(event: str, values: dict[str, Any]) -> None:
        sentence = _SENTENCES.get(event, event)
        click.echo(f"{time.strftime('%H:%M:%S')}  {sentence.format(**_shortened(values))}")

    return print_json if as_json else print_sentence


def print_line(row: dict[str, Any]) -> None:
    """Print one JSON object on a line of its own, at once."""
    sys.stdout.write(json.dumps(row, separators=(", ", ": ")) + "\n")
    sys.stdout.flush()


def print_rows(
    rows: Iterable[dict[str, Any]], as_json: bool, empty: str, hidden: Sequence[str] = ()
) -> None:
    """Print rows of one kind as JSON lines, or as a table without the ``hidden`` columns."""
    if as_json:
        for row in rows:
            print_line(row)
        return
    listed = [{name: row[name] for name in row if name not in hidden} for row in rows]
    if not listed:
        click.echo(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in listed[0]:
        is_number = all(isinstance(row[name], int | None) for row in listed)
        justify: Any = "right" if is_number else "left"
        table.add_column(name.replace("_", " "), justify=justify, overflow="fold")
    for row in listed:
        table.add_row(*(_cell(name, value) for name, value in row.items()))
    console().print(table)


def console() -> Console:
    """Return the terminal: coloured and as wide as it is, or plain text of a fixed width."""
    is_terminal = sys.stdout.isatty()
    return Console(width=None if is_terminal else 160, no_color=not is_terminal, highlight=False)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name.endswith("_at"):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    # A contract's address is copied into the next command; digests are compared by their start.
    is_digest = isinstance(value, str) and len(value) == 64 and not value.startswith("0x")
    return str(value)[:_SHORT_DIGITS] + "…" if is_digest else str(value)


def _shortened(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _cell(name, value) for name, value in values.items()}
