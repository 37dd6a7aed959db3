"""Child processes that are ended by identity, not by number.

A process id is reused once its process is gone, so a process is remembered by id and start time
together; ending one never hits a stranger.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from fl_chain.errors import DevnetError, PortTaken

LOOPBACK = "127.0.0.1"
STOP_SECONDS = 10.0
"""Time between asking a process to end and ending it."""
POLL_SECONDS = 0.01

_background: dict[int, subprocess.Popen[bytes]] = {}
"""Handles of background processes: Python complains about one that is dropped while it runs."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process, for good."""

    pid: int
    started_at: float
    """Start time as the system reports it, in seconds since the epoch."""

    @property
    def is_running(self) -> bool:
        """Whether this very process still runs."""
        return self._find() is not None

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """Ask the process to end, and end it when it has not after a while."""
        process = self._find()
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGTERM)
                if not self._wait(timeout_seconds):
                    process.kill()
                    self._wait(timeout_seconds)
        handle = _background.pop(self.pid, None)
        if handle is not None:
            # Its main thread has ended; the others follow within moments.
            with contextlib.suppress(subprocess.TimeoutExpired):
                handle.wait(timeout_seconds)

    def _wait(self, timeout_seconds: float) -> bool:
        """Wait until the process has ended, whether or not its parent has taken note."""
        deadline = time.monotonic() + timeout_seconds
        while self.is_running:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _find(self) -> psutil.Process | None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started_at) < 1
            if is_same and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


def start_process(
    arguments: Sequence[str | Path],
    log_path: Path,
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> tuple[subprocess.Popen[bytes], ProcessIdentity]:
    """Start a background process whose output goes to a log file.

    It runs in a session of its own, so that Ctrl-C in a terminal reaches only the command that
    started it, which then ends it in good order.

    Raises
    ------
    DevnetError
        The program cannot be run.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log_path.open("ab") as log:
            process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=directory,
                start_new_session=True,
            )
    except OSError as error:
        raise DevnetError(f"cannot run {arguments[0]}: {error.strerror}") from None
    _background[process.pid] = process
    return process, identify(process.pid)


def identify(pid: int) -> ProcessIdentity:
    """Return the identity of a running process."""
    try:
        return ProcessIdentity(pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return ProcessIdentity(pid, 0.0)


def choose_port(port: int, purpose: str) -> int:
    """Return ``port`` if it is free on loopback, or any free one for 0.

    Raises
    ------
    PortTaken
        Another program listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise PortTaken(
                f"port {port} for the {purpose} is taken",
                "stop what listens there, or take any free ports with --any-ports",
            ) from None
        return int(probe.getsockname()[1])


def read_log_end(log_path: Path, max_bytes: int = 2000) -> str:
    """Return the end of a log, for an error message."""
    with contextlib.suppress(OSError):
        return log_path.read_bytes()[-max_bytes:].decode(errors="replace").strip()
    return ""
