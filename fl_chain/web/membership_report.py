"""How well members are told from others, as one HTML file with the curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from fl_chain.lab.experiment import Scenario
from fl_chain.lab.membership import Verdicts
from fl_chain.web.chart_markup import AXIS, SERIES_COLOURS
from fl_chain.web.figures import draw_figure, dress
from fl_chain.web.templating import read_style, render

WIDTH_INCHES: Final = 7.5
HEIGHT_INCHES: Final = 4.2
LEAST_RATE: Final = 1e-4
RATES: Final = (0.1, 0.01, 0.001)
_POINTS: Final = 200


def make_membership_report(
    scenario: Scenario, num_models: int, accuracy: float, verdicts: Sequence[Verdicts]
) -> str:
    """Return the report.

    Parameters
    ----------
    scenario
        How each model was trained.
    num_models
        How many there are.
    accuracy
        Their mean on the test set, in [0, 1].
    verdicts
        Of each attack.
    """
    return render(
        "membership.html",
        style=Markup(read_style()),  # noqa: S704 - our own file
        word_base="",
        base=scenario,
        num_models=num_models,
        accuracy=accuracy,
        rates=RATES,
        svg=_draw(verdicts),
        verdicts=verdicts,
    )


def _draw(verdicts: Sequence[Verdicts]) -> Markup:
    """Return the curves, with both axes logarithmic: what counts is on the left."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        rates = np.geomspace(LEAST_RATE, 1, _POINTS)
        axes.plot(rates, rates, "--", color=AXIS, linewidth=1, label="whoever guesses")
        for verdict, colour in zip(verdicts, SERIES_COLOURS, strict=False):
            # What is below the picture is not drawn at its edge: nobody is recognized there.
            recognized = [verdict.recognized_at(rate) or np.nan for rate in rates]
            label = verdict.attack.replace("_", " ")
            axes.plot(rates, recognized, color=colour, linewidth=1.8, label=label)
        axes.set(xscale="log", yscale="log", xlim=(LEAST_RATE, 1), ylim=(LEAST_RATE, 1))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda rate, _: f"{100 * rate:g} %")
        axes.set_xlabel("false alarms: others taken for members", color=AXIS)
        axes.set_ylabel("members recognized", color=AXIS)
        axes.legend(frameon=False, labelcolor=AXIS, loc="lower right")
        dress(axes, "both")

    caption = "Share of members recognized against share of false alarms, for each attack."
    inches = WIDTH_INCHES, HEIGHT_INCHES
    return draw_figure("membership", "Members recognized", caption, inches, paint)
