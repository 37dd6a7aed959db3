"""fl-chain audit explain: what a check means, what it assumes, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from fl_chain.audit.catalogue import CATALOGUE, Check, find_check
from fl_chain.cli.output import print_line, print_rows
from fl_chain.cli.settings import json_option

_INDENT = 2


@click.command("explain")
@click.argument("check", required=False)
@json_option
def explain(check: str | None, as_json: bool) -> None:
    """Say what CHECK means, what it assumes, and what to do if it does not pass.

    Without CHECK, list all of them.

    \b
    fl-chain audit explain
    fl-chain audit explain aggregate
    """
    if check is not None:
        found = find_check(check)
        if as_json:
            print_line(asdict(found))
        else:
            click.echo(describe(found))
    elif as_json:
        for entry in CATALOGUE:
            print_line(asdict(entry))
    else:
        rows: list[dict[str, Any]] = [
            {"check": entry.name, "says_that": entry.title} for entry in CATALOGUE
        ]
        print_rows(rows, False, "")


def explain_and_exit(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """Say what a check means in place of running the command."""
    if value is not None:
        click.echo(describe(find_check(value)))
        context.exit()
    return value


def describe(check: Check) -> str:
    """Return a check in paragraphs."""
    undecidable = check.on_undecidable or "does not occur: the evidence is always there"
    parts = (
        ("PASS", check.meaning),
        ("It assumes", f"{check.assumes}."),
        ("FAIL", f"{check.on_fail}."),
        ("UNDECIDABLE", f"{undecidable}."),
        ("Rules", f"docs/spec.md, section {check.section}."),
    )
    indent = " " * _INDENT
    paragraphs = [
        click.wrap_text(text, 78, f"{indent}{heading}: ", indent * 2) for heading, text in parts
    ]
    return "\n".join([f"{check.name}: {check.title}", *paragraphs])
