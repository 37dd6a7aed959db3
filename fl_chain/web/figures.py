"""How every chart is drawn: its font, its frame, and its way into a page."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Final, Literal

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fl_chain.web.chart_markup import AXIS, GRID, clean_svg

FONT_POINTS: Final = 9
_NO_METADATA: Final[dict[str, Any]] = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def draw_figure(
    name: str,
    title: str,
    caption: str,
    inches: tuple[float, float],
    paint: Callable[[Figure], None],
) -> Markup:
    """Return a chart as SVG for use within a page; the same chart has the same bytes.

    Parameters
    ----------
    name
        Unique within the page.
    title, caption
        For screen readers.
    inches
        Width and height.
    paint
        Puts axes and what is in them into the figure.
    """
    with (
        mpl.rc_context(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": name,
                "font.family": "sans-serif",
                "font.size": FONT_POINTS,
            }
        ),
        io.StringIO() as text,
    ):
        figure = Figure(figsize=inches, layout="constrained")
        paint(figure)
        figure.patch.set_visible(False)
        figure.savefig(text, format="svg", metadata=_NO_METADATA)
        return Markup(clean_svg(text.getvalue(), name, title, caption))  # noqa: S704 - our drawing


def dress(axes: Axes, grid: Literal["x", "y", "both"]) -> None:
    """Give axes the frame and the grid that all charts have."""
    axes.set_facecolor("none")
    axes.grid(axis=grid, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=AXIS, length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(AXIS)
