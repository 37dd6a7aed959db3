"""Charts as SVG, drawn on the server: the same numbers give the same bytes.

Colours are classes of the style sheet, so that a chart is as light or dark as its page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fl_chain.web.chart_markup import AXIS, SERIES_COLOURS
from fl_chain.web.figures import draw_figure, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES: Final = 4.6
HEIGHT_INCHES: Final = 2.1
MOST_BARS: Final = 120
"""More rounds than that are drawn as a line: bars would be thinner than a pixel."""
MOST_POINTS: Final = 2000


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers of one kind."""

    name: str
    values: tuple[int | float | None, ...]


@lru_cache(maxsize=128)
def draw_chart(
    name: str,
    title: str,
    caption: str,
    x_label: str,
    xs: tuple[int, ...],
    series: tuple[Series, ...],
    kind: str = "bars",
) -> Markup:
    """Return a chart.

    Parameters
    ----------
    name
        Goes into the ids within, so that two charts on one page have none in common.
    title, caption
        What a screen reader says.
    x_label
        What the horizontal axis counts.
    xs
        Ascending whole numbers.
    series
        One value for each of ``xs``; None where there is none. At most 4.
    kind
        ``bars`` or ``line``; bars become a line where there are too many.
    """
    step = max(1, -(-len(xs) // MOST_POINTS))
    xs = xs[::step]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        is_line = kind == "line" or len(xs) > MOST_BARS
        for place, (entry, colour) in enumerate(zip(series, SERIES_COLOURS, strict=False)):
            values = [float("nan") if v is None else v for v in entry.values[::step]]
            if is_line:
                marker = "o" if len(xs) <= 40 else ""
                axes.plot(xs, values, color=colour, label=entry.name, marker=marker, markersize=3)
            else:
                width = 0.8 / len(series)
                places = [x + (place - (len(series) - 1) / 2) * width for x in xs]
                axes.bar(places, values, width * 0.9, color=colour, label=entry.name)
        _dress(axes, x_label, series)

    return draw_figure(name, title, caption, (WIDTH_INCHES, HEIGHT_INCHES), paint)


def _dress(axes: Axes, x_label: str, series: Sequence[Series]) -> None:
    axes.set_ylim(bottom=0)
    dress(axes, "y")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    is_whole = all(isinstance(v, int | None) for entry in series for v in entry.values)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=is_whole, min_n_ticks=1))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if is_whole else f"{value:g}")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    axes.set_xlabel(x_label, color=AXIS)
    if len(series) > 1:
        axes.legend(
            frameon=False,
            labelcolor=AXIS,
            ncols=len(series),
            loc="lower left",
            bbox_to_anchor=(0, 1),
        )
