"""fl-chain registry: who may take part, and under which key."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, TypeVar

import click

from fl_chain.cli.output import print_line, print_progress, print_rows
from fl_chain.cli.settings import Settings, ipfs_option, json_option, key_options, rpc_option
from fl_chain.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])

PARTICIPANTS_OPTIONAL = ("encryption_key", "bond_wei", "ended_at", "enrolled_at")
MAX_GWEI = (2**96 - 1) // 10**9


def registry_options(command: Command) -> Command:
    """Add --registry and --task, of which one names the registry."""
    command = click.option(
        "--task", metavar="ADDRESS", help="A task whose registry it is, in place of --registry."
    )(command)
    return click.option("--registry", metavar="ADDRESS", help="The ParticipantRegistry contract.")(
        command
    )


class Place:
    """Where a command finds its registry, and with which key; what every verb has in common."""

    def __init__(
        self,
        settings: Settings,
        rpc: str | None,
        registry: str | None,
        task: str | None,
        key: str = "",
        password_file: Path | None = None,
    ) -> None:
        self.settings = settings
        self.rpc = rpc
        self.services = settings.services(rpc)
        self.key = key
        self.password_file = password_file
        self._registry = registry
        self._task = task

    def open(self, password: str | None = None) -> Any:
        """Open the registry, to send to with the key if there is one; ask for no known password."""
        if (self._registry is None) == (self._task is None):
            raise UsageError("name the registry", "with --registry, or with --task")
        address = self._registry or self._registry_of(str(self._task))
        account = None
        if self.key:
            if password is None:
                password = self.settings.password(self.password_file)
            account = self.services.open_key(self.services.locate_key(self.key), password)
        return self.services.open_registry(self.services.resolve_address(address), account)

    def _registry_of(self, task: str) -> str:
        from fl_chain.roles.replay import replay

        ledger = self.services.open_ledger(self.services.resolve_address(task))
        return replay(ledger)[0].parameters.registry


def acts_on_registry(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of what a key does in a registry: its place is handed over."""

    def run(
        settings: Settings,
        /,
        registry: str | None,
        task: str | None,
        key: str,
        password_file: Path | None,
        rpc: str | None,
        **options: Any,
    ) -> None:
        command(Place(settings, rpc, registry, task, key, password_file), **options)

    update_wrapper(run, command)
    return registry_options(key_options(rpc_option(json_option(click.pass_obj(run)))))


@click.group()
def registry() -> None:
    """Enrol, leave, and change keys."""


@registry.command("create")
@key_options
@click.option(
    "--bond-gwei",
    type=click.IntRange(0, MAX_GWEI),
    default=0,
    show_default=True,
    help="What anybody deposits to enrol itself, in 10^9 wei; 0 if only the registrar enrols.",
)
@click.option(
    "--leave-seconds",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Time between leaving and claiming the bond.",
)
@rpc_option
@json_option
@click.pass_obj
def create(
    settings: Settings,
    key: str,
    password_file: Path | None,
    bond_gwei: int,
    leave_seconds: int,
    rpc: str | None,
    as_json: bool,
) -> None:
    """Deploy a registry; the key's holder becomes its registrar.

    \b
    fl-chain registry create --key registrar
    fl-chain registry create --key registrar --bond-gwei 50000000 --leave-seconds 86400
    """
    services = settings.services(rpc)
    deployer = services.open_deployer(settings.open_key(services, key, password_file))
    address = deployer.deploy_registry(bond_gwei * 10**9, leave_seconds)
    if as_json:
        print_line({"event": "created", "registry": address})
    else:
        click.echo(f"registry {address}")


@registry.command("show")
@registry_options
@rpc_option
@json_option
@click.pass_obj
def show(
    settings: Settings, registry: str | None, task: str | None, rpc: str | None, as_json: bool
) -> None:
    """List who is or was enrolled, and under which keys.

    \b
    fl-chain registry show --task 0x...
    """
    from fl_chain.roles.registry import list_participants

    rows = list_participants(Place(settings, rpc, registry, task).open().replay())
    print_rows(rows, as_json, "nobody is enrolled", PARTICIPANTS_OPTIONAL)


