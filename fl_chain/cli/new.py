"""fl-chain new: a project to start from."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def new(directory: Path) -> None:
    """Make DIRECTORY with a project of your own that runs at once: model, data, task, and a README.

    \b
    fl-chain new fish
    """
    from fl_chain.roles.new_project import make_project

    for path in make_project(directory):
        click.echo(path)
    click.echo(f"{directory / 'README.md'} says what to do next")
