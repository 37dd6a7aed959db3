"""fl-chain history: query the on-chain history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import click

from fl_chain.cli.output import print_rows
from fl_chain.cli.settings import Settings, json_option, rpc_option, task_option

TASKS_OPTIONAL = ("task_id", "round", "is_stopped", "participants")
ROUNDS_OPTIONAL = ("report", "base_round")
UPDATES_OPTIONAL = ("cid_digest",)


@click.group()
def history() -> None:
    """Query the on-chain history: tables for people, one JSON object a line for machines."""


@history.command("tasks")
@rpc_option
@json_option
@click.pass_obj
def tasks(settings: Settings, rpc: str | None, as_json: bool) -> None:
    """List every task on the chain."""
    from fl_chain.roles.history import list_tasks

    rows: Iterable[dict[str, Any]] = list_tasks(settings.services(rpc).connect())
    if not as_json:
        rows = summarize_tasks(list(rows))
    print_rows(rows, as_json, "no tasks on this chain", TASKS_OPTIONAL)


def summarize_tasks(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the table of tasks, without what a table has no room for."""
    hidden = ["coordinator", "aggregator", "registry", "block", "rounds_planned"]
    if not any(row["is_stopped"] for row in rows):
        hidden.append("is_stopped")
    return [
        {
            name: f"{value}/{row['rounds_planned']}" if name == "rounds_finalized" else value
            for name, value in row.items()
            if name not in hidden
        }
        for row in rows
    ]


def _add(name: str, summary: str, empty: str, optional: Sequence[str] = ()) -> None:
    @history.command(name, help=summary)
    @task_option
    @rpc_option
    @json_option
    @click.pass_obj
    def command(settings: Settings, task: str, rpc: str | None, as_json: bool) -> None:
        from fl_chain.roles import history as rows

        list_rows: Callable[[Any], Iterator[dict[str, Any]]] = getattr(rows, f"list_{name}")
        print_rows(list_rows(settings.services(rpc).open_ledger(task)), as_json, empty, optional)


_add("rounds", "List the rounds of a task, genesis first.", "no rounds", ROUNDS_OPTIONAL)
_add("updates", "List every submitted update of a task.", "no updates yet", UPDATES_OPTIONAL)
_add("participants", "List the participants of a task.", "no participants yet")
