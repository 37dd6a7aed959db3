"""The demo with participants that have no money, and a relay that pays for all of them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.end_to_end.commands import Site


def test_participants_without_money_take_part_through_a_relay(tmp_path: Path) -> None:
    site = Site(tmp_path)
    demo = ("demo", "run", "--data", "digits", "--participants", "4", "--rounds", "2", "--relay")
    out = site.run(*demo, "--aggregators", "1")
    assert site.wait_until_quiet() == []
    assert len(re.findall(r"(\d+) checks: \1 pass, 0 fail, 0 undecidable", out)) == 1
    rows = [line.split() for line in out.splitlines() if line.split()[:1] in (["1"], ["2"])]
    assert [row[:2] for row in rows] == [["1", "4"], ["2", "4"]]
