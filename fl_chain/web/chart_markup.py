"""From matplotlib's SVG to one that fits into a page: no style attributes, no colours of its own.

A content-security policy without inline styles drops every ``style`` attribute; what these say is
said by presentation attributes as well. Sentinel colours become ``currentColor`` with a class.

Source: SVG 2, chapter 6 (styling), https://www.w3.org/TR/SVG2/styling.html.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

AXIS: Final = "#010203"
GRID: Final = "#010204"
SERIES_COLOURS: Final = ("#010205", "#010206", "#010207", "#010208")
_CLASSES: Final = {
    AXIS: "chart-axis",
    GRID: "chart-grid",
    **{colour: f"chart-series-{i + 1}" for i, colour in enumerate(SERIES_COLOURS)},
}
_SVG: Final = "http://www.w3.org/2000/svg"
_XLINK: Final = "http://www.w3.org/1999/xlink"
_FONT_SIZE: Final = re.compile(r"([\d.]+)px")
_DROPPED: Final = ("metadata", "style")

ET.register_namespace("", _SVG)
ET.register_namespace("xlink", _XLINK)


def clean_svg(text: str, name: str, title: str, caption: str) -> str:
    """Return the SVG for use within a page.

    Parameters
    ----------
    text
        As matplotlib wrote it: this is no parser for what others wrote.
    name
        Prefix of the ids of title and caption.
    title, caption
        For screen readers.
    """
    root = ET.fromstring(text)  # noqa: S314 - our own drawing
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.removeprefix(f"{{{_SVG}}}") in _DROPPED:
                parent.remove(child)
        _restyle(parent)
        # Ids that nothing refers to would be there again in the next chart of the page.
        if "id" in parent.attrib and f"#{parent.attrib['id']}" not in text:
            del parent.attrib["id"]
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    heading = ET.Element(f"{{{_SVG}}}title", {"id": f"{name}-title"})
    heading.text = title
    description = ET.Element(f"{{{_SVG}}}desc", {"id": f"{name}-desc"})
    description.text = caption
    root[0:0] = [heading, description]
    root.set("role", "img")
    root.set("class", "chart")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    return ET.tostring(root, encoding="unicode")


def _restyle(element: ET.Element) -> None:
    style = element.attrib.pop("style", "")
    for declaration in filter(None, (part.strip() for part in style.split(";"))):
        prop, _, value = (part.strip() for part in declaration.partition(":"))
        if prop == "font":  # the shorthand is no presentation attribute; the family is the page's
            found = _FONT_SIZE.search(value)
            element.set("font-size", found[1] if found else "9")
        elif not prop.startswith("-"):
            element.set(prop, value)
    for prop in ("fill", "stroke"):
        css = _CLASSES.get(element.get(prop, ""))
        if css is not None:
            element.set(prop, "currentColor")
            element.set("class", css)
