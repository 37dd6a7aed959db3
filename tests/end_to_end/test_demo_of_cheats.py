"""The demo with an aggregator that cheats: found, decided on chain, paid for, and outlived."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.end_to_end.commands import Site

DEMO = ("demo", "run", "--data", "digits", "--participants", "3", "--rounds", "2")


@pytest.mark.parametrize(
    ("cheat", "told", "loss"),
    [
        ("wrong-model", "challenged about VALUE", "wrong model, half of it for watcher"),
        ("omit", "lacks update 2, its bond is taken", "omission, half of it for watcher"),
        (
            "equivocate",
            "signed two results, its bond is taken",
            "equivocation, half of it for watcher",
        ),
        ("silent-aggregator", "", "silence"),
    ],
)
def test_a_cheat_is_found_decided_and_paid_for_and_the_rounds_end_right(
    tmp_path: Path, cheat: str, told: str, loss: str
) -> None:
    site = Site(tmp_path)
    out = site.run(*DEMO, "--cheat", cheat)
    assert site.wait_until_quiet() == []
    assert told in out
    assert re.findall("^(.*) lost its bond of (.*): (.*)$", out, re.MULTILINE) == [
        ("aggregator-1", "1 ether", loss)
    ]
    assert len(re.findall(r"(\d+) checks: \1 pass, 0 fail, 0 undecidable", out)) == 1
    assert out.count("updates re-executed") == 2
    rows = [line.split() for line in out.splitlines() if line.split()[:1] in (["1"], ["2"])]
    assert [row[:2] for row in rows] == [["1", "3"], ["2", "3"]]


def test_nobody_is_left_to_go_on_without_a_second_aggregator(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.run(*DEMO, "--aggregators", "1", "--cheat", "omit", code=10)
