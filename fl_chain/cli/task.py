"""fl-chain task: create a task, admit participants, stop it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl_chain.cli.output import print_line, print_progress
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


@click.group()
def task() -> None:
    """Create a task, admit participants, stop it."""


@task.command("create")
@click.argument("task_file", type=click.Path(path_type=Path, dir_okay=False))
@key_options
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def create(
    settings: Settings,
    task_file: Path,
    key: str,
    password_file: Path | None,
    rpc: str | None,
    ipfs: str | None,
    as_json: bool,
) -> None:
    """Deploy the contracts of TASK_FILE, pin its manifest and genesis model.

    The key's holder becomes the coordinator, and the only aggregator unless the file lists others.

    \b
    fl-chain task create task.toml --key coordinator

    \b
    # task.toml, everything else has defaults (docs/how-to/run-a-task.md)
    name = "digits"
    participants = ["alice", "bob"]
    [recipe]
    model = "digits_mlp"
    data = "digits"
    [committee]                  # may be left out
    aggregators = ["carol", "dave", "erin"]
    quorum = 2                   # of them make a model final, or reject it
    bond_gwei = 1_000_000_000    # one ether each
    """
    from fl_chain.roles.coordinator import create_task
    from fl_chain.roles.task_file import read_task_file

    services = settings.services(rpc, ipfs)
    description = read_task_file(task_file, services.resolve_address)
    deployer = services.open_deployer(settings.open_key(services, key, password_file))
    with services.open_store() as store:
        created = create_task(description, deployer, store, print_progress(as_json))
    if as_json:
        print_line({"event": "created", **asdict(created)})
    else:
        click.echo(f"task {created.ledger}")


@task.command("project")
@click.argument("file", type=click.Path(path_type=Path))
@task_option
@rpc_option
@ipfs_option
@click.pass_obj
def project(settings: Settings, file: Path, task: str, rpc: str | None, ipfs: str | None) -> None:
    """Write what a task trains with to FILE: a Python file, or a Flower app, to a new directory.

    Read it before you run it.

    \b
    fl-chain task project --task 0x... project.py
    """
    from fl_chain.roles.follower import TaskFollower
    from fl_chain.roles.project_file import fetch_project

    services = settings.services(rpc, ipfs)
    with services.open_store() as store:
        follower = TaskFollower(services.open_ledger(task), store)
        cid = fetch_project(follower.manifest, store, file)
    click.echo(f"{file} is {cid}: read it before you run it")


@task.command("admit")
@click.argument("participants", nargs=-1, required=True)
@acts_on_task
@json_option
def admit(
    services: Services,
    task: str,
    account: LocalAccount,
    participants: tuple[str, ...],
    as_json: bool,
) -> None:
    """Enrol PARTICIPANTS in the task's registry and admit them.

    Only the registrar enrols. Only the coordinator admits, in an open task anybody.

    Each is the name of a key (fl-chain key list) or an address.

    \b
    fl-chain task admit alice bob --task 0x... --key coordinator
    """
    from fl_chain.roles.coordinator import admit_participants
    from fl_chain.roles.replay import replay

    addresses = tuple(map(services.resolve_address, participants))
    state, _ = replay(services.open_ledger(task))
    deployer = services.open_deployer(account)
    admit_participants(
        deployer, task, state.parameters.registry, addresses, print_progress(as_json)
    )


@task.command("succeed")
@click.argument("participant")
@acts_on_task
def succeed(
    services: Services,
    task: str,
    account: LocalAccount,
    participant: str,
) -> None:
    """Move PARTICIPANT's admission to the key that the registry names as its successor. Anybody.

    fl-chain participant run does it by itself for its own key.

    \b
    fl-chain task succeed alice --task 0x... --key alice-2
    """
    from fl_chain.protocol.actions import Succeed

    address = services.resolve_address(participant)
    services.open_ledger(task, account).send(Succeed(address))
    click.echo("succeeded")


@task.command("pause")
@click.argument("seconds", type=click.IntRange(0, 2**32 - 1))
@acts_on_task
def pause(
    services: Services,
    task: str,
    account: LocalAccount,
    seconds: int,
) -> None:
    """Open no further round for so many SECONDS; 0 ends a pause. Coordinator only.

    The round in progress goes on.

    \b
    fl-chain task pause 3600 --task 0x... --key coordinator
    """
    from fl_chain.protocol.actions import Pause

    services.open_ledger(task, account).send(Pause(seconds))
    click.echo(f"paused for {seconds} s" if seconds else "no longer paused")


@task.command("stop")
@acts_on_task
def stop(services: Services, task: str, account: LocalAccount) -> None:
    """End the task for good; the round in progress is aborted. Coordinator only."""
    from fl_chain.protocol.actions import Stop

    services.open_ledger(task, account).send(Stop())
    click.echo("stopped")
