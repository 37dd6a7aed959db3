"""fl-chain history: query the on-chain history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from fl_chain.cli.output import print_rows
from fl_chain.cli.settings import Settings, ipfs_option, json_option, rpc_option, task_option

if TYPE_CHECKING:
    from fl_chain.roles.manifest_shelf import ManifestShelf
    from fl_chain.roles.services import Services

LOOK_SECONDS = 2.0
"""How long an IPFS node may look for a manifest: a table does without it before people do."""
TASKS_OPTIONAL = ("task_id", "round", "is_stopped", "participants", "name")
ROUNDS_OPTIONAL = ("committed", "seed", "selected", "proposer", "report", "base_round", "rejected")
PARTICIPANTS_OPTIONAL = ("selected",)
UPDATES_OPTIONAL = ("cid_digest", "cid", "listed_by", "reason")


@click.group()
def history() -> None:
    """Query the on-chain history: tables for people, one JSON object a line for machines."""


@history.command("tasks")
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def tasks(settings: Settings, rpc: str | None, ipfs: str | None, as_json: bool) -> None:
    """List every task on the chain, with the name that its manifest gives it on IPFS."""
    from fl_chain.roles.history import list_tasks

    services = settings.services(rpc, ipfs)
    connection = services.connect()
    with _open_shelf(services, connection.chain_id) as shelf:
        rows: Iterable[dict[str, Any]] = list_tasks(connection, shelf)
        if not as_json:
            rows = summarize_tasks(list(rows))
        print_rows(rows, as_json, "no tasks on this chain", TASKS_OPTIONAL)


@history.command("updates")
@task_option
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def updates(
    settings: Settings, task: str, rpc: str | None, ipfs: str | None, as_json: bool
) -> None:
    """List every update of a task that is on record, by itself or in a list.

    The CIDs take the manifest from IPFS; without it, that column stays empty. So does what is known
    of a listed update if the list cannot be had.
    """
    from fl_chain.roles.history import list_updates

    services = settings.services(rpc, ipfs)
    ledger = services.open_ledger(task)
    with _open_shelf(services, ledger.chain_id) as shelf:
        print_rows(list_updates(ledger, shelf), as_json, "no updates yet", UPDATES_OPTIONAL)


@history.command("participants")
@task_option
@click.option("--round", "round_number", type=click.IntRange(1), help="Who is selected for it.")
@rpc_option
@json_option
@click.pass_obj
def participants(
    settings: Settings, task: str, round_number: int | None, rpc: str | None, as_json: bool
) -> None:
    """List the participants of a task.

    Where participants are sampled, "selected" is about the current round, or the one of --round.
    """
    from fl_chain.roles.history import list_participants

    rows = list_participants(settings.services(rpc).open_ledger(task), round_number)
    print_rows(rows, as_json, "no participants yet", PARTICIPANTS_OPTIONAL)


@contextmanager
def _open_shelf(services: Services, chain_id: int) -> Iterator[ManifestShelf]:
    """Open what is known of the tasks beyond the chain, which may be nothing."""
    from fl_chain.roles.manifest_shelf import ManifestShelf

    store = services.open_store_if_any(LOOK_SECONDS)
    with store or nullcontext():
        yield ManifestShelf(store, chain_id)


def summarize_tasks(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the table of tasks, without what a table has no room for."""
    hidden = ["coordinator", "aggregators", "registry", "block", "rounds_planned"]
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
