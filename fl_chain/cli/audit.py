"""fl-chain audit: re-derive every model of a task from chain and IPFS."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import EXIT_CODES, Finding, compute_verdict
from fl_chain.audit.scope import LAST
from fl_chain.cli.audit_availability import availability
from fl_chain.cli.audit_bar import audit_bar
from fl_chain.cli.audit_explain import explain, explain_and_exit
from fl_chain.cli.audit_report import prepare_report
from fl_chain.cli.audit_statements import list_, prepare_signature, record, show
from fl_chain.cli.findings import print_finding, print_verdict
from fl_chain.cli.output import console, print_line
from fl_chain.cli.settings import (
    Settings,
    json_option,
    look_option,
    password_option,
    reader_option,
    rpc_option,
    task_option,
)


def parse_since(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """Return the number of a round; ``LAST`` for the last one."""
    if text is None:
        return None
    if text == "last":
        return LAST
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text)):
        raise click.BadParameter(f"{text[:80]!r} is no round (a number from 1 on, or last)")
    return int(text)


@click.group()
def audit() -> None:
    """Re-derive every model of a task from chain and IPFS, trusting neither."""


@audit.command("run")
@task_option
@click.option("--round", "only_round", type=click.IntRange(1), help="Re-execute this round only.")
@click.option(
    "--since",
    metavar="ROUND",
    callback=parse_since,
    help="Re-execute this round and those after it only; last for the last one.",
)
@click.option(
    "--resume",
    "is_resumed",
    is_flag=True,
    help="Take over, marked, what a former audit here found of rounds that passed.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    help="Rounds, and updates of a round, to work on at a time.  [default: number of cores]",
)
@rpc_option
@click.option(
    "--ipfs",
    metavar="MULTIADDR",
    multiple=True,
    help="IPFS node's API; may be given several times, then every copy is checked."
    "  [default: configuration, then every node of the devnet]",
)
@look_option
@click.option(
    "--explain",
    metavar="CHECK",
    is_eager=True,
    expose_value=False,
    callback=explain_and_exit,
    help="Say what a check means, as audit explain, and run nothing.",
)
@json_option
@click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a report that anybody can read to this file.",
)
@click.option(
    "--sign",
    "signer",
    metavar="NAME",
    help="Sign what was found, with this key, to show or record later.",
)
@click.option(
    "--statement",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --sign, the file to write the signed audit to.  [default: audit.json]",
)
@reader_option
@password_option
@click.pass_obj
def run(
    settings: Settings,
    task: str,
    only_round: int | None,
    since: int | None,
    is_resumed: bool,
    jobs: int | None,
    rpc: str | None,
    ipfs: tuple[str, ...],
    look_seconds: float,
    as_json: bool,
    signer: str | None,
    statement: Path | None,
    reader: str | None,
    password_file: Path | None,
    html_file: Path | None,
) -> int:
    """Check contracts, history, manifest, and every round's updates, model and report.

    Exit code 0: every check passed. 1: a check failed. 2: nothing failed, but evidence is missing.
    3: the audit could not run.

    Rounds that pass are noted below --state. With --resume an audit that was broken off goes on,
    and one of a task that has gone on looks at what is new.

    \b
    fl-chain audit run --task 0x...
    fl-chain audit run --task 0x... --round 3 --json
    fl-chain audit run --task 0x... --resume
    fl-chain audit run --task 0x... --html report.html
    fl-chain audit run --task 0x... --sign auditor --statement audit.json
    fl-chain audit run --task 0x... --reader auditor
    """
    if only_round is not None and since is not None:
        raise click.UsageError("--round and --since exclude each other")
    if signer is not None and (only_round is not None or since is not None or is_resumed):
        raise click.UsageError(
            "what is signed is of all rounds and found now: leave out --round, --since and --resume"
        )
    if statement is not None and signer is None:
        raise click.UsageError("--statement is the file of a signed audit: name a key with --sign")
    from fl_chain.roles.audit_workers import count_cores
    from fl_chain.roles.auditor import audit_task
    from fl_chain.roles.readers import check_reader

    terminal = console()

    def show_finding(finding: Finding) -> None:
        if as_json:
            print_line(asdict(finding))
        else:
            print_finding(finding, terminal)

    def look_at(evidence: Evidence) -> None:
        if reader is not None:
            address = services.read_key_address(reader)
            if not check_reader(evidence, reader, address):
                click.echo("updates of this task are not sealed: --reader is of no use", err=True)
        if signature is not None:
            signature.keep(evidence)

    services = settings.services(rpc)
    keys = settings.open_reader(services, reader, password_file)
    signature, signed = None, None
    statement = statement or Path("audit.json")
    if signer is not None:
        signature = prepare_signature(settings, services, signer, password_file, statement)
    connection = services.connect()
    writer = None
    if html_file is not None:
        writer = prepare_report(html_file, services, task, ipfs, look_seconds)
    try:
        with (
            services.open_stores(ipfs, look_seconds) as store,
            audit_bar(terminal, is_quiet=as_json) as bar,
        ):
            findings = audit_task(
                connection,
                task,
                store,
                only_round,
                show_finding,
                since=1 if since is None else since,
                num_jobs=jobs or count_cores(),
                state=settings.state,
                is_resumed=is_resumed,
                observer=bar,
                on_evidence=look_at,
                keys=keys,
            )
            if signature is not None:
                signed = signature.write(findings, store.put)
    except KeyboardInterrupt:
        if only_round is None and signer is None and not as_json:
            click.echo("rounds that passed are noted: --resume goes on from there", err=True)
        raise
    print_verdict(findings, as_json)
    if writer is not None:
        writer.write(findings, only_round, since, signed, keys)
    if not as_json:
        for what, path in (("report", html_file), ("signed audit", statement if signed else None)):
            if path is not None:
                click.echo(f"{what}: {path}", err=True)
    return EXIT_CODES[compute_verdict(findings)]


for command in (availability, explain, list_, record, show):
    audit.add_command(command)