@registry.command("enrol")
@click.argument("participants", nargs=-1)
@click.option("--with-bond", is_flag=True, help="Enrol the key's own holder, with the bond.")
@acts_on_registry
def enrol(
    place: Place,
    participants: tuple[str, ...],
    with_bond: bool,
    as_json: bool,
) -> None:
    """Enrol PARTICIPANTS as the registrar, or oneself with a bond.

    Each is the name of a key (fl-chain key list) or an address.

    \b
    fl-chain registry enrol alice bob --registry 0x... --key registrar
    fl-chain registry enrol --with-bond --registry 0x... --key carol
    """
    from fl_chain.roles import registry as roles

    if with_bond == bool(participants):
        raise UsageError("nobody to enrol", "name participants, or say --with-bond")
    opened, progress = place.open(), print_progress(as_json)
    if with_bond:
        roles.enrol_with_bond(opened, progress)
    else:
        addresses = tuple(map(place.services.resolve_address, participants))
        roles.enrol(opened, addresses, progress)


@registry.command("revoke")
@click.argument("participants", nargs=-1, required=True)
@acts_on_registry
def revoke(
    place: Place,
    participants: tuple[str, ...],
    as_json: bool,
) -> None:
    """Revoke PARTICIPANTS for good; their bonds are lost, and nobody gets them. Registrar only.

    \b
    fl-chain registry revoke mallory --registry 0x... --key registrar
    """
    from fl_chain.roles import registry as roles

    addresses = tuple(map(place.services.resolve_address, participants))
    roles.revoke(place.open(), addresses, print_progress(as_json))


@registry.command("leave")
@acts_on_registry
def leave(place: Place, as_json: bool) -> None:
    """End the key's own enrolment for good. The bond can be claimed a while later.

    \b
    fl-chain registry leave --registry 0x... --key carol
    """
    from fl_chain.roles import registry as roles

    opened = place.open()
    roles.leave(opened, print_progress(as_json))


@registry.command("claim-bond")
@acts_on_registry
def claim_bond(place: Place, as_json: bool) -> None:
    """Have the enrolment bond paid back, once the wait after leaving is over.

    \b
    fl-chain registry claim-bond --registry 0x... --key carol
    """
    from fl_chain.roles import registry as roles

    opened = place.open()
    roles.claim_bond(opened, print_progress(as_json))


@registry.command("accept")
@click.argument("participant")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("acceptance.json"),
    show_default=True,
    help="File for whoever rotates the key.",
)
@acts_on_registry
def accept(
    place: Place,
    participant: str,
    output: Path,
    as_json: bool,
) -> None:
    """Sign, with the new key, that it takes the place of PARTICIPANT's. Costs nothing.

    \b
    fl-chain key new alice-2
    fl-chain registry accept alice --registry 0x... --key alice-2
    fl-chain registry rotate acceptance.json --registry 0x... --key alice
    """
    from fl_chain.roles.registry import accept_succession

    address = place.services.resolve_address(participant)
    accept_succession(place.open(), address, output, print_progress(as_json))


@registry.command("rotate")
@click.argument("acceptance", type=click.Path(path_type=Path, dir_okay=False))
@acts_on_registry
def rotate(
    place: Place,
    acceptance: Path,
    as_json: bool,
) -> None:
    """Put the key that signed ACCEPTANCE in the old key's place, for good.

    --key is the old key, and the bond moves along; or the registrar's if the old key is lost, and
    the bond stays with the old key.

    \b
    fl-chain registry rotate acceptance.json --registry 0x... --key alice
    """
    from fl_chain.roles.registry import rotate_key

    opened = place.open()
    rotate_key(opened, acceptance, print_progress(as_json))


@registry.command("set-encryption-key")
@click.option(
    "--public-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file of a key pair that was made elsewhere; its secret is not needed.",
)
@click.option("--new", "is_new", is_flag=True, help="Replace the key pair that there is.")
@ipfs_option
@acts_on_registry
def set_encryption_key(
    place: Place,
    public_key: Path | None,
    is_new: bool,
    ipfs: str | None,
    as_json: bool,
) -> None:
    """Name the key with which others encrypt to whoever holds --key, and pin it.

    Without --public-key, a key pair is made and kept beside the signing key, under the same
    password, unless there is one. With --new it is made in any case; the former one still opens
    what was encrypted to it.

    \b
    fl-chain registry set-encryption-key --registry 0x... --key alice
    fl-chain registry set-encryption-key --task 0x... --key alice --new
    """
    if is_new and public_key is not None:
        raise click.UsageError("--new and --public-key exclude each other")
    from fl_chain.roles import registry as roles

    services = place.settings.services(place.rpc, ipfs)
    password = place.settings.password(place.password_file)
    opened = place.open(password)
    path = public_key or place.services.locate_encryption_key(place.key)
    progress = print_progress(as_json)
    with services.open_store() as store:
        if public_key is None:
            made = roles.make_encryption_key(path, password, is_new=is_new)
        else:
            made = roles.read_public_key_of(path)
        roles.set_encryption_key(opened, store, made, progress)
