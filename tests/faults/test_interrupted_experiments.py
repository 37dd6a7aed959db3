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


@pytest.mark.parametrize(
    ("how", "num_children"),
    [
        pytest.param(signal.SIGINT, 2, id="interrupted while the server imports"),
        pytest.param(signal.SIGINT, 3, id="interrupted while a process is born"),
        pytest.param(signal.SIGINT, 4, id="interrupted at work"),
        pytest.param(signal.SIGKILL, 4, id="killed at work"),
    ],
)
def test_an_ended_laboratory_leaves_no_process_and_no_traceback(
    how: signal.Signals, num_children: int
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *ARGUMENTS],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    laboratory = psutil.Process(process.pid)
    deadline = time.monotonic() + WAIT_SECONDS
    # The tracker of resources, the server, and two experiments that it forks.
    while len(laboratory.children(recursive=True)) < num_children:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    children = laboratory.children(recursive=True)
    # At a terminal all of them get it.
    (os.killpg if how == signal.SIGINT else os.kill)(process.pid, how)
    said, _ = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(children, timeout=WAIT_SECONDS)
    assert not alive
