"""fl-chain aggregator: aggregate the updates of a task."""

from __future__ import annotations

from pathlib import Path

import click

from fl_chain.cli.output import print_progress
from fl_chain.cli.settings import (
    Settings,
    ipfs_option,
    json_option,
    key_options,
    rpc_option,
    task_option,
)


@click.group()
def aggregator() -> None:
    """Aggregate the updates of a task."""


@aggregator.command("run")
@task_option
@key_options
@click.option(
    "--patience",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Seconds to wait for a chain or IPFS node that is away, before giving up.",
)
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def run(
    settings: Settings,
    task: str,
    key: str,
    password_file: Path | None,
    patience: float,
    rpc: str | None,
    ipfs: str | None,
    as_json: bool,
) -> None:
    """Derive, pin and propose the model of every round until the task is over.

    It has no state of its own: killed and started again, it derives the same bytes.

    \b
    fl-chain aggregator run --task 0x... --key coordinator
    """
    from fl_chain.roles.aggregator import AggregatorRole

    services = settings.services(rpc, ipfs)
    ledger = services.open_ledger(task, settings.open_key(services, key, password_file))
    with services.open_store() as store:
        role = AggregatorRole(
            ledger, store, progress=print_progress(as_json), patience_seconds=patience
        )
        role.run()
