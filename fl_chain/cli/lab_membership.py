"""fl-chain lab membership: tell from what a task shows whether an example was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl_chain.cli.experiment_bar import experiment_bar
from fl_chain.cli.lab_options import html_option, mode_options
from fl_chain.cli.output import print_line, print_rows
from fl_chain.cli.settings import json_option
from fl_chain.cli.web import page_libraries
from fl_chain.whole_file import check_place, write_whole

if TYPE_CHECKING:
    from fl_chain.lab.membership import Verdicts
    from fl_chain.lab.membership_trials import Leak

LOW = (0.01, 0.001)
"""False alarms at which an attacker is measured: one who accuses everybody learns nothing."""
TOO_FEW = "too few others"


@click.command("membership")
@click.option("--data", default="digits", show_default=True, help="Data set: fl-chain data list.")
@click.option("--model", default="", help="Model.  [default: the data set's usual one]")
@click.option("--participants", type=click.IntRange(2, 4096), default=10, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=20, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=5, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=16, show_default=True)
@click.option("--learning-rate", type=float, default=0.1, show_default=True)
@click.option(
    "--models",
    type=click.IntRange(6),
    default=16,
    show_default=True,
    help="Trained on other halves of the data; an even number.",
)
@mode_options(
    "Of the task; noised is open, trained with noise, and masked, with noise on updates.",
    5,
    "gradients, or updates,",
)
@click.option("--jobs", type=click.IntRange(1, 64), help="Processes.  [default: one per core]")
@html_option
@json_option
def membership(
    data: str,
    model: str,
    participants: int,
    rounds: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    models: int,
    modes: str,
    group_size: int,
    noise_multiplier: float,
    max_grad_norm: float,
    jobs: int | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Tell from what a task shows which examples were trained on, and how often that is right.

    In the mode open, whoever has the CID of an update reads it; with masks, the sums of groups. The
    model is public in every mode. Models are trained by participants on halves of the data set.
    Each is attacked in its turn, by somebody who has the others.

    \b
    fl-chain lab membership --html membership.html
    fl-chain lab membership --modes noised --noise-multiplier 4
    fl-chain lab membership --data mnist --modes open,sealed,masked --epochs 2
    """
    from fl_chain.lab.membership_modes import Plan
    from fl_chain.lab.membership_trials import judge_all, list_trials, train_all
    from fl_chain.lab.participants import Noise
    from fl_chain.lab.plan import make_scenario
    from fl_chain.roles.audit_workers import count_cores

    scenario = make_scenario(
        data, model, participants, 0, rounds, epochs, batch_size, learning_rate
    )
    chosen = tuple(dict.fromkeys(name.strip() for name in modes.split(",")))
    plan = Plan(scenario, models, chosen, group_size, Noise(noise_multiplier, max_grad_norm))
    trials = list_trials(plan)
    if html is not None:
        check_place(html)
        with page_libraries():
            from fl_chain.web.membership_report import make_membership_report
    leaks = judge_all(list(experiment_bar(train_all(trials, jobs or count_cores()), len(trials))))
    if as_json:
        for leak in leaks:
            for verdict in leak.verdicts:
                print_line(_row(leak, verdict))
    else:
        click.echo(f"{models} models with an average accuracy of {_say_accuracy(leaks)}.")
        click.echo("Members recognized, at so many others that are taken for members:\n")
        print_rows(
            [_shown(leak, verdict) for leak in leaks for verdict in leak.verdicts], False, ""
        )
    if html is not None:
        write_whole(html, make_membership_report(plan, leaks).encode())
        click.echo(f"report: {html}", err=as_json)


def _row(leak: Leak, verdict: Verdicts) -> dict[str, Any]:
    return {
        "modes": leak.modes,
        "shown": leak.read,
        "attack": verdict.attack,
        "area": verdict.area,
        **{f"recognized_at_{rate:g}": verdict.measured_at(rate) for rate in LOW},
        "others": verdict.num_others,
        "accuracy": round(leak.accuracy, 4),
        "models": leak.plan.num_models,
    }


def _shown(leak: Leak, verdict: Verdicts) -> dict[str, Any]:
    measured = {f"at {100 * rate:g}% false alarms": verdict.measured_at(rate) for rate in LOW}
    return {
        "modes": ", ".join(leak.modes),
        "shown": leak.name,
        "attack": verdict.attack,
        **{name: TOO_FEW if it is None else f"{it:.2%}" for name, it in measured.items()},
        "area": f"{verdict.area:.3f}",
    }


def _say_accuracy(leaks: Sequence[Leak]) -> str:
    from fl_chain.lab.membership_modes import NO_NOISE, find_noise

    found = {find_noise(leak.read): leak.accuracy for leak in leaks}
    return ", and of ".join(
        f"{accuracy:.1%}{'' if noise == NO_NOISE else f' with {noise}'}"
        for noise, accuracy in found.items()
    )
