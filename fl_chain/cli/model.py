"""fl-chain model: export models."""

from __future__ import annotations

from pathlib import Path

import click

from fl_chain.cli.settings import Settings, ipfs_option, rpc_option, task_option


@click.group()
def model() -> None:
    """Export models."""


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
