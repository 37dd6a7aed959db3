"""The demo with a seed that selects who takes part, from real processes to the audit."""

from __future__ import annotations

import re
from pathlib import Path

from tests.end_to_end.commands import Site


def test_a_seed_selects_who_takes_part_and_the_audit_derives_the_same(tmp_path: Path) -> None:
    site = Site(tmp_path)
    demo = ("demo", "run", "--data", "digits", "--participants", "4", "--rounds", "2")
    out = site.run(*demo, "--aggregators", "2", "--sample-rate", "0.75")
    assert site.wait_until_quiet() == []
    assert len(re.findall(r"(\d+) checks: \1 pass, 0 fail, 0 undecidable", out)) == 1
    # A round without anybody has no row, and the next one has another number.
    rows = [line.split()[:2] for line in out.splitlines() if re.match(r" +\d+ +[1-4] +\d/2 ", line)]
    assert len(rows) == 2
