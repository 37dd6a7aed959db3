"""fl-chain lab: try attacks and rules on this machine, without chain and IPFS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl_chain.cli.experiment_bar import experiment_bar
from fl_chain.cli.lab_membership import membership
from fl_chain.cli.lab_options import html_option
from fl_chain.cli.lab_privacy import privacy
from fl_chain.cli.output import print_line, print_rows
from fl_chain.cli.settings import json_option
from fl_chain.cli.web import page_libraries
from fl_chain.whole_file import check_place, write_whole

if TYPE_CHECKING:
    from fl_chain.lab.experiment import Outcome
    from fl_chain.lab.summary import RuleSummary

RULES = ("mean", "median", "trimmed_mean", "multi_krum", "nnm_trimmed_mean")
"""What is tried if nothing else is asked for; the others are slower or worse."""
OTHER_RULES = ("krum", "bulyan", "geometric_median", "centered_clipping")
ATTACKS = (
    *("label_flip", "sign_flip", "gaussian", "alie", "ipm"),
    *("min_max", "mimic", "backdoor", "free_rider"),
)
SPLITS = ("iid", "dirichlet:0.5")


@click.group()
def lab() -> None:
    """Try attacks and rules on this machine, without chain and IPFS."""


@lab.command("attack")
@click.option("--data", default="digits", show_default=True, help="Data set: fl-chain data list.")
@click.option("--model", default="", help="Model.  [default: the data set's usual one]")
@click.option("--participants", type=click.IntRange(2, 4096), default=20, show_default=True)
@click.option("--malicious", type=click.IntRange(1), default=4, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=50, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=2, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=16, show_default=True)
@click.option("--learning-rate", type=float, default=0.1, show_default=True)
@click.option(
    "--rule",
    "rules",
    multiple=True,
    help=f"Repeatable; also: {', '.join(OTHER_RULES)}.  [default: {', '.join(RULES)}]",
)
@click.option(
    "--attack",
    "attacks",
    multiple=True,
    help=f"Repeatable.  [default: {', '.join(ATTACKS)}]",
)
@click.option(
    "--split", "splits", multiple=True, help=f"Repeatable.  [default: {', '.join(SPLITS)}]"
)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True)
@click.option("--jobs", type=click.IntRange(1, 64), help="Processes.  [default: one per core]")
@html_option
@json_option
def attack(
    data: str,
    model: str,
    participants: int,
    malicious: int,
    rounds: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    rules: tuple[str, ...],
    attacks: tuple[str, ...],
    splits: tuple[str, ...],
    seeds: int,
    jobs: int | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Let malicious participants attack every rule, and show what is left of the model.

    Everything but the attackers is what a task does: local training, integers, the rule. Each
    experiment is one split, seed, rule and attack; some dozens take minutes.

    \b
    fl-chain lab attack --html attacks.html
    fl-chain lab attack --data mnist --rule nnm_trimmed_mean --attack backdoor --rounds 20
    """
    from fl_chain.lab.grid import check_scenarios, list_scenarios, run_scenarios
    from fl_chain.lab.plan import make_scenario, pick_attacks, pick_rules
    from fl_chain.lab.summary import choose_rule, summarize
    from fl_chain.roles.audit_workers import count_cores

    base = make_scenario(
        data, model, participants, malicious, rounds, epochs, batch_size, learning_rate
    )
    chosen_rules = pick_rules(rules or RULES, participants, malicious, is_asked=bool(rules))
    chosen_attacks = pick_attacks(attacks, data)
    scenarios = list_scenarios(base, chosen_rules, chosen_attacks, splits or SPLITS, seeds)
    check_scenarios(scenarios)
    if html is not None:
        check_place(html)
        with page_libraries():
            from fl_chain.web.lab_report import make_lab_report
    outcomes: list[Outcome] = []
    for outcome in experiment_bar(run_scenarios(scenarios, jobs or count_cores()), len(scenarios)):
        outcomes.append(outcome)
        if as_json:
            print_line(_row(outcome))
    summaries = summarize(outcomes)
    if not as_json:
        _print_tables(summaries, chosen_attacks)
        for split in dict.fromkeys(summary.split for summary in summaries):
            best = choose_rule(summaries, split)
            if best is not None:
                click.echo(
                    f"\n{split}: {best.rule} is best in its worst case,"
                    f" {best.worst_attack} with {best.worst:.1%}"
                )
    if html is not None:
        report = make_lab_report(base, summaries, chosen_attacks, seeds)
        write_whole(html, report.encode())
        click.echo(f"report: {html}", err=as_json)


def _row(outcome: Outcome) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(outcome.scenario),
        "rounds_done": outcome.num_rounds,
        "accuracy": outcome.accuracy,
        "backdoor_success": outcome.backdoor_success,
    }


def _print_tables(summaries: Sequence[RuleSummary], attacks: Sequence[str]) -> None:
    for split in dict.fromkeys(summary.split for summary in summaries):
        click.echo(f"\n{split}: test accuracy after the last round, in per cent")
        rows = []
        for summary in summaries:
            if summary.split == split:
                cells = {name: f"{summary.accuracy[name]:.1%}"[:-1] for name in attacks}
                success = summary.backdoor_success
                told = "-" if success is None else f"{success:.1%}"[:-1]
                rows.append({"rule": summary.rule, **cells, "backdoor_success": told})
        print_rows(rows, False, "")


lab.add_command(membership)
lab.add_command(privacy)
