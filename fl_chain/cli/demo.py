"""fl-chain demo: the main job on this machine, and its audit."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from fl_chain.audit.findings import EXIT_CODES, Verdict
from fl_chain.cli.aggregator import CHEATS
from fl_chain.cli.demo_rounds import BARS, RoundBoard
from fl_chain.cli.output import console, count, speak
from fl_chain.cli.settings import Settings
from fl_chain.errors import UsageError
from fl_chain.interrupts import signals_held
from fl_chain.protocol.committee import MAX_AGGREGATORS
from fl_chain.protocol.privacy import MASKED, MIN_GROUP_SIZE, PRIVACY_MODES

if TYPE_CHECKING:
    from fl_chain.roles.demo import Demo
    from fl_chain.roles.evaluator import Evaluator

COLUMNS = (
    *("round", "updates", "attested", "test accuracy"),
    *("gas", "bytes pinned", "energy", "seconds"),
)
MIN_WIDTH = 7
TOLD = ("challenged", "answered", "selected", "decided", "omission", "equivocation", "rejected")
"""Events that are told in sentences between the rows."""


@click.group()
def demo() -> None:
    """Run the main job on this machine, and audit it."""


@demo.command("run")
@click.option(
    "--participants", type=click.IntRange(1, 100), help="[default: 10, of heart the four hospitals]"
)
@click.option(
    "--aggregators",
    type=click.IntRange(1, MAX_AGGREGATORS),
    default=3,
    show_default=True,
    help="More than half of them decide each round; a single one is checked by the audit alone.",
)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option(
    "--data",
    type=click.Choice(("mnist", "digits", "heart", "mnist-full")),
    default="mnist",
    show_default=True,
)
@click.option(
    "--model",
    default="",
    help="[default: mcmahan_2nn, digits_mlp for digits, heart_logistic for heart]",
)
@click.option(
    "--devnet", type=click.Choice(("anvil", "hardhat")), default="anvil", show_default=True
)
@click.option(
    "--relay", "is_relayed", is_flag=True, help="Participants without money, and a relay that pays."
)
@click.option(
    "--cheat",
    type=click.Choice(CHEATS),
    help="Let the first aggregator cheat, and a watcher challenge it.",
)
@click.option(
    "--commit-reveal",
    is_flag=True,
    help="Let participants commit to their updates before anybody shows one.",
)
@click.option(
    "--lists",
    is_flag=True,
    help="Let the first aggregator list the updates, one record for all of them.",
)
@click.option(
    "--sample-rate",
    type=click.FloatRange(0, 1, min_open=True),
    help="Let a seed select such a share of the participants for each round, such as 0.5.",
)
@click.option(
    "--privacy",
    type=click.Choice(PRIVACY_MODES),
    default=PRIVACY_MODES[0],
    show_default=True,
    help="Who can read updates: anybody, aggregators and a named auditor, or nobody.",
)
@click.option(
    "--noise-multiplier",
    type=click.FloatRange(0.1, 10),
    help="Let participants hide what they send behind noise, of so many times its largest norm.",
)
@click.option("--keep", is_flag=True, help="Leave chain and IPFS running, and say where.")
@click.option("--stop", is_flag=True, help="Stop what --keep left running, and end.")
@click.pass_obj
def run(
    settings: Settings,
    participants: int | None,
    aggregators: int,
    rounds: int,
    data: str,
    model: str,
    devnet: str,
    is_relayed: bool,
    cheat: str | None,
    commit_reveal: bool,
    lists: bool,
    sample_rate: float | None,
    privacy: str,
    noise_multiplier: float | None,
    keep: bool,
    stop: bool,
) -> int:
    """Train with participants and aggregators in processes of their own, then audit.

    The audit works from chain and IPFS alone.

    \b
    fl-chain demo run
    fl-chain demo run --data digits --participants 4 --aggregators 1 --rounds 3
    fl-chain demo run --data heart --rounds 20
    fl-chain demo run --data digits --relay
    fl-chain demo run --data digits --cheat wrong-model
    fl-chain demo run --data digits --commit-reveal
    fl-chain demo run --data digits --lists --rounds 3
    fl-chain demo run --data digits --sample-rate 0.5
    fl-chain demo run --data digits --privacy sealed
    fl-chain demo run --data digits --privacy masked
    fl-chain demo run --data digits --privacy masked --noise-multiplier 1
    fl-chain demo run --keep        (then: fl-chain demo run --stop)
    """
    from fl_chain.cli.main import run as run_command
    from fl_chain.roles.demo import Demo, stop_demo
    from fl_chain.roles.demo_options import DemoOptions, count_participants

    state = (settings.state / "demo").resolve()
    if stop:
        click.echo("stopped" if stop_demo(state) else "nothing was running")
        return 0
    if cheat and aggregators < 2:
        raise UsageError("an aggregator that cheats needs another one to go on", "--aggregators 2")
    participants = participants or count_participants(data)
    size = (participants, rounds, data, model, devnet, aggregators)
    if lists and (is_relayed or commit_reveal):
        raise UsageError("updates go into lists, through a relay, or behind commitments: one way")
    if privacy == MASKED and (is_relayed or lists or commit_reveal):
        raise UsageError("masked updates are sent by their participants: no lists, no relay")
    if privacy == MASKED and participants < MIN_GROUP_SIZE:
        least = f"--participants {MIN_GROUP_SIZE}"
        raise UsageError("a sum of fewer than three updates hides nobody", least)
    share = "" if sample_rate is None else str(sample_rate)
    if noise_multiplier is not None and lists:
        raise UsageError("noise on updates has a budget, and the contract does not look into lists")
    noise = "" if noise_multiplier is None else str(noise_multiplier)
    ways = (is_relayed, cheat or "", commit_reveal, lists, privacy)
    options = DemoOptions(state, *size, *ways, sample_rate=share, noise_multiplier=noise)
    scale = ((participants, "participant"), (aggregators, "aggregator"), (rounds, "round"))
    is_kept = False
    try:
        with Demo(options, run_command, lambda step: click.echo(f"  {step}")) as job:
            click.echo(f"{', '.join(count(n, noun) for n, noun in scale)} on {data}")
            job.prepare()
            for event, values in job.notes:
                click.echo(f"  {speak(event, values)}")
            _run_rounds(job)
        code = _audit_all(job)
        if cheat:
            code = code or _show_losses(job)
        is_kept = keep
    finally:
        if not is_kept:
            stop_demo(state)
    if keep:
        _say_where(job, state, settings.state)
    return code


def _run_rounds(job: Demo) -> None:
    """Start the processes and show every round until the task is over."""
    from fl_chain.roles.evaluator import Evaluator

    terminal = console()
    ledger = job.services.open_ledger(job.stage.task.ledger)
    with job.services.open_store() as store:
        evaluator = Evaluator(ledger, store)
        click.echo(f"  task {job.stage.task.ledger}\n")
        job.start()
        with Progress(
            TextColumn("  {task.description:<12}"),
            BarColumn(30),
            MofNCompleteColumn(),
            console=terminal,
            transient=True,
        ) as bars:
            for row in _rounds(job, bars, evaluator):
                bars.console.print(row, markup=False)
    elapsed = time.monotonic() - job.started_at
    click.echo(f"\n  {elapsed:.1f} s from the start of the processes to the last model\n")


def _rounds(job: Demo, bars: Progress, evaluator: Evaluator) -> Iterator[str]:
    """Move the bars with every event, and yield a line per finished round."""
    options = job.options
    totals = {
        "training": options.num_participants,
        "committing": options.num_participants if options.commits else 0,
        "submitting": options.num_participants,
        "verifying": options.num_participants * options.num_aggregators,
        "attesting": max(1, options.quorum),
    }
    tasks = {bar: bars.add_task(bar, total=totals[bar]) for bar in BARS if totals[bar]}
    board = RoundBoard(options.quorum)
    began = job.started_at
    yield _line(COLUMNS)
    for event in itertools.chain(job.events(), [None]):
        if event is not None and event.event in TOLD:
            yield f"  {event.source}: {speak(event.event, event.values)}"
        if event is not None:
            board.add(event, time.monotonic())
        if board.latest is not None:
            for bar, task in tasks.items():
                bars.update(task, completed=board.latest.done(bar))
        for tally in board.take(is_over=event is None):
            yield _line(
                (
                    str(tally.round),
                    str(tally.num_included),
                    f"{tally.done('attesting')}/{options.num_aggregators}",
                    f"{evaluator.evaluate(tally.round).accuracy or 0:.4f}",
                    f"{tally.gas:,}",
                    f"{tally.bytes_pinned:,}",
                    tally.energy,
                    f"{tally.finalized_at - began:.2f}",
                )
            )
            began = tally.finalized_at


def _line(cells: Sequence[str]) -> str:
    pairs = zip(cells, COLUMNS, strict=True)
    return "  " + "  ".join(cell.rjust(max(len(name), MIN_WIDTH)) for cell, name in pairs)


def _audit_all(job: Demo) -> int:
    """Audit as anybody can, and where updates are sealed, as the named auditor as well."""
    code = _audit(job)
    for auditor in job.options.auditors:
        if code != EXIT_CODES[Verdict.UNDECIDABLE]:
            return code or 1
        click.echo(f"\nthe same as {auditor}, whom the task names:")
        code = _audit(job, ["--reader", auditor, "--password-file", str(job.password_path)])
    return code


def _audit(job: Demo, options: Sequence[str] = ()) -> int:
    """Audit in a process of its own, which knows RPC endpoint, contract and IPFS, no more."""
    arguments = ["--state", str(job.options.state), "audit", "run"]
    arguments += ["--task", job.stage.task.ledger]
    arguments += ["--rpc", job.stage.devnet.chain.address]
    for service in job.stage.devnet.ipfs:
        arguments += ["--ipfs", service.address]
    arguments += options
    click.echo(f"$ fl-chain {' '.join(arguments)}")
    sys.stdout.flush()
    command = [sys.executable, "-m", "fl_chain.cli", *arguments]
    audit = None
    try:
        with signals_held():
            # Ctrl-C reaches this process alone, which says so once, whatever the audit had to say.
            audit = subprocess.Popen(command, start_new_session=True)
        return audit.wait()
    except KeyboardInterrupt:
        if audit is not None:
            audit.terminate()
            audit.wait()
            console().show_cursor(True)  # which its bar had hidden
        raise


def _show_losses(job: Demo) -> int:
    """Say whose bonds were taken; return 1 if it is not the cheat's alone."""
    losses = job.list_losses()
    click.echo()
    for loss in losses:
        share = f", half of it for {loss.beneficiary}" if loss.beneficiary else ""
        fault = loss.fault.lower().replace("_", " ")
        click.echo(f"{loss.aggregator} lost its bond of {loss.amount}: {fault}{share}")
    if [loss.aggregator for loss in losses] == ["aggregator-1"]:
        return 0
    click.echo("the cheat was not caught, or somebody else was", err=True)
    return 1


def _say_where(job: Demo, state: Path, outer_state: Path) -> None:
    click.echo("\nstill running:")
    click.echo(f"  chain  {job.stage.devnet.chain.address}")
    for service in job.stage.devnet.ipfs:
        click.echo(f"  IPFS   {service.address}")
    program = sys.argv[0] if Path(sys.argv[0]).name == "fl-chain" else "fl-chain"
    task = job.stage.task.ledger
    click.echo(f"talk to them:\n  {program} --state {state} history rounds --task {task}")
    click.echo(f"stop them:\n  {program} --state {outer_state} demo run --stop")
