"""The main job in one command, from nothing to an audit, and every way out of it."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.end_to_end.commands import TIMEOUT_SECONDS, Site

DEMO = ("demo", "run", "--data", "digits", "--participants", "3", "--rounds", "2")


def test_the_demo_trains_audits_and_leaves_nothing_running(tmp_path: Path) -> None:
    site = Site(tmp_path)
    out = site.run(*DEMO)
    assert site.wait_until_quiet() == []
    rows = [line.split() for line in out.splitlines() if line.split()[:1] in (["1"], ["2"])]
    assert [row[:3] for row in rows] == [["1", "3", "2/3"], ["2", "3", "2/3"]]
    assert out.startswith("3 participants, 3 aggregators, 2 rounds on digits\n")
    (total,) = re.findall(r"(\d+) checks: \1 pass, 0 fail, 0 undecidable", out)
    assert out.count("PASS") == int(total) + 1
    assert out.count("updates re-executed") == 2
    assert "stopped" not in out


def test_a_demo_with_commitments_shows_no_update_before_all_have_committed(tmp_path: Path) -> None:
    site = Site(tmp_path)
    out = site.run(*DEMO, "--commit-reveal", "--keep")
    rows = [line.split() for line in out.splitlines() if line.split()[:1] in (["1"], ["2"])]
    assert [row[:3] for row in rows] == [["1", "3", "2/3"], ["2", "3", "2/3"]]
    assert len(re.findall(r"(\d+) checks: \1 pass, 0 fail, 0 undecidable", out)) == 1
    (ask,) = (line for line in out.splitlines() if "history rounds" in line)
    rounds = site.rows(*ask.split()[1:])
    assert [row["committed"] for row in rounds] == [None, 3, 3]
    assert site.run("demo", "run", "--stop") == "stopped\n"
    assert site.wait_until_quiet() == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("participants, 3 aggregators", signal.SIGINT),
        ("starting the chain", signal.SIGINT),
        ("starting IPFS node 2", signal.SIGINT),
        ("deploying the contracts", signal.SIGINT),
        ("task 0x", signal.SIGINT),
        ("task 0x", signal.SIGTERM),
        ("test accuracy", signal.SIGINT),
        (" 2/3 ", signal.SIGINT),
        ("audit run", signal.SIGINT),
        ("audit run", signal.SIGTERM),
        ("PASS", signal.SIGINT),
    ],
)
def test_an_interrupted_demo_leaves_nothing_running(
    tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    site = Site(tmp_path)
    with site.start(*DEMO) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if moment in line:
                break
        # A terminal sends Ctrl-C to the whole group, a service manager its signal to one process.
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        _, err = process.communicate(timeout=TIMEOUT_SECONDS)
    # 130 is also what a shell says of a process that ended by SIGINT itself, as Python does when
    # the signal hits code that it compiles.
    assert process.returncode in (130, -signal.SIGINT), err
    assert err.strip() == "interrupted"
    assert site.wait_until_quiet() == []


def test_a_second_interrupt_while_a_demo_stops_leaves_nothing_running(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.start(*DEMO) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "test accuracy" in line:
                break
        nodes = [p for p in site.processes() if any("node.mjs" in word for word in p.cmdline())]
        assert len(nodes) == 2
        os.killpg(process.pid, signal.SIGINT)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while all(node.is_running() for node in nodes):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        # One node has ended, the other and the chain are still to come.
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode in (130, -signal.SIGINT), err
    assert site.wait_until_quiet() == []


def test_a_demo_that_is_kept_can_be_asked_and_stopped(tmp_path: Path) -> None:
    site = Site(tmp_path)
    out = site.run(
        *("demo", "run", "--data", "digits", "--participants", "1", "--aggregators", "1"),
        *("--rounds", "1", "--keep"),
    )
    assert out.startswith("1 participant, 1 aggregator, 1 round on digits\n")
    _, row = (line.split() for line in out.splitlines() if line.split()[:1] == ["1"])
    assert row[:3] == ["1", "1", "1/1"]
    (ask,) = (line for line in out.splitlines() if "history rounds" in line)
    rows = site.rows(*ask.split()[1:])
    assert [row["phase"] for row in rows] == ["FINALIZED", "FINALIZED"]
    assert site.processes()
    assert site.run("demo", "run", "--stop") == "stopped\n"
    assert site.wait_until_quiet() == []
    assert site.run("demo", "run", "--stop") == "nothing was running\n"
