"""fl-chain participant: take part in a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl_chain.cli.output import print_progress, print_rows
from fl_chain.cli.settings import (
    Settings,
    ipfs_option,
    json_option,
    key_options,
    password_option,
    patience_option,
    project_options,
    reader_option,
    rpc_option,
    task_option,
)

if TYPE_CHECKING:
    from fl_chain.roles.join import LocalData

PARTITIONERS = ("iid", "dirichlet", "natural", "shard")
METERS = ("cpu-time", "codecarbon", "none")


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what says on which data somebody trains; the command takes it as ``local``."""

    @wraps(command)
    def collect(*arguments: Any, **options: Any) -> Any:
        from fl_chain.roles.join import LocalData

        local = LocalData(**{each.name: options.pop(each.name) for each in fields(LocalData)})
        return command(*arguments, local=local, **options)

    path = click.Path(path_type=Path, file_okay=False)
    help_of_flower = "Your copy of the Flower app that the task trains with: a directory."
    wrapped: Callable[..., Any] = collect
    for option in (
        click.option("--flower", type=path, metavar="DIRECTORY", help=help_of_flower),
        project_options,
        click.option(
            "--alpha", type=click.FloatRange(0, min_open=True), help="Concentration of dirichlet."
        ),
        click.option(
            "--partitioner", type=click.Choice(PARTITIONERS), default="iid", show_default=True
        ),
        click.option("--num-partitions", type=click.IntRange(1), default=1, show_default=True),
        click.option("--partition-id", type=click.IntRange(0), default=0, show_default=True),
    ):
        wrapped = option(wrapped)
    return wrapped


@click.group()
def participant() -> None:
    """Take part in a task: train locally, pin and record every update."""


@participant.command("run")
@task_option
@key_options
@data_options
@click.option(
    "--relay", metavar="URL", help="Hand updates to this relay, which pays.  [default: send them]"
)
@click.option(
    "--energy",
    type=click.Choice(METERS),
    default=METERS[0],
    show_default=True,
    help="Where the energy in measurements comes from; codecarbon is the extra [energy].",
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
    local: LocalData,
    relay: str | None,
    energy: str,
    patience: float,
    rpc: str | None,
    ipfs: str | None,
    as_json: bool,
) -> None:
    """Train in every round until the task is over.

    Killed and started again, it continues where it was; nobody submits twice. The data set that
    the task names is divided among --num-partitions participants; this one trains on its part. With
    the natural partitioner that is the part of one silo, such as a hospital. A task with a project
    of its own trains on what load_data() of that file returns; one with a Flower app on what that
    loads for the partition.

    \b
    fl-chain participant run --task 0x... --key alice --partition-id 0 --num-partitions 10
    fl-chain participant run --task 0x... --key alice --project project.py --data alice.csv
    fl-chain participant run --task 0x... --key alice --flower app --num-partitions 10
    fl-chain participant run --task 0x... --key alice --relay http://127.0.0.1:7400
    """
    from fl_chain.roles.join import open_trainer
    from fl_chain.roles.local_work import open_meter
    from fl_chain.roles.participant import ParticipantRole

    progress = print_progress(as_json)
    services = settings.services(rpc, ipfs)
    password = settings.password(password_file)
    account = services.open_key(services.locate_key(key), password)
    with services.open_journal(task, account) as journal, services.open_store() as store:
        ledger = services.open_ledger(task, account, journal)
        trainer = open_trainer(
            ledger,
            store,
            local,
            patience_seconds=patience,
            progress=progress,
        )
        role = ParticipantRole(
            ledger,
            store,
            trainer,
            journal,
            keys=services.open_key_ring(key, password),
            relay=services.open_relay(relay) if relay else None,
            meter=open_meter(energy),
            progress=progress,
            patience_seconds=patience,
        )
        role.run()


@participant.command("replay")
@task_option
@click.option("--key", "name", metavar="NAME", required=True, help="Name of a key, or an address.")
@click.option("--round", "round_number", type=click.IntRange(1), help="[default: all]")
@data_options
@reader_option
@password_option
@patience_option
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def replay(
    settings: Settings,
    task: str,
    name: str,
    round_number: int | None,
    local: LocalData,
    reader: str | None,
    password_file: Path | None,
    patience: float,
    rpc: str | None,
    ipfs: str | None,
    as_json: bool,
) -> int:
    """Train again on one's own data, and hold what comes of it against the record.

    For those who may see the data: the same data, packages and kind of processor give the same
    bytes. It sends nothing. In tasks that are sealed or ask for noise it takes the password of
    --key, from which chance follows; with --reader, which opens sealed updates, that of both. Exit
    codes: 0 all the same, 1 an update differs, 2 an update cannot be had.

    \b
    fl-chain participant replay --task 0x... --key alice --partition-id 0 --num-partitions 10
    fl-chain participant replay --task 0x... --key alice --project project.py --data alice.csv
    """
    from fl_chain.roles.follower import TaskFollower
    from fl_chain.roles.join import open_trainer
    from fl_chain.roles.progress import ignore_progress
    from fl_chain.roles.replay_training import replay_training

    services = settings.services(rpc, ipfs)
    address = services.resolve_address(name)
    keys = settings.open_reader(services, reader, password_file)
    account = None
    if password_file is not None:
        account = settings.open_key(services, name, password_file)
    with services.open_store() as store:
        ledger = services.open_ledger(task, account)
        trainer = open_trainer(
            ledger,
            store,
            local,
            patience_seconds=patience,
            progress=ignore_progress,
        )
        follower = TaskFollower(ledger, store)
        follower.refresh()
        rows = []
        for row in replay_training(follower, store, trainer, address, round_number, keys):
            rows.append(row)
            if as_json:
                print_rows([row], as_json, "")
    if not as_json:
        print_rows(rows, as_json, "", ("differing",))
    if any(row["is_same"] is False for row in rows):
        return 1
    return 2 if any(row["is_same"] is None for row in rows) else 0
