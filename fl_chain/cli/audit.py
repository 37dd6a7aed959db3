"""fl-chain audit: re-derive every model of a task from chain and IPFS."""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.text import Text

from fl_chain.audit.findings import EXIT_CODES, Finding, Verdict, compute_verdict
from fl_chain.cli.audit_availability import availability
from fl_chain.cli.audit_statements import list_, record, show
from fl_chain.cli.output import console, format_finding, print_line, terminal_width
from fl_chain.cli.settings import Settings, json_option, rpc_option, task_option

_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.UNDECIDABLE: "yellow"}


@click.group()
def audit() -> None:
    """Re-derive every model of a task from chain and IPFS, trusting neither."""


@audit.command("run")
@task_option
@click.option("--round", "only_round", type=click.IntRange(1), help="Re-execute this round only.")
@rpc_option
@click.option(
    "--ipfs",
    metavar="MULTIADDR",
    multiple=True,
    help="IPFS node's API; may be given several times, then every copy is checked."
    "  [default: configuration, then every node of the devnet]",
)
@json_option
@click.pass_obj
def run(
    settings: Settings,
    task: str,
    only_round: int | None,
    rpc: str | None,
    ipfs: tuple[str, ...],
    as_json: bool,
) -> int:
    """Check contracts, history, manifest, and every round's updates, model and report.

    Exit code 0: every check passed. 1: a check failed. 2: nothing failed, but evidence is missing.
    3: the audit could not run.

    \b
    fl-chain audit run --task 0x...
    fl-chain audit run --task 0x... --round 3 --json
    """
    from fl_chain.roles.auditor import audit_task

    terminal, width = console(), terminal_width()

    def show(finding: Finding) -> None:
        if as_json:
            print_line(asdict(finding))
            return
        place = f"round {finding.round}" if finding.round is not None else "task"
        style = _STYLES[finding.verdict]
        head, *more = format_finding(
            f"{finding.verdict:<11}  {place:<9} {finding.check:<17}",
            finding.detail,
            finding.expected,
            finding.actual,
            width,
        )
        line = Text(head)
        line.stylize(style, 0, len(finding.verdict))
        terminal.print(line, soft_wrap=True)
        for text in more:
            terminal.print(Text(text), soft_wrap=True)

    services = settings.services(rpc)
    connection = services.connect()
    with services.open_stores(ipfs) as store:
        findings = audit_task(connection, task, store, only_round, show)
    verdict = compute_verdict(findings)
    counts = {v: sum(f.verdict == v for f in findings) for v in Verdict}
    if as_json:
        print_line({"verdict": verdict, **{v.value.lower(): n for v, n in counts.items()}})
    else:
        listed = ", ".join(f"{n} {v.value.lower()}" for v, n in counts.items())
        terminal.print(f"\n[{_STYLES[verdict]}]{verdict}[/]  {len(findings)} checks: {listed}")
    return EXIT_CODES[verdict]


for command in (availability, list_, record, show):
    audit.add_command(command)
