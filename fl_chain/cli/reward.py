"""fl-chain reward: what updates earn, from a task's pot."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl_chain.cli.output import print_progress, print_rows
from fl_chain.cli.settings import (
    Settings,
    acts_on_task,
    ipfs_option,
    json_option,
    key_options,
    rpc_option,
    task_option,
)

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from fl_chain.roles.services import Services

WEI_PER_ETHER = 10**18


def _read_wei(context: click.Context, parameter: click.Parameter, ether: str) -> int:
    try:
        wei = Decimal(ether) * WEI_PER_ETHER
    except InvalidOperation:
        raise click.BadParameter(f"{ether!r} is no number") from None
    if not wei.is_finite() or wei <= 0 or wei != int(wei):
        raise click.BadParameter("an amount is above 0, with at most 18 decimals")
    return int(wei)


@click.group()
def reward() -> None:
    """Fund a task's pot, and have paid what updates earned."""


@reward.command("fund")
@click.argument("ether", callback=_read_wei)
@acts_on_task
@json_option
def fund(
    services: Services,
    task: str,
    account: LocalAccount,
    ether: int,
    as_json: bool,
) -> None:
    """Add ETHER to what the updates of rounds to come earn. Anybody.

    What is left when the task is over goes back to its coordinator.

    \b
    fl-chain reward fund 0.5 --task 0x... --key sponsor
    """
    from fl_chain.roles.rewards import fund_pot

    fund_pot(services.open_ledger(task, account), ether, print_progress(as_json))


@reward.command("list")
@task_option
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def list_(settings: Settings, task: str, rpc: str | None, ipfs: str | None, as_json: bool) -> None:
    """List what each update earned, and whether it is paid.

    \b
    fl-chain reward list --task 0x...
    """
    from fl_chain.roles.follower import TaskFollower
    from fl_chain.roles.rewards import list_rewards

    services = settings.services(rpc, ipfs)
    with services.open_store() as store:
        follower = TaskFollower(services.open_ledger(task), store)
        follower.refresh()
        print_rows(list_rewards(follower, store), as_json, "no round has a reward yet")


@reward.command("pay")
@task_option
@key_options
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def pay(
    settings: Settings,
    task: str,
    key: str,
    password_file: Path | None,
    rpc: str | None,
    ipfs: str | None,
    as_json: bool,
) -> None:
    """Have paid what rounds earned, 32 updates a transaction. Anybody, for all.

    Each participant claims what is due to it with fl-chain bond claim.

    \b
    fl-chain reward pay --task 0x... --key alice
    """
    from fl_chain.roles.follower import TaskFollower
    from fl_chain.roles.rewards import pay_rewards

    services = settings.services(rpc, ipfs)
    account = settings.open_key(services, key, password_file)
    with services.open_store() as store:
        follower = TaskFollower(services.open_ledger(task, account), store)
        follower.refresh()
        if not pay_rewards(follower, store, print_progress(as_json)) and not as_json:
            click.echo("nothing is left to pay")


@reward.command("reclaim")
@acts_on_task
@json_option
def reclaim(services: Services, task: str, account: LocalAccount, as_json: bool) -> None:
    """Take back what is left in the pot of a task that is over. Its coordinator.

    It can be claimed then: fl-chain bond claim.

    \b
    fl-chain reward reclaim --task 0x... --key coordinator
    """
    from fl_chain.roles.rewards import reclaim_pot

    reclaim_pot(services.open_ledger(task, account), print_progress(as_json))
