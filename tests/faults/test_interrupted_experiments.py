"""The processes of the laboratory end with it, whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

COMMAND = "from fl_chain.cli.main import main; main()"
ARGUMENTS = ["lab", "attack", "--rounds", "100000", "--jobs", "2"]
WAIT_SECONDS = 60


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=lambda how: how.name)
def test_an_ended_laboratory_leaves_no_process(how: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *ARGUMENTS],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    laboratory = psutil.Process(process.pid)
    deadline = time.monotonic() + WAIT_SECONDS
    # Two experiments, the server that they were forked from, and the tracker of its resources.
    while len(laboratory.children(recursive=True)) < 4:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = laboratory.children(recursive=True)
    # At a terminal all of them get it.
    (os.killpg if how == signal.SIGINT else os.kill)(process.pid, how)
    said, _ = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(children, timeout=WAIT_SECONDS)
    assert not alive
