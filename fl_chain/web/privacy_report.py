"""What the laboratory rebuilt of participants' images, as one HTML file with the pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from fl_chain.lab.exposure import RECOGNIZED, Rebuilt
from fl_chain.lab.exposure_summary import summarize_exposures
from fl_chain.lab.modes import GROUP_SUM, NOISED, Exposure
from fl_chain.web.templating import read_style, render

MOST_PICTURES: Final = 8
"""Examples of one participant that are shown; the numbers are about all."""
PICTURE_PIXELS: Final = 56
"""Least side of a picture."""


def make_privacy_report(base: Exposure, found: Sequence[Rebuilt]) -> str:
    """Return the report.

    Parameters
    ----------
    base
        What all attacks have in common.
    found
        What became of each.
    """
    every_shown = {rebuilt.exposure.shown for rebuilt in found}
    sizes = list(dict.fromkeys(rebuilt.exposure.num_examples for rebuilt in found))
    return render(
        "privacy.html",
        style=Markup(read_style()),  # noqa: S704 - our own file
        word_base="",
        base=base,
        is_one_step=base.batch_size >= max(sizes),
        recognized=RECOGNIZED,
        has_groups=GROUP_SUM in every_shown,
        has_noise=NOISED in every_shown,
        num_seeds=len({rebuilt.exposure.seed for rebuilt in found}),
        sections=[_describe(size, found) for size in sizes],
    )


def _describe(size: int, found: Sequence[Rebuilt]) -> dict[str, Any]:
    those = [rebuilt for rebuilt in found if rebuilt.exposure.num_examples == size]
    first = those[0]
    # The same seed has the same participants, whatever is shown of them.
    pictured = [one for one in those if one.exposure.seed == first.exposure.seed]
    strips = [("", "what they trained on", _strip(first.originals))]
    strips += [
        (one.exposure.mode, _name(one.exposure), _strip(one.found.images)) for one in pictured
    ]
    strips.append(("blind", "the nearest of images of the test set", _strip(first.blind.images)))
    alone = [one for one in pictured if one.exposure.num_behind == 1]
    for inversion, one in {one.exposure.inversion: one for one in alone}.items():
        name = f"random numbers, {inversion.replace('_', ' ')}"
        strips.append(("blind", name, _strip(one.random.images)))
    return {
        "size": size,
        "num_pictured": min(size, MOST_PICTURES),
        "strips": strips,
        "rows": [{"name": _name(one.exposure), "of": one} for one in summarize_exposures(those)],
    }


def _name(exposure: Exposure) -> str:
    return f"{exposure.name}, {exposure.inversion.replace('_', ' ')}"


def _strip(images: NDArray[np.float64]) -> Markup:
    """Return images side by side as the address of a PNG."""
    chosen = images[:MOST_PICTURES]
    scale = max(1, -(-PICTURE_PIXELS // chosen.shape[1]))
    gap = np.ones((chosen.shape[1] * scale, 4))
    large = [np.kron(image, np.ones((scale, scale))) for image in chosen]
    strip = np.hstack([part for image in large for part in (image, gap)][:-1])
    with io.BytesIO() as file:
        Image.fromarray((255 * strip).round().astype(np.uint8)).save(file, "PNG")
        data = base64.b64encode(file.getvalue()).decode("ascii")
    return Markup(f"data:image/png;base64,{data}")  # noqa: S704 - base64
