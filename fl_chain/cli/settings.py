"""Where a command finds its services: flags first, then fl-chain.toml, then the local devnet."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fl_chain.errors import UsageError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from fl_chain.remote_access import AccessFiles
    from fl_chain.roles.services import Services

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_CONFIG = Path("fl-chain.toml")
_WORDS: dict[type, str] = {str: "text", int: "whole number"}
_KNOWN: dict[str, dict[str, type]] = {
    "network": {"rpc": str, "chain_id": int, "ipfs": str},
    "keys": {"directory": str, "password_file": str},
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What applies when a flag does not say otherwise."""

    state: Path
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The configuration file's tables."""
    access: Mapping[str, AccessFiles] = field(default_factory=dict)
    """What opens remote endpoints, by their origins."""

    @classmethod
    def load(cls, state: Path, config: Path | None) -> Settings:
        """Read the configuration file, if there is one; it is never written.

        Raises
        ------
        UsageError
            Missing although named, not TOML, or an unknown or mistyped field.
        """
        path = config or DEFAULT_CONFIG
        if config is None and not path.exists():
            return cls(state)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is not TOML: {error}") from None
        access = values.pop("access", {})
        for table, entries in values.items():
            for name, value in entries.items() if isinstance(entries, dict) else [("", None)]:
                kind = _KNOWN.get(table, {}).get(name)
                if kind is None:
                    known = ", ".join(f"{t}.{n}" for t, names in _KNOWN.items() for n in names)
                    raise UsageError(f"{path}: unknown field {table}.{name}", f"known: {known}")
                if type(value) is not kind:
                    raise UsageError(f"{path}: {table}.{name} is no {_WORDS[kind]}")
        if not access:
            return cls(state, values)
        from fl_chain.remote_access import parse_access

        try:
            return cls(state, values, parse_access(access))
        except UsageError as error:
            raise UsageError(f"{path}: {error.message}", error.hint) from None

    def get(self, table: str, name: str) -> Any:
        """Return a field of the configuration file, None if it is not there."""
        return self.values.get(table, {}).get(name)

    def services(self, rpc: str | None = None, ipfs: str | None = None) -> Services:
        """Return the services that flags, configuration or devnet name."""
        from fl_chain.roles.services import Services

        directory = self.get("keys", "directory")
        return Services(
            self.state,
            rpc or self.get("network", "rpc") or "",
            ipfs or self.get("network", "ipfs") or "",
            self.get("network", "chain_id"),
            Path(directory) if directory else None,
            self.access,
        )

    def password(self, password_file: Path | None, *, confirm: bool = False) -> str:
        """Return the password from the file that flag or configuration names, or ask for it."""
        from fl_chain.roles.services import read_password

        path: Any = password_file or self.get("keys", "password_file")
        if path is not None:
            return read_password(Path(path))
        if not sys.stdin.isatty():
            raise UsageError(
                "no password for the key", "name a file with --password-file, or use a terminal"
            )
        answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=confirm)
        return answer

    def open_key(self, services: Services, name: str, password_file: Path | None) -> LocalAccount:
        """Open a key by its name in the key directory, or by its path."""
        path = services.locate_key(name)
        return services.open_key(path, self.password(password_file))

    def open_reader(
        self, services: Services, name: str | None, password_file: Path | None
    ) -> Mapping[bytes, bytes]:
        """Open the encryption keys of a key by its name; there are none without a name.

        Raises
        ------
        UsageError
            The key has no encryption keys.
        """
        if name is None:
            return {}
        services.locate_key(name)
        ring = services.open_key_ring(name, self.password(password_file))
        if not ring:
            raise UsageError(
                f"there is no encryption key beside the key {name}",
                "a reader that the task names has one, or makes it with:"
                " fl-chain registry set-encryption-key",
            )
        return ring


def check_address(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Return the address that an option names, in its one form."""
    from fl_chain.errors import MalformedBlob
    from fl_chain.protocol.address import parse_address

    try:
        return parse_address(value.lower())
    except MalformedBlob:
        raise click.BadParameter(f"{value[:80]!r} is no address (0x and 40 digits)") from None


def rpc_option(command: Command) -> Command:
    """Add --rpc."""
    text = "Chain node, http(s) URL.  [default: configuration, then devnet]"
    return click.option("--rpc", metavar="URL", help=text)(command)


def look_option(command: Command) -> Command:
    """Add --look-seconds."""
    return click.option(
        "--look-seconds",
        type=click.FloatRange(0.1, 3600),
        default=60,
        show_default=True,
        help="How long an IPFS node may look for content that it does not have.",
    )(command)


def ipfs_option(command: Command) -> Command:
    """Add --ipfs."""
    text = "IPFS node's API, multiaddr.  [default: configuration, then devnet]"
    return click.option("--ipfs", metavar="MULTIADDR", help=text)(command)


def project_options(command: Command) -> Command:
    """Add --project and --data."""
    text = "What load_data() of the project is to load."
    command = click.option("--data", type=click.Path(path_type=Path), help=text)(command)
    return click.option(
        "--project",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Your copy of the Python file that the task trains with, if it has one.",
    )(command)


def task_option(command: Command) -> Command:
    """Add --task."""
    return click.option(
        "--task",
        metavar="ADDRESS",
        required=True,
        callback=check_address,
        help="The task's RoundLedger contract.",
    )(command)


def password_option(command: Command) -> Command:
    """Add --password-file."""
    return click.option(
        "--password-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File whose first line is the key's password.  [default: ask]",
    )(command)


def reader_option(command: Command) -> Command:
    """Add --reader; the command has --password-file."""
    text = "Key whose encryption keys open sealed updates: of an aggregator, or a named auditor."
    return click.option("--reader", metavar="NAME", help=text)(command)


def key_options(command: Command) -> Command:
    """Add --key and --password-file."""
    return click.option(
        "--key", metavar="NAME", required=True, help="Name of a key (fl-chain key list) or path."
    )(password_option(command))


def patience_option(command: Command) -> Command:
    """Add --patience."""
    return click.option(
        "--patience",
        type=click.FloatRange(0),
        default=60.0,
        show_default=True,
        help="Seconds to wait for a chain or IPFS node that is away, before giving up.",
    )(command)


def json_option(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")(command)


def acts_on_task(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of what a key does in a task: services, task and account are handed over."""

    def run(
        settings: Settings,
        /,
        task: str,
        key: str,
        password_file: Path | None,
        rpc: str | None,
        **options: Any,
    ) -> None:
        services = settings.services(rpc)
        account = settings.open_key(services, key, password_file)
        command(services, task, account, **options)

    update_wrapper(run, command)
    return task_option(key_options(rpc_option(click.pass_obj(run))))
