"""fl-chain audit: re-derive every model of a task from chain and IPFS."""

from __future__ import annotations

from dataclasses import asdict

import click

from fl_chain.audit.findings import EXIT_CODES, Finding, compute_verdict
from fl_chain.cli.audit_availability import availability
from fl_chain.cli.audit_statements import list_, record, show
from fl_chain.cli.findings import print_finding, print_verdict
from fl_chain.cli.output import print_line
from fl_chain.cli.settings import Settings, json_option, rpc_option, task_option


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

    def show_finding(finding: Finding) -> None:
        if as_json:
            print_line(asdict(finding))
        else:
            print_finding(finding)

    services = settings.services(rpc)
    connection = services.connect()
    with services.open_stores(ipfs) as store:
        findings = audit_task(connection, task, store, only_round, show_finding)
    print_verdict(findings, as_json)
    return EXIT_CODES[compute_verdict(findings)]


for command in (availability, list_, record, show):
    audit.add_command(command)
