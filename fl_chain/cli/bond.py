"""fl-chain bond: bonds of aggregators, and what is due to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fl_chain.cli.output import print_progress
from fl_chain.cli.settings import acts_on_task, json_option

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from fl_chain.roles.services import Services


@click.group()
def bond() -> None:
    """Take out bonds, and claim what is due."""


@bond.command("withdraw")
@acts_on_task
@json_option
def withdraw(services: Services, task: str, account: LocalAccount, as_json: bool) -> None:
    """Take an aggregator's bond out, once the task has been over for the challenge window.

    \b
    fl-chain bond withdraw --task 0x... --key coordinator
    """
    from fl_chain.roles.bonds import withdraw_bond

    withdraw_bond(services.open_ledger(task, account), print_progress(as_json))


@bond.command("claim")
@acts_on_task
@json_option
def claim(services: Services, task: str, account: LocalAccount, as_json: bool) -> None:
    """Have paid out what a task owes to a key: won in disputes, or got back.

    \b
    fl-chain bond claim --task 0x... --key watcher
    """
    from fl_chain.roles.bonds import claim_payout

    claim_payout(services.open_ledger(task, account), print_progress(as_json))
