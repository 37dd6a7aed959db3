"""fl-chain model: export models, and evaluate them."""

from __future__ import annotations

from pathlib import Path

import click

from fl_chain.cli.output import print_rows
from fl_chain.cli.settings import (
    Settings,
    ipfs_option,
    json_option,
    project_options,
    rpc_option,
    task_option,
)


@click.group()
def model() -> None:
    """Export models, and evaluate them."""


@model.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@task_option
@click.option(
    "--round", "round_number", type=click.IntRange(0), help="0 is genesis.  [default: the latest]"
)
@rpc_option
@ipfs_option
@click.pass_obj
def export(
    settings: Settings,
    file: Path,
    task: str,
    round_number: int | None,
    rpc: str | None,
    ipfs: str | None,
) -> None:
    """Write a final model to FILE as float32 safetensors.

    \b
    fl-chain model export --task 0x... --round 3 model.safetensors
    """
    from fl_chain.roles.follower import TaskFollower
    from fl_chain.roles.model_export import export_model

    services = settings.services(rpc, ipfs)
    with services.open_store() as store:
        follower = TaskFollower(services.open_ledger(task), store)
        number = export_model(follower, round_number, file)
    click.echo(f"model of round {number} written to {file}")


@model.command("evaluate")
@task_option
@click.option(
    "--round", "round_number", type=click.IntRange(0), help="0 is genesis.  [default: the latest]"
)
@project_options
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def evaluate(
    settings: Settings,
    task: str,
    round_number: int | None,
    project: Path | None,
    data: Path | None,
    rpc: str | None,
    ipfs: str | None,
    as_json: bool,
) -> None:
    """Evaluate a final model on the examples that nobody trains on.

    First on all of them, then on those of each silo, if the data are from several. With two
    classes, "roc auc" is the share of pairs that are ranked rightly, which no threshold decides
    about, and "average precision" says more where one class is rare.

    \b
    fl-chain model evaluate --task 0x... --round 3
    fl-chain model evaluate --task 0x... --project project.py --data test.csv
    """
    from fl_chain.roles.evaluator import Evaluator

    services = settings.services(rpc, ipfs)
    with services.open_store() as store:
        evaluator = Evaluator(services.open_ledger(task), store, project, data)
        rows = evaluator.list_evaluations(round_number)
    if not as_json:
        rows = [{**row, "silo": row["silo"] or "all"} for row in rows]
    print_rows(rows, as_json, "nothing to evaluate on")
