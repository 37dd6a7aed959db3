"""fl-chain devnet: a local chain and IPFS nodes."""

from __future__ import annotations

import click

from fl_chain.cli.output import print_line, print_rows
from fl_chain.cli.settings import Settings, json_option, rpc_option
from fl_chain.errors import DevnetError
from fl_chain.roles.devnet import (
    KINDS,
    Devnet,
    fund,
    read_devnet,
    reset_devnet,
    start_devnet,
    stop_devnet,
)


@click.group()
def devnet() -> None:
    """Start and stop a local chain and IPFS nodes, on loopback only."""


@devnet.command("up")
@click.option(
    "--devnet",
    "kind",
    type=click.Choice(KINDS),
    default="anvil",
    show_default=True,
    help="Chain node; Hardhat's forgets its history when it ends.",
)
@click.option(
    "--ipfs-nodes", type=click.IntRange(1, 32), default=1, show_default=True, help="How many."
)
@click.option("--any-ports", is_flag=True, help="Take any free ports, not 8545, 5001, 4001.")
@click.option("--reset", is_flag=True, help="Remove chain and blobs of last time first.")
@json_option
@click.pass_obj
def up(
    settings: Settings, kind: str, ipfs_nodes: int, any_ports: bool, reset: bool, as_json: bool
) -> None:
    """Start what does not run yet; history and blobs of last time are there again.

    \b
    fl-chain devnet up
    fl-chain devnet up --ipfs-nodes 2
    fl-chain devnet up --devnet hardhat --any-ports
    """
    if reset:
        before = read_devnet(settings.state)
        if before is not None and before.is_running:
            raise DevnetError(
                f"the devnet in {settings.state} runs", "stop it first with: fl-chain devnet down"
            )
        reset_devnet(settings.state)
    started = start_devnet(
        settings.state,
        kind=kind,
        num_ipfs_nodes=ipfs_nodes,
        any_ports=any_ports,
        on_step=lambda step: None if as_json else click.echo(step),
    )
    _show(started, as_json)


@devnet.command("down")
@click.pass_obj
def down(settings: Settings) -> None:
    """Stop the chain and the IPFS nodes; their state is kept."""
    click.echo("stopped" if stop_devnet(settings.state) else "nothing was running")


@devnet.command("status")
@json_option
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Show what runs, and where."""
    found = read_devnet(settings.state)
    if found is not None:
        _show(found, as_json)
    elif not as_json:
        click.echo(f"no devnet in {settings.state}; start one with: fl-chain devnet up")


@devnet.command("fund")
@click.argument("accounts", nargs=-1, required=True)
@rpc_option
@click.pass_obj
def fund_command(settings: Settings, accounts: tuple[str, ...], rpc: str | None) -> None:
    """Send devnet money to ACCOUNTS: names of keys, or addresses.

    \b
    fl-chain devnet fund coordinator alice bob
    """
    services = settings.services(rpc)
    addresses = [services.resolve_address(account) for account in accounts]
    fund(services.connect(), addresses)
    click.echo(f"{len(addresses)} funded")


def _show(shown: Devnet, as_json: bool) -> None:
    rows = [
        {
            "service": service.name,
            "address": service.address,
            "pid": service.process.pid,
            "is_running": service.process.is_running,
        }
        for service in shown.services
    ]
    if as_json:
        for row in rows:
            print_line(row)
    else:
        print_rows(rows, False, "")
