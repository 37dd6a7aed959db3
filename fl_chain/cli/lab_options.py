"""Options that commands of the laboratory share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

MODES = ("open", "sealed", "masked", "noised")

Command = TypeVar("Command", bound=Callable[..., Any])

html_option = click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a report to this file."
)


def mode_options(modes: str, group_size: int, clipped: str) -> Callable[[Command], Command]:
    """Return a decorator: which modes are attacked, with which groups, and how much noise.

    Parameters
    ----------
    modes
        What the modes are, for the help.
    group_size
        Default of it.
    clipped
        What is clipped where there is noise, for the help.
    """
    options = (
        click.option("--modes", default=",".join(MODES), show_default=True, help=modes),
        click.option(
            "--group-size",
            type=click.IntRange(3, 64),
            default=group_size,
            show_default=True,
            help="Of groups of masked updates.",
        ),
        click.option(
            "--noise-multiplier",
            type=click.FloatRange(0, min_open=True),
            default=1.0,
            show_default=True,
            help=f"Deviation of the noise, over the norm that {clipped} are clipped to.",
        ),
        click.option(
            "--max-grad-norm",
            type=click.FloatRange(0, min_open=True),
            default=1.0,
            show_default=True,
            help="That norm, of each example's gradient.",
        ),
    )

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
