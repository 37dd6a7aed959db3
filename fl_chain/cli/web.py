"""fl-chain web: pages for auditors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from fl_chain.cli.settings import Settings, check_address, ipfs_option, rpc_option
from fl_chain.errors import UsageError


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. Others can read along if it is not a loopback address.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8480, show_default=True)
@click.option(
    "--task",
    metavar="ADDRESS",
    multiple=True,
    callback=lambda context, parameter, value: tuple(
        check_address(context, parameter, entry) for entry in value
    ),
    help="Show and audit this task only; may be given several times.  [default: all on the chain]",
)
@click.option("--open", "is_opened", is_flag=True, help="Open the first page in a browser.")
@rpc_option
@ipfs_option
@click.pass_obj
def web(
    settings: Settings,
    host: str,
    port: int,
    task: tuple[str, ...],
    is_opened: bool,
    rpc: str | None,
    ipfs: str | None,
) -> None:
    """Show tasks, rounds, updates and models in a browser, with the verdict of the audit beside.

    Every model is audited in the background as it comes on record. Nothing can be changed from the
    pages. Ctrl-C ends it.

    \b
    fl-chain web
    fl-chain web --task 0x... --port 9000 --open
    """
    with page_libraries():
        from fl_chain.web.server import open_explorer
    services = settings.services(rpc, ipfs)
    services.connect()  # a chain node that is away is said here, and not on every page only
    with open_explorer(services, host, port, task) as explorer:
        click.echo(f"explorer at {explorer.url}  (Ctrl-C ends it)")
        if explorer.is_public:
            click.echo("it listens beyond this machine: whoever reaches it can read all of it")
        if is_opened:
            click.launch(explorer.url)
        try:
            explorer.serve()
        except KeyboardInterrupt:
            click.echo("stopped")


@contextmanager
def page_libraries() -> Iterator[None]:
    """Say what to install where the pages cannot be imported for want of a library.

    Raises
    ------
    UsageError
        A library is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the pages need {error.name}, which is not installed",
            "install them with: pip install 'fl_chain[web]'",
        ) from None
