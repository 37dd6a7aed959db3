"""How well what a task shows tells members from others, as one HTML file with the curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fl_chain.lab.membership import FEWEST_FALSE_ALARMS, Verdicts
from fl_chain.lab.membership_modes import (
    MODEL,
    NO_NOISE,
    NOISE_IN_TRAINING,
    NOISE_ON_UPDATES,
    NOISED_MODEL,
    NOISED_SUM_MODEL,
    Plan,
    find_noise,
)
from fl_chain.lab.membership_trials import Leak
from fl_chain.lab.modes import GROUP_SUM, NOISED, NOISED_SUM, UPDATE
from fl_chain.web.chart_markup import AXIS, SERIES_COLOURS
from fl_chain.web.figures import draw_figure, dress
from fl_chain.web.templating import read_style, render

WIDTH_INCHES: Final = 9.0
HEIGHT_INCHES: Final = 4.8
RATES: Final = (0.1, 0.01, 0.001)
_POINTS: Final = 200
_COLOURS: Final[Mapping[str, str]] = {
    UPDATE: SERIES_COLOURS[0],
    GROUP_SUM: SERIES_COLOURS[1],
    MODEL: SERIES_COLOURS[2],
    NOISED: SERIES_COLOURS[0],
    NOISED_MODEL: SERIES_COLOURS[2],
    NOISED_SUM: SERIES_COLOURS[1],
    NOISED_SUM_MODEL: SERIES_COLOURS[2],
}
"""What has noise has the colour of what has none."""
_STYLES: Final[Mapping[str, str]] = {
    NO_NOISE: "-",
    NOISE_IN_TRAINING: "--",
    NOISE_ON_UPDATES: "-.",
}


def make_membership_report(plan: Plan, leaks: Sequence[Leak]) -> str:
    """Return the report.

    Parameters
    ----------
    plan
        What was trained, and what is read of it.
    leaks
        How well each of these gives members away; at least one.
    """
    return render(
        "membership.html",
        style=Markup(read_style()),  # noqa: S704 - our own file
        word_base="",
        base=plan.scenario,
        plan=plan,
        leaks=leaks,
        accuracies={find_noise(leak.read): leak.accuracy for leak in leaks},
        every_read={leak.read for leak in leaks},
        rates=RATES,
        fewest=FEWEST_FALSE_ALARMS,
        svg=_draw(leaks),
    )


def _draw(leaks: Sequence[Leak]) -> Markup:
    """Return the curves, with both axes logarithmic: what counts is on the left."""

    def paint(figure: Figure) -> None:
        panels = figure.subplots(1, len(leaks[0].verdicts), sharey=True, squeeze=False)[0]
        lines: list[Any] = []
        for number, axes in enumerate(panels):
            verdicts = [leak.verdicts[number] for leak in leaks]
            least = min(verdict.least_rate for verdict in verdicts)
            lines = [
                _plot(axes, leak, verdict) for leak, verdict in zip(leaks, verdicts, strict=True)
            ]
            ends = (least, 1)
            lines += axes.plot(ends, ends, ":", color=AXIS, linewidth=1, label="whoever guesses")
            axes.set(xscale="log", yscale="log", xlim=ends, ylim=(least / 3, 1))
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(lambda rate, _: f"{100 * rate:g} %")
                axis.set_minor_formatter(lambda rate, _: "")
            axes.set_title(verdicts[0].attack.replace("_", " "), color=AXIS, loc="left")
            axes.set_xlabel("false alarms: others taken for members", color=AXIS)
            dress(axes, "both")
        panels[0].set_ylabel("members recognized", color=AXIS)
        figure.legend(
            handles=lines, frameon=False, labelcolor=AXIS, loc="outside lower center", ncols=3
        )

    caption = "Share of members recognized against share of false alarms, for all that is read."
    inches = WIDTH_INCHES, HEIGHT_INCHES
    return draw_figure("membership", "Members recognized", caption, inches, paint)


def _plot(axes: Axes, leak: Leak, verdict: Verdicts) -> Any:
    rates = np.geomspace(min(verdict.least_rate, 1), 1, _POINTS)
    # What is below the picture is not drawn at its edge: nobody is recognized there.
    recognized = [verdict.recognized_at(rate) or np.nan for rate in rates]
    style = _STYLES[find_noise(leak.read)]
    colour = _COLOURS[leak.read]
    return axes.plot(rates, recognized, style, color=colour, linewidth=1.8, label=leak.name)[0]
