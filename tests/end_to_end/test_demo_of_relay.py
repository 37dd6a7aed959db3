"""The demo with a relay that pays for all participants, and with an aggregator that lists them."""

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


def test_an_aggregator_lists_what_participants_hand_in(tmp_path: Path) -> None:
    """On a busy machine some of them may be late, and send their updates themselves."""
    site = Site(tmp_path)
    demo = ("demo", "run", "--data", "digits", "--participants", "4", "--rounds", "2", "--lists")
    out = site.run(*demo)
    assert site.wait_until_quiet() == []
    assert len(re.findall(r"(\d+) checks: \1 pass, 0 fail, 0 undecidable", out)) == 1
    assert "1 of 1 lists fetched" in out
    rows = [line.split() for line in out.splitlines() if re.match(r" +\d+ +4 +", line)]
    assert len(rows) == 2
