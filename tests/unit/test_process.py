"""Processes that are started, and ended by identity."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from fl_chain.errors import DevnetError, PortTaken
from fl_chain.process import (
    ProcessIdentity,
    choose_port,
    identify,
    read_log_end,
    start_process,
)

SLEEPER = [sys.executable, "-c", "print('ready', flush=True); import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('ready', flush=True); time.sleep(600)",
]


def wait_for(log: Path, text: str) -> None:
    while text not in read_log_end(log):
        threading.Event().wait(0.01)


@pytest.mark.parametrize("arguments", [SLEEPER, STUBBORN], ids=["polite", "stubborn"])
def test_a_process_is_ended_whether_it_wants_to_or_not(
    tmp_path: Path, arguments: list[str]
) -> None:
    process, identity = start_process(arguments, tmp_path / "log")
    wait_for(tmp_path / "log", "ready")
    assert identity.is_running
    identity.stop(timeout_seconds=0.3)
    assert not identity.is_running
    assert process.poll() is not None
    identity.stop()  # once more does nothing


def test_a_reused_number_is_not_the_same_process(tmp_path: Path) -> None:
    process, identity = start_process(SLEEPER, tmp_path / "log")
    stranger = ProcessIdentity(identity.pid, identity.started_at - 100)
    stranger.stop()
    assert identity.is_running
    assert not stranger.is_running
    identity.stop()
    assert process.poll() is not None


def test_a_process_of_somebody_else_is_ended_without_waiting_for_its_parent(
    tmp_path: Path,
) -> None:
    """Its parent does not reap it, so that it stays in the process table as a zombie."""
    script = (
        "import subprocess, sys, time;"
        f"print(subprocess.Popen({SLEEPER!r}, stdout=subprocess.DEVNULL).pid, flush=True);"
        "time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = identify(int(parent.stdout.readline()))
        child.stop(timeout_seconds=30)
        assert not child.is_running
        assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
        parent.kill()


def test_what_cannot_be_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DevnetError, match="cannot run"):
        start_process([tmp_path / "nothing"], tmp_path / "log")


def test_a_taken_port_is_an_error_and_zero_is_any_free_one() -> None:
    port = choose_port(0, "test")
    assert port > 0
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        with pytest.raises(PortTaken, match=f"port {port} for the test is taken"):
            choose_port(port, "test")
