"""fl-chain demo: the main job on this machine, and its audit."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from fl_chain.cli.output import console
from fl_chain.cli.settings import Settings

if TYPE_CHECKING:
    from fl_chain.roles.demo import Demo
    from fl_chain.roles.evaluator import Evaluator

PHASES = {"training": "training", "submitted": "submitting", "examined": "verifying"}
"""Event to the bar that it moves, in the order of a round."""
HEADINGS = ("round", "updates", "test accuracy", "gas", "bytes pinned", "seconds")


@click.group()
def demo() -> None:
    """Run the main job on this machine, and audit it."""


@demo.command("run")
@click.option("--participants", type=click.IntRange(1, 100), default=10, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--data", type=click.Choice(("mnist", "digits")), default="mnist", show_default=True)
@click.option("--model", default="", help="[default: mcmahan_2nn for mnist, digits_mlp for digits]")
@click.option(
    "--devnet", type=click.Choice(("anvil", "hardhat")), default="anvil", show_default=True
)
@click.option("--keep", is_flag=True, help="Leave chain and IPFS running, and say where.")
@click.option("--stop", is_flag=True, help="Stop what --keep left running, and end.")
@click.pass_obj
def run(
    settings: Settings,
    participants: int,
    rounds: int,
    data: str,
    model: str,
    devnet: str,
    keep: bool,
    stop: bool,
) -> int:
    """Train with participants in processes of their own, then audit from chain and IPFS alone.

    \b
    fl-chain demo run
    fl-chain demo run --data digits --participants 4 --rounds 3
    fl-chain demo run --keep        (then: fl-chain demo run --stop)
    """
    from fl_chain.cli.main import run as run_command
    from fl_chain.roles.demo import Demo, DemoOptions, stop_demo

    state = (settings.state / "demo").resolve()
    if stop:
        click.echo("stopped" if stop_demo(state) else "nothing was running")
        return 0
    options = DemoOptions(state, participants, rounds, data, model, devnet)
    is_kept = False
    try:
        with Demo(options, run_command, lambda step: click.echo(f"  {step}")) as job:
            click.echo(f"{participants} participants, one aggregator, {rounds} rounds on {data}")
            job.prepare()
            _run_rounds(job)
        code = _audit(job)
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
    count = job.options.num_participants
    tasks: dict[str, TaskID] = {
        event: bars.add_task(name, total=count) for event, name in PHASES.items()
    }
    yield "  " + "  ".join(f"{heading:>13}" for heading in HEADINGS)
    totals: dict[str, Any] = {"gas": 0, "bytes": 0, "updates": 0}
    began = job.started_at
    for event in job.events():
        if event.event in tasks:
            bars.advance(tasks[event.event])
        totals["gas"] += event.values.get("gas", 0)
        totals["bytes"] += event.values.get("bytes", 0)
        if event.event == "proposed":
            totals["updates"] = event.values["included"]
        if event.event == "finalized":
            now = time.monotonic()
            accuracy = evaluator.evaluate(event.values["round"]).accuracy
            cells = (
                str(event.values["round"]),
                str(totals["updates"]),
                f"{accuracy:.4f}",
                f"{totals['gas']:,}",
                f"{totals['bytes']:,}",
                f"{now - began:.2f}",
            )
            yield "  " + "  ".join(f"{cell:>13}" for cell in cells)
            began, totals = now, {"gas": 0, "bytes": 0, "updates": 0}
            for task in tasks.values():
                bars.reset(task)


def _audit(job: Demo) -> int:
    """Audit in a process of its own, which knows RPC endpoint, contract and IPFS, no more."""
    arguments = ["audit", "run", "--task", job.stage.task.ledger]
    arguments += ["--rpc", job.stage.devnet.chain.address]
    for service in job.stage.devnet.ipfs:
        arguments += ["--ipfs", service.address]
    click.echo(f"$ fl-chain {' '.join(arguments)}")
    sys.stdout.flush()
    command = [sys.executable, "-m", "fl_chain.cli", *arguments]
    return subprocess.run(command, check=False).returncode


def _say_where(job: Demo, state: Path, outer_state: Path) -> None:
    click.echo("\nstill running:")
    click.echo(f"  chain  {job.stage.devnet.chain.address}")
    for service in job.stage.devnet.ipfs:
        click.echo(f"  IPFS   {service.address}")
    program = sys.argv[0] if Path(sys.argv[0]).name == "fl-chain" else "fl-chain"
    task = job.stage.task.ledger
    click.echo(f"talk to them:\n  {program} --state {state} history rounds --task {task}")
    click.echo(f"stop them:\n  {program} --state {outer_state} demo run --stop")
