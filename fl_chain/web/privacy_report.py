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

from fl_chain.lab.exposure import RECOGNIZED, UPDATE, Exposure, Rebuilt
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
    sizes = list(dict.fromkeys(rebuilt.exposure.num_examples for rebuilt in found))
    return render(
        "privacy.html",
        style=Markup(read_style()),  # noqa: S704 - our own file
        word_base="",
        base=base,
        is_one_step=base.batch_size >= max(sizes),
        recognized=RECOGNIZED,
        num_seeds=len({rebuilt.exposure.seed for rebuilt in found}),
        sections=[_describe(size, found) for size in sizes],
    )


def _describe(size: int, found: Sequence[Rebuilt]) -> dict[str, Any]:
    those = [rebuilt for rebuilt in found if rebuilt.exposure.num_examples == size]
    first = those[0]
    # The same seed has the same participants, whatever is shown of them.
    pictured = [one for one in those if one.exposure.seed == first.exposure.seed]
    strips = [("what they trained on", _strip(first.originals))]
    strips += [(_name(one), _strip(one.images)) for one in pictured]
    strips.append(("a blind guess", _strip(first.blind_images)))
    return {
        "size": size,
        "num_pictured": min(size, MOST_PICTURES),
        "strips": strips,
        "rows": [{"name": _name(one), "of": one} for one in those],
    }


def _name(rebuilt: Rebuilt) -> str:
    exposure = rebuilt.exposure
    shown = "an update" if exposure.shown == UPDATE else f"the mean of {exposure.num_participants}"
    return f"{shown}, {exposure.inversion.replace('_', ' ')}"


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
