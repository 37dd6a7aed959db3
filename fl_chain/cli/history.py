"""fl-chain history: query the on-chain history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click

from fl_chain.cli.output import print_rows
from fl_chain.cli.settings import Settings, json_option, rpc_option, task_option


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

    rows = list_tasks(settings.services(rpc).connect())
    hidden = ("coordinator", "aggregator", "registry", "block")
    print_rows(rows, as_json, "no tasks on this chain", hidden)


def _add(name: str, summary: str, empty: str) -> None:
    @history.command(name, help=summary)
    @task_option
    @rpc_option
    @json_option
    @click.pass_obj
    def command(settings: Settings, task: str, rpc: str | None, as_json: bool) -> None:
        from fl_chain.roles import history as rows

        list_rows: Callable[[Any], Iterator[dict[str, Any]]] = getattr(rows, f"list_{name}")
        print_rows(list_rows(settings.services(rpc).open_ledger(task)), as_json, empty)


_add("rounds", "List the rounds of a task, genesis first.", "no rounds")
_add("updates", "List every submitted update of a task.", "no updates yet")
_add("participants", "List the participants of a task.", "no participants yet")
