"""fl-chain key: make and list keys."""

from __future__ import annotations

from pathlib import Path

import click

from fl_chain.cli.output import print_rows
from fl_chain.cli.settings import Settings, json_option


@click.group()
def key() -> None:
    """Make and list keys: encrypted files in the standard Ethereum format (V3)."""


@key.command("new")
@click.argument("name")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line is the password.  [default: ask]",
)
@click.pass_obj
def new(settings: Settings, name: str, password_file: Path | None) -> None:
    """Make the key NAME and print its address.

    \b
    fl-chain key new alice
    fl-chain key new alice --password-file /run/secrets/alice
    """
    password = settings.password(password_file, confirm=True)
    click.echo(settings.services().create_key(name, password))


@key.command("list")
@json_option
@click.pass_obj
def list_command(settings: Settings, as_json: bool) -> None:
    """List the keys and their addresses."""
    services = settings.services()
    rows = ({"name": name, "address": address} for name, address in services.list_keys())
    print_rows(rows, as_json, f"no keys in {services.keys}")
