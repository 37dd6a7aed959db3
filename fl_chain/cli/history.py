"""fl-chain history: query the on-chain history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from fl_chain.cli.index_bar import index_bar
from fl_chain.cli.output import print_details, print_line, print_rows
from fl_chain.cli.selection import make_selection, participant_option, selection_options
from fl_chain.cli.settings import Settings, ipfs_option, json_option, rpc_option, task_option

if TYPE_CHECKING:
    from fl_chain.roles.manifest_shelf import ManifestShelf
    from fl_chain.roles.services import Services
    from fl_chain.roles.task_history import TaskHistory

LOOK_SECONDS = 2.0
"""How long an IPFS node may look for a manifest: a table does without it before people do."""
TASKS_OPTIONAL = ("task_id", "round", "is_stopped", "participants", "name")
ROUNDS_OPTIONAL = ("committed", "seed", "selected", "proposer", "report", "base_round", "rejected")
PARTICIPANTS_OPTIONAL = ("selected",)
PRIVACY_OPTIONAL = ("budget", "spent")
AGGREGATORS_OPTIONAL = ("seat", "final")
UPDATES_OPTIONAL = ("transaction", "cid_digest", "cid", "listed_by", "reason")
MODELS_OPTIONAL = ("report", "cid", "base_round", "proposed_at")
DISPUTES_OPTIONAL = ("transaction", "moves", "ended_at", "wei", "position")

MEASURES_OPTIONAL = (
    *("included", "bytes", "commit_s", "collect_s", "aggregate_s", "decide_s", "examples"),
    *("train_loss", "slowest_s", "base_accuracy", "base_loss", "energy_kwh", "energy"),
)


@click.group()
def history() -> None:
    """Query the on-chain history: tables for people, one JSON object a line for machines.

    What was read once is kept in an index below the state directory, so that only what is new is
    read the next time. It can be deleted at any time.

    \b
    fl-chain history rounds --task 0x... --round 3-7
    fl-chain history updates --task 0x... --participant alice --since 2026-11-01
    fl-chain history round 3 --task 0x...
    fl-chain history aggregator carol --task 0x...
    fl-chain history disputes --task 0x... --json
    """


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
        rows: Iterable[dict[str, Any]] = list_tasks(connection, shelf, settings.state)
        if not as_json:
            rows = summarize_tasks(list(rows))
        print_rows(rows, as_json, "no tasks on this chain", TASKS_OPTIONAL)


@history.command("participants")
@task_option
@click.option("--round", "round_number", type=click.IntRange(1), help="Who is selected for it.")
@rpc_option
@json_option
@click.pass_obj
def participants(
    settings: Settings, task: str, round_number: int | None, rpc: str | None, as_json: bool
) -> None:
    """List the participants of a task. Updates in lists are not counted.

    Where participants are sampled, "selected" is about the current round, or the one of --round.
    """
    from fl_chain.roles.history_updates import list_participants

    with open_task_history(settings, task, rpc, None) as found:
        rows = list_participants(found, round_number)
        print_rows(rows, as_json, "no participants yet", PARTICIPANTS_OPTIONAL)


@history.command("privacy")
@task_option
@click.option(
    "--delta",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=1e-5,
    show_default=True,
    help="Of the epsilons.",
)
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def privacy(
    settings: Settings, task: str, delta: float, rpc: str | None, ipfs: str | None, as_json: bool
) -> None:
    """List what the updates of each participant have cost of its privacy budget.

    Costs are of zero-concentrated differential privacy (rho); the integers are 2^-32 of it, as the
    ledger counts. An epsilon is for one example of the participant. That an update has the noise
    that it should have, no ledger can see.

    \b
    fl-chain history privacy --task 0x...
    fl-chain history privacy --task 0x... --delta 1e-6 --json
    """
    from fl_chain.roles.history_privacy import list_privacy

    empty = "this task has no privacy budget"
    with open_task_history(settings, task, rpc, ipfs) as found:
        print_rows(list_privacy(found, delta), as_json, empty, PRIVACY_OPTIONAL)


@history.command("aggregators")
@task_option
@rpc_option
@json_option
@click.pass_obj
def aggregators(settings: Settings, task: str, rpc: str | None, as_json: bool) -> None:
    """List the aggregators of a task: what they proposed and attested to, and their bonds."""
    from fl_chain.roles.history_aggregators import list_aggregators

    with open_task_history(settings, task, rpc, None) as found:
        print_rows(list_aggregators(found), as_json, "no aggregators", AGGREGATORS_OPTIONAL)


@history.command("aggregator")
@click.argument("aggregator")
@task_option
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def one_aggregator(
    settings: Settings,
    aggregator: str,
    task: str,
    rpc: str | None,
    ipfs: str | None,
    as_json: bool,
) -> None:
    """Show AGGREGATOR, an address or the name of a key: its models, its disputes, its records."""
    from fl_chain.roles.history_aggregators import describe_aggregator

    address = settings.services(rpc, ipfs).resolve_address(aggregator)
    with open_task_history(settings, task, rpc, ipfs) as found:
        _print_details(describe_aggregator(found, address), as_json)


@history.command("round")
@click.argument("number", type=click.IntRange(0))
@task_option
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def one_round(
    settings: Settings, number: int, task: str, rpc: str | None, ipfs: str | None, as_json: bool
) -> None:
    """Show round NUMBER: its updates, its disputes, and every record of it in order."""
    from fl_chain.roles.history_details import describe_round

    with open_task_history(settings, task, rpc, ipfs) as found:
        row = describe_round(found, number)
        _print_details(row, as_json)


@history.command("participant")
@click.argument("participant")
@task_option
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def one_participant(
    settings: Settings,
    participant: str,
    task: str,
    rpc: str | None,
    ipfs: str | None,
    as_json: bool,
) -> None:
    """Show PARTICIPANT, an address or the name of a key: its admission and its updates."""
    from fl_chain.roles.history_details import describe_participant

    address = settings.services(rpc, ipfs).resolve_address(participant)
    with open_task_history(settings, task, rpc, ipfs) as found:
        _print_details(describe_participant(found, address), as_json)


def _print_details(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_line(row)
    else:
        optional = (*UPDATES_OPTIONAL, *DISPUTES_OPTIONAL, *MODELS_OPTIONAL)
        print_details(row, optional)


@contextmanager
def _open_shelf(services: Services, chain_id: int) -> Iterator[ManifestShelf]:
    """Open what is known of the tasks beyond the chain, which may be nothing."""
    from fl_chain.roles.manifest_shelf import ManifestShelf

    store = services.open_store_if_any(LOOK_SECONDS)
    with store or nullcontext():
        yield ManifestShelf(store, chain_id)


@contextmanager
def open_task_history(
    settings: Settings, task: str, rpc: str | None, ipfs: str | None
) -> Iterator[TaskHistory]:
    """Open the history of a task, brought up to date."""
    from fl_chain.roles.task_history import open_history

    services = settings.services(rpc, ipfs)
    ledger = services.open_ledger(task)
    with _open_shelf(services, ledger.chain_id) as shelf, index_bar() as on_window:
        found = open_history(settings.state, ledger.connection, task, shelf, on_window)
        try:
            yield found
        finally:
            found.index.close()


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


def _add(
    name: str,
    module: str,
    summary: str,
    empty: str,
    optional: Sequence[str],
    *,
    has_participant: bool = False,
) -> None:
    def command(
        settings: Settings,
        task: str,
        rounds: tuple[int, int] | None,
        since: int | None,
        until: int | None,
        rpc: str | None,
        ipfs: str | None,
        as_json: bool,
        participant: str | None = None,
    ) -> None:
        import importlib

        roles = importlib.import_module(f"fl_chain.roles.{module}")
        list_rows: Callable[..., Iterator[dict[str, Any]]] = getattr(roles, f"list_{name}")
        services = settings.services(rpc, ipfs)
        selection = make_selection(services, rounds, since, until, participant)
        with open_task_history(settings, task, rpc, ipfs) as found:
            print_rows(list_rows(found, selection), as_json, empty, optional)

    decorated: Any = click.pass_obj(command)
    for option in (json_option, ipfs_option, rpc_option):
        decorated = option(decorated)
    if has_participant:
        decorated = participant_option(decorated)
    history.command(name, help=summary)(task_option(selection_options(decorated)))


_add("rounds", "history", "List the rounds of a task, genesis first.", "no rounds", ROUNDS_OPTIONAL)
_add(
    "updates",
    "history_updates",
    "List every update of a task that is on record, by itself or in a list.\n\n"
    "The CIDs take the manifest from IPFS; without it, that column stays empty. So does what is"
    " known of a listed update if the list cannot be had.",
    "no updates",
    UPDATES_OPTIONAL,
    has_participant=True,
)
_add(
    "models",
    "history",
    "List every model that was proposed, genesis first, and what became of it.",
    "no models",
    MODELS_OPTIONAL,
)
_add(
    "disputes",
    "history_disputes",
    "List every challenge and every bond that was taken.",
    "no disputes",
    DISPUTES_OPTIONAL,
)
_add(
    "measures",
    "history_measures",
    "List what every round of a task cost and yielded.\n\n"
    "Seconds are of block time, to the last commitment and update, the proposal, and the final"
    " model. Accuracy and loss of the model that a round started from, and energy, are what its"
    " participants say; they take the round's report from IPFS.",
    "no rounds",
    MEASURES_OPTIONAL,
)
_add(
    "gas",
    "history_gas",
    "List what each kind of transaction of a task cost in gas, by its receipts.",
    "no transactions",
    (),
)
