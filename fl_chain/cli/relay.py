"""fl-chain relay: hand in for participants what they have signed."""

from __future__ import annotations

from pathlib import Path

import click

from fl_chain.cli.output import print_progress
from fl_chain.cli.settings import (
    Settings,
    ipfs_option,
    json_option,
    key_options,
    patience_option,
    rpc_option,
    task_option,
)


@click.group()
def relay() -> None:
    """Hand in for participants what they have signed, and pay for it."""


@relay.command("run")
@task_option
@key_options
@click.option("--port", type=click.IntRange(0, 65535), default=7400, show_default=True)
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Seconds that the first update of a batch waits for others.",
)
@patience_option
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def run(
    settings: Settings,
    task: str,
    key: str,
    password_file: Path | None,
    port: int,
    wait_seconds: float,
    patience: float,
    rpc: str | None,
    ipfs: str | None,
    as_json: bool,
) -> None:
    """Relay the updates of a task until it is over.

    Participants hand in signed updates over HTTP and need no money; this sends them on, up to 100
    in a transaction, at a third of the price. Listens on this machine alone: put a proxy with TLS
    in front of it for others. Any key that can pay will do.

    \b
    fl-chain relay run --task 0x... --key relay
    fl-chain participant run --task 0x... --key alice --relay http://127.0.0.1:7400
    """
    from fl_chain.roles.relay import RelayRole

    progress = print_progress(as_json)
    services = settings.services(rpc, ipfs)
    account = settings.open_key(services, key, password_file)
    with services.open_journal(task, account) as journal, services.open_store() as store:
        ledger = services.open_ledger(task, account, journal)
        role = RelayRole(
            ledger, store, wait_seconds=wait_seconds, progress=progress, patience_seconds=patience
        )
        role.serve(port)
