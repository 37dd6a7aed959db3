from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from fl_chain.web.charts import MOST_POINTS, Series, draw_chart
from fl_chain.web.curves import curve_of_norms, curves_of_rounds

XS = (1, 2, 3)
SERIES = (Series("Updates", (3, None, 5)), Series("Selected", (4, 4, 4)))


def draw(name: str = "a", kind: str = "bars") -> str:
    draw_chart.cache_clear()
    return str(draw_chart(name, "Title <x>", "A & b", "Round", XS, SERIES, kind))


@pytest.mark.parametrize("kind", ["bars", "line"])
def test_the_same_numbers_give_the_same_chart(kind: str) -> None:
    assert draw(kind=kind) == draw(kind=kind)


@pytest.mark.parametrize("kind", ["bars", "line"])
def test_a_chart_has_no_style_no_colour_and_no_date_of_its_own(kind: str) -> None:
    root = ET.fromstring(draw(kind=kind))  # noqa: S314 - our own drawing
    for element in root.iter():
        assert "style" not in element.attrib
        assert element.tag.rpartition("}")[2] not in ("style", "metadata", "script", "image")
        for prop in ("fill", "stroke"):
            assert element.get(prop, "none") in ("none", "currentColor"), element.attrib
    assert not re.search(r"20\d\d-\d\d", draw(kind=kind))


def test_a_chart_says_what_it_shows() -> None:
    root = ET.fromstring(draw())  # noqa: S314 - our own drawing
    assert root.get("role") == "img"
    named = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    wanted = str(root.get("aria-labelledby")).split()
    assert [named[name] for name in wanted] == ["Title <x>", "A & b"]


def test_two_charts_have_no_id_in_common() -> None:
    ids = [set(re.findall(r'\bid="([^"]+)"', draw(name))) for name in ("a", "b")]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_a_task_of_many_rounds_is_still_a_small_drawing() -> None:
    many = tuple(range(100 * MOST_POINTS))
    series = (Series("Updates", tuple(n % 7 for n in many)),)
    assert len(draw_chart("big", "Big", "Big", "Round", many, series)) < 100_000


def test_what_has_no_numbers_is_not_drawn() -> None:
    genesis = {"round": 0, "updates": 0, "finished_at": None, "opened_at": None}
    assert curves_of_rounds([{**genesis, "selected": None, "committed": None}]) == []
    assert curve_of_norms([]) == []
