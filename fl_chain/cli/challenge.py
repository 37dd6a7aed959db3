"""fl-chain challenge: let the contract decide about what aggregators do wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl_chain.cli.output import print_progress
from fl_chain.cli.settings import (
    Settings,
    acts_on_task,
    ipfs_option,
    json_option,
    key_options,
    patience_option,
    rpc_option,
    task_option,
)

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from fl_chain.roles.services import Services


@click.group()
def challenge() -> None:
    """Watch aggregators, and let the contract decide."""


@challenge.command("run")
@task_option
@key_options
@click.option(
    "--inbox",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory where attestations arrive that aggregators signed, as *.json.",
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
    inbox: Path | None,
    patience: float,
    rpc: str | None,
    ipfs: str | None,
    as_json: bool,
) -> None:
    """Derive every proposed model, and win the dispute about a wrong one, until the task is over.

    Anybody may, with a deposit of as much as a bond. It challenges only what it can win: a value
    that does not follow from the updates, an update left out of the report, two results signed
    for one round. Half of the loser's money goes to the winner (fl-chain bond claim).

    \b
    fl-chain challenge run --task 0x... --key watcher
    """
    from fl_chain.roles.challenger import ChallengerRole

    services = settings.services(rpc, ipfs)
    account = settings.open_key(services, key, password_file)
    with services.open_journal(task, account) as journal, services.open_store() as store:
        ledger = services.open_ledger(task, account, journal)
        progress = print_progress(as_json)
        ChallengerRole(ledger, store, inbox, progress=progress, patience_seconds=patience).run()


@challenge.command("equivocation")
@click.argument("attestation", type=click.Path(path_type=Path, dir_okay=False), nargs=-1)
@acts_on_task
@json_option
def equivocation(
    services: Services,
    task: str,
    account: LocalAccount,
    attestation: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show that an aggregator signed two results for one round: half of its bond is yours.

    Each ATTESTATION is a file with what was signed. One is enough against what the aggregator has
    on record in the current round, two against each other.

    \b
    fl-chain challenge equivocation one.json other.json --task 0x... --key watcher
    """
    from fl_chain.roles.bonds import show_equivocation

    ledger = services.open_ledger(task, account)
    show_equivocation(ledger, attestation, print_progress(as_json))
