"""fl-chain contribution: what each participant contributed to a round."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fl_chain.cli.history import open_task_history
from fl_chain.cli.output import print_rows
from fl_chain.cli.settings import (
    Settings,
    ipfs_option,
    json_option,
    password_option,
    project_options,
    reader_option,
    rpc_option,
    task_option,
)


@click.group()
def contribution() -> None:
    """Measure what each participant contributed to a round."""


@contribution.command("list")
@task_option
@click.option("--round", "round_number", type=click.IntRange(1), required=True)
@click.option(
    "--measure",
    type=click.Choice(["loss", "accuracy"]),
    default="loss",
    show_default=True,
    help="What a model is worth.",
)
@click.option("--shapley", "has_shapley", is_flag=True, help="Shapley values too: takes longer.")
@project_options
@reader_option
@password_option
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def list_command(
    settings: Settings,
    task: str,
    round_number: int,
    measure: str,
    has_shapley: bool,
    project: Path | None,
    data: Path | None,
    reader: str | None,
    password_file: Path | None,
    rpc: str | None,
    ipfs: str | None,
    as_json: bool,
) -> None:
    """Say what each update of a round contributed, from the record and a validation set.

    "cosine" says whether an update points where all of them do. "leave one out" is how much better
    the model of the round is with it than without it, "shapley" its fair share of what the round
    gained; below zero, the round had been better without it. All are measured on examples that
    nobody trains on: the same ones give anybody the same numbers.

    \b
    fl-chain contribution list --task 0x... --round 3
    fl-chain contribution list --task 0x... --round 3 --shapley --measure accuracy
    fl-chain contribution list --task 0x... --round 3 --project project.py --data test.csv
    fl-chain contribution list --task 0x... --round 3 --reader auditor
    """
    from fl_chain.roles.contributions import describe_validation, list_contributions
    from fl_chain.roles.evaluator import Evaluator

    def note(count: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{count} coalitions evaluated", nl=False, err=True)

    services = settings.services(rpc, ipfs)
    keys = settings.open_reader(services, reader, password_file)
    with services.open_store() as store, open_task_history(settings, task, rpc, ipfs) as history:
        evaluator = Evaluator(services.open_ledger(task), store, project, data)
        rows = list(
            list_contributions(
                history,
                store,
                evaluator,
                round_number,
                measure=measure,
                has_shapley=has_shapley,
                keys=keys,
                note=note,
            )
        )
        validation = describe_validation(evaluator, data)
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)
    print_rows(rows, as_json, "no update of this round is included", ("weight",))
    if not as_json:
        click.echo(f"\nmeasured in {measure} on {validation}")
