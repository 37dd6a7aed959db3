"""Curves of a task: what is on record, round by round, ready to be drawn and to be read as a table.

A curve without numbers is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from markupsafe import Markup

from fl_chain.web.charts import Series, draw_chart

Rows = Sequence[Mapping[str, Any]]
MOST_TABLE_ROWS: Final = 200


@dataclass(frozen=True, slots=True)
class Curve:
    """One chart with the numbers that it shows."""

    name: str
    """Unique on a page."""
    title: str
    caption: str
    """What it shows, in a sentence for people who do not see it."""
    columns: tuple[str, ...]
    """Headings of the table; the first one is the round."""
    numbers: tuple[tuple[int | float | None, ...], ...]
    """Rows of the table; None where there is nothing."""
    base_path: str = ""
    """Path of the task, to which rounds link; empty for no links."""
    chart: str = "bars"
    """``bars`` from zero, or ``line``."""

    @property
    def svg(self) -> Markup:
        """The drawing."""
        rounds = tuple(int(row[0] or 0) for row in self.numbers)
        series = tuple(
            Series(heading, tuple(row[column] for row in self.numbers))
            for column, heading in enumerate(self.columns)
            if column
        )
        about = (self.name, self.title, self.caption, self.columns[0])
        return draw_chart(*about, rounds, series, self.chart)

    @property
    def table(self) -> tuple[tuple[int | float | None, ...], ...]:
        """The newest rows, newest first."""
        return self.numbers[::-1][:MOST_TABLE_ROWS]


def curves_of_rounds(rounds: Rows, base_path: str = "") -> list[Curve]:
    """Return the curves of a task's rounds; those without any number are left out."""
    rows = [row for row in rounds if row["round"]]
    curves = []
    has = {name: any(row[name] is not None for row in rows) for name in ("selected", "committed")}
    columns, names = ["Round", "Updates on record"], ["updates"]
    for name, heading in (("selected", "Selected"), ("committed", "Committed")):
        if has[name]:
            columns.append(heading)
            names.append(name)
    if rows:
        numbers = tuple((row["round"], *(row[name] for name in names)) for row in rows)
        most = max(row["updates"] for row in rows)
        caption = f"Updates on record in each of {len(rows)} rounds, at most {most}."
        curves.append(
            Curve("participation", "Participation", caption, tuple(columns), numbers, base_path)
        )
    timed = [row for row in rows if row["finished_at"] and row["opened_at"]]
    if timed:
        numbers = tuple((row["round"], row["finished_at"] - row["opened_at"]) for row in timed)
        longest = max(number for _, number in numbers)
    if timed and longest:
        caption = f"Seconds of block time from a round's opening to its end, at most {longest}."
        columns_of_time = ("Round", "Seconds")
        curves.append(
            Curve("duration", "Duration of rounds", caption, columns_of_time, numbers, base_path)
        )
    return curves


_MEASURES: Final = (
    (
        "steps",
        "Time of each step",
        "Seconds of block time: until the last update, then until the proposal, then until it was"
        " final.",
        (("collect_s", "Updates"), ("aggregate_s", "Proposal"), ("decide_s", "Decision")),
        "bars",
    ),
    (
        "accuracy",
        "Accuracy",
        "Of the model that each round started from, on the participants' own examples, as they say:"
        " nobody else can check it.",
        (("base_accuracy", "Accuracy"),),
        "line",
    ),
    (
        "loss",
        "Loss",
        "Of the model that each round started from, and while training, as the participants say.",
        (("base_loss", "Before"), ("train_loss", "Training")),
        "line",
    ),
    (
        "gas",
        "Gas",
        "What all transactions of each round cost together, from their receipts.",
        (("gas", "Gas"),),
        "bars",
    ),
    (
        "energy",
        "Energy",
        "Joules of the training in each round, as the participants say; much of it may be an"
        " estimate.",
        (("energy_joules", "Joules"),),
        "bars",
    ),
)
"""Name, title, caption, columns with their headings, and kind of the curves of measures."""


def curves_of_measures(measures: Rows, base_path: str = "") -> list[Curve]:
    """Return the curves of what rounds cost and yielded; those without any number are left out.

    Parameters
    ----------
    measures
        Rows as of ``fl-chain history measures``.
    base_path
        Path of the task, to which rounds link; empty for no links.
    """
    measures = [{**row, "energy_joules": _joules(row["energy_kwh"])} for row in measures]
    curves = []
    for name, title, caption, columns, kind in _MEASURES:
        numbers = tuple(
            (row["round"], *(row[column] for column, _ in columns))
            for row in measures
            if any(row[column] is not None for column, _ in columns)
        )
        if any(value for _, *values in numbers for value in values):
            headings = ("Round", *(heading for _, heading in columns))
            curves.append(Curve(name, title, caption, headings, numbers, base_path, kind))
    return curves


def _joules(kilowatt_hours: float | None) -> float | None:
    """Return an energy in a unit in which a round of training is no tiny fraction.

    >>> _joules(5e-08)
    0.18
    """
    return None if kilowatt_hours is None else float(f"{kilowatt_hours * 3.6e6:.3g}")


def curves_of_participant(updates: Rows, base_path: str = "") -> list[Curve]:
    """Return the curve of the weights that a participant stated."""
    rows = [row for row in updates if row["weight"] is not None]
    if len(rows) < 2:
        return []
    numbers = tuple((row["round"], row["weight"]) for row in rows)
    caption = f"Weight that the participant stated with each of {len(rows)} updates."
    return [Curve("weights", "Stated weights", caption, ("Round", "Weight"), numbers, base_path)]


def curve_of_norms(norms: Rows) -> list[Curve]:
    """Return how far updates of a round moved its model: the least, the middle, the most.

    Parameters
    ----------
    norms
        Rows with ``round`` and ``norm``, as from
        :func:`fl_chain.roles.update_norms.measure_norms`.
    """
    by_round: dict[int, list[float]] = {}
    for row in norms:
        by_round.setdefault(row["round"], []).append(row["norm"])
    if not by_round:
        return []
    numbers = tuple(
        (number, *(round(n, 4) for n in (min(values), median(values), max(values))))
        for number, values in sorted(by_round.items())
    )
    caption = (
        "Length (L2 norm) of the updates of each round: the shortest, the one in the middle, and"
        " the longest. One that is much longer than the others changes the model more than they do."
    )
    columns = ("Round", "Shortest", "Middle", "Longest")
    return [Curve("norms", "Length of updates", caption, columns, numbers, chart="line")]
