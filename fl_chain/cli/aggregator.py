"""fl-chain aggregator: aggregate the updates of a task."""

from __future__ import annotations

from contextlib import ExitStack
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

CHEATS = ("wrong-model", "omit", "equivocate", "silent-aggregator")


@click.group()
def aggregator() -> None:
    """Aggregate the updates of a task."""


@aggregator.command("run")
@task_option
@key_options
@click.option(
    "--intake-port",
    type=click.IntRange(0, 65535),
    help="Take signed updates on this port, 0 for any, and list them; for tasks with lists.",
)
@patience_option
@click.option("--cheat", type=click.Choice(CHEATS), hidden=True)  # fl-chain demo run --cheat
@click.option(
    "--outbox", type=click.Path(path_type=Path, file_okay=False), default=".", hidden=True
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
    intake_port: int | None,
    patience: float,
    cheat: str | None,
    outbox: Path,
    rpc: str | None,
    ipfs: str | None,
    as_json: bool,
) -> None:
    """Derive every round, and propose its model or attest to it, until the task is over.

    Deposits the bond that the task asks for. Killed and started again, it derives the same bytes.

    \b
    fl-chain aggregator run --task 0x... --key coordinator

    In a task with lists it records what participants hand in to it as one list in each round, and
    pays for that. It listens on this machine alone: put a proxy with TLS in front of it for others.

    
    fl-chain aggregator run --task 0x... --key coordinator --intake-port 7401
    fl-chain participant run --task 0x... --key alice --relay http://127.0.0.1:7401
    """
    from fl_chain.roles.cheats import make_aggregator
    from fl_chain.roles.examination import FETCHES_AT_ONCE
    from fl_chain.roles.follower import TaskFollower
    from fl_chain.roles.intake import Intake
    from fl_chain.roles.thread_crew import ThreadCrew

    progress = print_progress(as_json)
    services = settings.services(rpc, ipfs)
    password = settings.password(password_file)
    account = services.open_key(services.locate_key(key), password)
    keys = services.open_key_ring(key, password)
    with services.open_journal(task, account) as journal, services.open_store() as store:
        ledger = services.open_ledger(task, account, journal)
        options = {"progress": progress, "patience_seconds": patience, "keys": keys}
        with ExitStack() as stack:
            options["map_at_once"] = stack.enter_context(ThreadCrew(FETCHES_AT_ONCE)).map
            if intake_port is not None:
                follower = TaskFollower(services.open_ledger(task), store)
                options["intake"] = intake = Intake(follower, is_for_lists=True)
                stack.enter_context(intake.served(intake_port, progress))
            make_aggregator(cheat, outbox, ledger, store, journal, **options).run()
