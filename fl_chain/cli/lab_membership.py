"""fl-chain lab membership: tell from a model whether an example was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl_chain.cli.experiment_bar import experiment_bar
from fl_chain.cli.output import print_line, print_rows
from fl_chain.cli.settings import json_option
from fl_chain.cli.web import page_libraries
from fl_chain.whole_file import check_place, write_whole

if TYPE_CHECKING:
    from fl_chain.lab.membership import Verdicts

LOW = (0.01, 0.001)
"""False alarms at which an attacker is measured: one who accuses everybody learns nothing."""


@click.command("membership")
@click.option("--data", default="mnist", show_default=True, help="Data set: fl-chain data list.")
@click.option("--model", default="", help="Model.  [default: the data set's usual one]")
@click.option("--participants", type=click.IntRange(2, 4096), default=10, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=20, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=2, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=16, show_default=True)
@click.option("--learning-rate", type=float, default=0.1, show_default=True)
@click.option(
    "--models",
    type=click.IntRange(6),
    default=16,
    show_default=True,
    help="Trained on other halves of the data; an even number.",
)
@click.option("--jobs", type=click.IntRange(1, 64), help="Processes.  [default: one per core]")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a report to this file."
)
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
    jobs: int | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Tell from a task's model which examples were trained on, and how often that is right.

    Models are trained by participants on halves of the data set. Each is attacked in its turn, by
    somebody who has the others.

    \b
    fl-chain lab membership --html membership.html
    fl-chain lab membership --data digits --rounds 60 --models 32
    """
    from fl_chain.lab.membership import judge, list_trials, train_all
    from fl_chain.lab.plan import make_scenario
    from fl_chain.roles.audit_workers import count_cores

    scenario = make_scenario(
        data, model, participants, 0, rounds, epochs, batch_size, learning_rate
    )
    trials = list_trials(scenario, models)
    if html is not None:
        check_place(html)
        with page_libraries():
            from fl_chain.web.membership_report import make_membership_report
    found = list(experiment_bar(train_all(trials, jobs or count_cores()), len(trials)))
    accuracy = sum(one.accuracy for one in found) / len(found)
    verdicts = judge(found)
    if as_json:
        for verdict in verdicts:
            print_line({**_row(verdict), "accuracy": round(accuracy, 4), "models": models})
    else:
        click.echo(f"{models} models with an accuracy of {accuracy:.1%} on average\n")
        print_rows([_shown(verdict) for verdict in verdicts], False, "")
    if html is not None:
        write_whole(html, make_membership_report(scenario, models, accuracy, verdicts).encode())
        click.echo(f"report: {html}", err=as_json)


def _row(verdict: Verdicts) -> dict[str, Any]:
    recognized = {f"recognized_at_{rate:g}": verdict.recognized_at(rate) for rate in LOW}
    return {"attack": verdict.attack, "area": verdict.area, **recognized}


def _shown(verdict: Verdicts) -> dict[str, Any]:
    columns = {
        f"recognized at {rate:.1%} false alarms": f"{verdict.recognized_at(rate):.2%}"
        for rate in LOW
    }
    return {"attack": verdict.attack, **columns, "area": f"{verdict.area:.3f}"}
