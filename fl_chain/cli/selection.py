"""The flags that select a part of a history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from fl_chain.roles.services import Services
    from fl_chain.roles.task_history import Selection

Command = TypeVar("Command", bound=Callable[..., Any])
LAST_ROUND = 2**32
LAST_SECOND = 2**62


def parse_moment(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> int | None:
    """Return seconds since the epoch of a time of ISO 8601, in UTC unless it says otherwise."""
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text[:80]!r} is no time (2026-11-26, 2026-11-26T12:00:00Z, seconds since 1970)"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(int(moment.timestamp()), 0)


def parse_rounds(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[int, int] | None:
    """Return the first and the last round of 3, 3-7, 3- or -7."""
    if text is None:
        return None
    first, dash, last = text.partition("-")
    numbers = [number for number in (first, last) if number]
    if not numbers or not all(n.isascii() and n.isdigit() and len(n) <= 10 for n in numbers):
        raise click.BadParameter(f"{text[:80]!r} is no round or range (3, 3-7, 3-, -7)")
    if not dash:
        return int(first), int(first)
    return int(first or 0), int(last) if last else LAST_ROUND


def selection_options(command: Command) -> Command:
    """Add --round, --since and --until."""
    for name, text in (
        ("--until", "No later than this block time."),
        ("--since", "No earlier than this block time: 2026-11-26T12:00:00Z, or seconds."),
    ):
        command = click.option(name, metavar="TIME", callback=parse_moment, help=text)(command)
    return click.option(
        "--round",
        "rounds",
        metavar="ROUNDS",
        callback=parse_rounds,
        help="Only these: 3, 3-7, 3- or -7.",
    )(command)


def participant_option(command: Command) -> Command:
    """Add --participant."""
    return click.option(
        "--participant", metavar="NAME", help="Name of a key (fl-chain key list) or address."
    )(command)


def make_selection(
    services: Services,
    rounds: tuple[int, int] | None,
    since: int | None,
    until: int | None,
    participant: str | None = None,
) -> Selection:
    """Return what the flags select."""
    from fl_chain.roles.task_history import Selection

    first, last = rounds or (0, LAST_ROUND)
    return Selection(
        first,
        last,
        services.resolve_address(participant) if participant else "",
        since or 0,
        until if until is not None else LAST_SECOND,
    )
