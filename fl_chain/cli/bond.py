"""fl-chain bond: bonds of aggregators, and what is due to whom."""

from __future__ import annotations

from pathlib import Path

import click

from fl_chain.cli.output import print_progress
from fl_chain.cli.settings import Settings, json_option, key_options, rpc_option, task_option


@click.group()
def bond() -> None:
    """Take out bonds, and claim what is due."""


@bond.command("withdraw")
@task_option
@key_options
@rpc_option
@json_option
@click.pass_obj
def withdraw(
    settings: Settings,
    task: str,
    key: str,
    password_file: Path | None,
    rpc: str | None,
    as_json: bool,
) -> None:
    """Take an aggregator's bond out, once the task has been over for the challenge window.

    \b
    fl-chain bond withdraw --task 0x... --key coordinator
    """
    from fl_chain.roles.bonds import withdraw_bond

    services = settings.services(rpc)
    account = settings.open_key(services, key, password_file)
    withdraw_bond(services.open_ledger(task, account), print_progress(as_json))


@bond.command("claim")
@task_option
@key_options
@rpc_option
@json_option
@click.pass_obj
def claim(
    settings: Settings,
    task: str,
    key: str,
    password_file: Path | None,
    rpc: str | None,
    as_json: bool,
) -> None:
    """Have paid out what a task owes to a key: won in disputes, or got back.

    \b
    fl-chain bond claim --task 0x... --key watcher
    """
    from fl_chain.roles.bonds import claim_payout

    services = settings.services(rpc)
    account = settings.open_key(services, key, password_file)
    claim_payout(services.open_ledger(task, account), print_progress(as_json))
