"""What the laboratory found, as one HTML file: a picture and a table for each split of the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup
from matplotlib.figure import Figure

from fl_chain.lab.attacks import ATTACKS
from fl_chain.lab.experiment import Scenario
from fl_chain.lab.summary import (
    HONEST,
    TOLERABLE_BACKDOOR,
    TOLERABLE_LOSS,
    RuleSummary,
    choose_rule,
)
from fl_chain.web.chart_markup import AXIS, GRID, SERIES_COLOURS
from fl_chain.web.figures import draw_figure, dress
from fl_chain.web.templating import read_style, render

WIDTH_INCHES: Final = 7.5
ROW_INCHES: Final = 0.32


def make_lab_report(
    base: Scenario, summaries: Sequence[RuleSummary], attacks: Sequence[str], num_seeds: int
) -> str:
    """Return the report.

    Parameters
    ----------
    base
        What all experiments have in common.
    summaries
        Of every rule on every split.
    attacks
        In the order of the columns.
    num_seeds
        How often each experiment was made.
    """
    splits = list(dict.fromkeys(summary.split for summary in summaries))
    return render(
        "lab.html",
        style=Markup(read_style()),  # noqa: S704 - our own file
        word_base="",
        base=base,
        attacks=[ATTACKS[name] for name in attacks],
        num_seeds=num_seeds,
        tolerable_backdoor=TOLERABLE_BACKDOOR,
        tolerable_loss=TOLERABLE_LOSS,
        splits=[_describe(split, summaries, attacks) for split in splits],
    )


def _describe(
    split: str, summaries: Sequence[RuleSummary], attacks: Sequence[str]
) -> dict[str, Any]:
    rows = sorted((s for s in summaries if s.split == split), key=lambda s: -s.worst)
    best = choose_rule(summaries, split)
    caption = "Each row is a rule: what is left of the accuracy, and how often a backdoor succeeds."
    return {
        "name": split,
        "best": best,
        "rows": rows,
        "svg": _draw(f"lab-{split.replace(':', '-')}", f"Attacks on {split}", caption, rows),
        "cells": {
            row.rule: [_rate(row, attack) for attack in attacks if attack in row.accuracy]
            for row in rows
        },
    }


def _rate(row: RuleSummary, attack: str) -> dict[str, Any]:
    """Return a number of the table, and how it compares with the honest one of its row."""
    accuracy = row.accuracy[attack]
    loss = (row.clean or accuracy) - accuracy
    return {
        "attack": attack,
        "accuracy": accuracy,
        "lowest": row.lowest[attack],
        "is_bad": attack != HONEST and loss > TOLERABLE_LOSS,
    }


def _draw(name: str, title: str, caption: str, rows: Sequence[RuleSummary]) -> Markup:
    """Return the picture: dots for the accuracy under each attack, bars for backdoors."""

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        places = range(len(rows))
        for place, row in enumerate(rows):
            under = [100 * row.accuracy[a] for a in row.accuracy if a != HONEST]
            left.plot([min(under), max(under)], [place] * 2, color=GRID, linewidth=3, zorder=1)
            left.plot(under, [place] * len(under), "o", color=SERIES_COLOURS[1], markersize=3.5)
            if row.clean is not None:
                left.plot([100 * row.clean], [place], "|", color=SERIES_COLOURS[0], markersize=12)
        left.set_xlim(0, 100)
        left.set_yticks(places, [row.rule for row in rows])
        left.set_xlabel("accuracy, %: dots under attack, bar without", color=AXIS)
        successes = [100 * (row.backdoor_success or 0) for row in rows]
        right.barh(places, successes, 0.5, color=SERIES_COLOURS[3])
        right.set_xlim(0, 100)
        right.set_xlabel("backdoor success, %", color=AXIS)
        left.invert_yaxis()
        dress(left, "x")
        dress(right, "x")

    return draw_figure(name, title, caption, (WIDTH_INCHES, 0.9 + ROW_INCHES * len(rows)), paint)
