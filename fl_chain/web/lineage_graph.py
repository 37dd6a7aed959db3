"""The lineage of a model as a drawing: models one below the other, beside each its updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from fl_chain.web.templating import environment

MOST_UPDATES: Final = 8
"""Drawn of each model; the heaviest ones."""
WIDTH: Final = 340
MODEL_X, MODEL_WIDTH = 2, 116
UPDATE_X: Final = 168
ROW: Final = 24
MODEL_HEIGHT: Final = 46
GAP: Final = 26

Row = Mapping[str, Any]


def draw_lineage(models: Sequence[Row], oldest: Row | None, base_path: str) -> Markup:
    """Return the drawing.

    Parameters
    ----------
    models
        As from trace_model, the newest first.
    oldest
        The model before these, shown as a link; None if the last one is the genesis model.
    base_path
        Path of the task.
    """
    nodes: list[dict[str, Any]] = []
    y = 2
    for model in models:
        updates, hidden = _choose(model["submissions"])
        lines = len(updates) + bool(hidden)
        height = max(MODEL_HEIGHT, ROW * lines)
        middle = y + height / 2
        total = model["total_weight"]
        nodes.append(
            {
                "model": model,
                "y": middle - MODEL_HEIGHT / 2,
                "middle": middle,
                "updates": [
                    {
                        "row": row,
                        "y": y + (height - ROW * lines) / 2 + ROW * place + ROW / 2,
                        "share": row["weight"] / total if _is_in(row) and total else None,
                    }
                    for place, row in enumerate(updates)
                ],
                "hidden": hidden,
                "hidden_y": y + (height + ROW * lines) / 2 - ROW / 2,
            }
        )
        y += height + GAP
    values = {
        "nodes": nodes,
        "oldest": oldest,
        "base_path": base_path,
        "height": y + (MODEL_HEIGHT if oldest else -GAP) + 2,
        "end_y": y,
        "width": WIDTH,
        "x": MODEL_X,
        "model_width": MODEL_WIDTH,
        "model_height": MODEL_HEIGHT,
        "update_x": UPDATE_X,
    }
    return Markup(environment().get_template("lineage.svg").render(values))  # noqa: S704


def _is_in(row: Row) -> bool:
    return row["status"] == "included" and row["weight"] is not None


def _choose(updates: Sequence[Row]) -> tuple[list[Row], int]:
    """Return the updates to draw, in order, and how many are not drawn."""
    if len(updates) <= MOST_UPDATES:
        return list(updates), 0
    heaviest = sorted(updates, key=lambda row: (-(row["weight"] or 0), row["sequence"]))
    chosen = sorted(heaviest[: MOST_UPDATES - 1], key=lambda row: row["sequence"])
    return list(chosen), len(updates) - len(chosen)
