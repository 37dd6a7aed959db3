"""fl-chain audit availability: which blobs can still be had."""

from __future__ import annotations

import sys
import time
from collections import Counter
from contextlib import ExitStack
from typing import Any

import click

from fl_chain.cli.history import open_task_history
from fl_chain.cli.output import count, print_line, print_rows
from fl_chain.cli.settings import Settings, json_option, rpc_option, task_option

OPTIONAL = ("kept_by", "recorded_at", "nodes_asked", "cid", "promised_until", "recorded_by")
EXIT_MISSING = 2


@click.command("availability")
@task_option
@rpc_option
@click.option(
    "--ipfs",
    metavar="MULTIADDR",
    multiple=True,
    help="IPFS node to ask; may be given several times.  [default: configuration, then devnet]",
)
@click.option(
    "--below",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Show blobs that fewer nodes have.",
)
@json_option
@click.pass_obj
def availability(
    settings: Settings,
    task: str,
    rpc: str | None,
    ipfs: tuple[str, ...],
    below: int,
    as_json: bool,
) -> int:
    """Show which blobs of a task can still be had, and from how many IPFS nodes.

    Each node answers for itself, with the bytes; one that is away is not asked. Exit code 0: every
    blob is somewhere. 2: some are nowhere, and an audit could not decide about them. Where the task
    asks for it (keep_seconds), whoever recorded a blob promised to keep it: until when, and by whom
    promises are broken.

    \b
    fl-chain audit availability --task 0x...
    fl-chain audit availability --task 0x... --ipfs /dns4/a/tcp/5001 --ipfs /dns4/b/tcp/5001
    """
    from fl_chain.roles.availability import list_availability, split_reachable

    services = settings.services(rpc)
    rows: list[dict[str, Any]] = []
    with (
        services.open_stores(ipfs) as stores,
        ExitStack() as stack,
    ):
        reachable, problems = split_reachable(stores.stores)
        for problem in problems:
            click.echo(f"not asked: {problem.message}", err=True)
        place = reachable[0].address if ipfs else None
        found = stack.enter_context(open_task_history(settings, task, rpc, place))
        for row in list_availability(found, reachable):
            rows.append(row)
            if as_json:
                print_line(row)
    missing = [row for row in rows if row["nodes"] == 0]
    if not as_json:
        scarce = [row for row in rows if row["nodes"] < below]
        if scarce:
            print_rows([_brief(row) for row in scarce], False, "", OPTIONAL)
            click.echo()
        by_count = Counter(row["nodes"] for row in rows)
        total = count(len(rows), "blob")
        spread = ", ".join(f"{by_count[n]} on {count(n, 'node')}" for n in sorted(by_count))
        click.echo(f"{total}: {spread}")
        if missing:
            click.echo(f"{count(len(missing), 'blob')} nowhere to be had", file=sys.stderr)
        for sender, number in Counter(map(_broken_by, missing)).items():
            if sender is not None:
                told = f"{sender} promised to keep {count(number, 'blob')} of these until later"
                click.echo(told, file=sys.stderr)
    return EXIT_MISSING if missing else 0


def _brief(row: dict[str, Any]) -> dict[str, Any]:
    shown = {**row, "kept_by": ", ".join(row["kept_by"]) or None}
    if shown["promised_until"] is None:
        del shown["promised_until"]  # all rows of a task alike
    return shown


def _broken_by(row: dict[str, Any]) -> str | None:
    """Return who broke a promise; None if the blob was not promised, or is no longer."""
    until = row["promised_until"]
    return row["recorded_by"] if until is not None and until > time.time() else None
