"""Starts and stops the IPFS node that comes with fl_chain."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fl_chain.errors import DevnetError, LocalStateError, PortTaken, ToolchainError, UsageError
from fl_chain.interrupts import signals_held
from fl_chain.npm import ensure_packages, node_executable, stage_sources

__all__ = ["RunningNode", "source_directory", "start_node"]

LOOPBACK_SWARM: Final = "/ip4/127.0.0.1/tcp/0"
START_TIMEOUT_SECONDS: Final = 60.0
STOP_TIMEOUT_SECONDS: Final = 5.0
_EXIT_BAD_COMMAND_LINE: Final = 64
_EXIT_REPOSITORY_LOCKED: Final = 73
_EXIT_PORT_TAKEN: Final = 75
# Node does file I/O in 4 threads unless told otherwise; flushes of parallel adds wait there.
_IO_THREADS: Final = "16"


def source_directory() -> Path:
    """Return the directory with the node's scripts: in the wheel or in a checkout.

    Raises
    ------
    ToolchainError
        When it is in neither place.
    """
    here = Path(__file__).resolve()
    for directory in (here.parent / "embedded", here.parents[2] / "ipfs"):
        if (directory / "node.mjs").is_file():
            return directory
    raise ToolchainError("the scripts of the embedded IPFS node are missing", "reinstall fl_chain")


@dataclass(frozen=True, slots=True)
class RunningNode:
    """An embedded node that has reported ready."""

    pid: int
    api_multiaddr: str
    swarm_addresses: tuple[str, ...]
    """Where other nodes reach it, with its peer id."""
    peer_id: str
    process: subprocess.Popen[bytes] = field(repr=False)

    def stop(self) -> None:
        """End the node and wait for it; a second call does nothing."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()  # loses nothing: what was acknowledged is on disk
                self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


def start_node(
    repo: Path,
    *,
    api_port: int = 0,
    swarm: str = LOOPBACK_SWARM,
    peers: Sequence[str] = (),
    log_path: Path,
    detached: bool,
    extra_arguments: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> RunningNode:
    """Start an embedded node and wait until it is ready.

    Parameters
    ----------
    repo
        Where it keeps blocks, pins and its key; created when missing.
    api_port
        On 127.0.0.1; 0 lets the system choose.
    swarm
        Multiaddr at which it listens for other nodes; port 0 lets the system choose.
    peers
        Multiaddrs with peer ids; the node stays connected to them.
    log_path
        Its log is appended there.
    detached
        True: it lives on when this process ends, and Ctrl-C in the terminal does not reach it.
        False: it ends with this process, however that ends.
    extra_arguments
        Further options of ``node.mjs``.
    progress
        Called with one line when npm packages have to be installed first.

    Raises
    ------
    UsageError
        An address, a peer, or the key of a private swarm is none.
    PortTaken
        Another program listens on one of the ports.
    DevnetError
        The repository is in use, or the node did not start.
    ToolchainError
        Node or npm did not do its part.
    """
    source = source_directory()
    packages = ensure_packages(source, "ipfs-node", progress=progress)
    script = stage_sources(source, packages) / "node.mjs"
    command = [str(node_executable()), str(script), "--repo", str(repo)]
    # What others say is never taken for an option of its own.
    command += [f"--api=127.0.0.1:{api_port}", f"--swarm={swarm}"]
    command += [f"--peer={peer}" for peer in peers]
    if not detached:
        command.append("--stop-when-stdin-closes")
    process: subprocess.Popen[bytes] | None = None
    try:
        with signals_held():
            process, log_start = _start(command, extra_arguments, log_path, detached)
        line = _first_line(process)
    except BaseException:
        if process is not None:
            _give_up(process)
        raise
    if not line.endswith(b"\n"):
        _give_up(process)
        raise _startup_error(process.returncode, _log_since(log_path, log_start), log_path)
    ready = json.loads(line)
    return RunningNode(
        pid=process.pid,
        api_multiaddr=ready["api"],
        swarm_addresses=tuple(ready["swarm"]),
        peer_id=ready["peer_id"],
        process=process,
    )


def _start(
    command: Sequence[str], extra_arguments: Sequence[str], log_path: Path, detached: bool
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the process; return it and where its part of the log begins."""
    try:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            log_start = log.tell()
            process = subprocess.Popen(
                [*command, *extra_arguments],
                stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={"UV_THREADPOOL_SIZE": _IO_THREADS, **os.environ},
                start_new_session=detached,
            )
    except OSError as error:
        raise LocalStateError(f"the IPFS node cannot be started: {error}") from error
    return process, log_start


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    """Read what the node prints first; without a line end when it ended or took too long."""
    line = b""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    stdout = process.stdout
    assert stdout is not None  # noqa: S101 - it was asked for
    with selectors.DefaultSelector() as selector, stdout:
        selector.register(stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                break
            data = os.read(stdout.fileno(), 65536)
            if not data:
                break
            line += data
    return line


def _give_up(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(1.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _log_since(log_path: Path, start: int) -> str:
    with log_path.open("rb") as log:
        log.seek(start)
        return log.read().decode("utf-8", "replace").strip()


def _startup_error(exit_code: int, log: str, log_path: Path) -> DevnetError | UsageError:
    lines = log.splitlines() or ["no message"]
    if exit_code == _EXIT_BAD_COMMAND_LINE:
        return UsageError(f"the IPFS node cannot start: {lines[0]}")
    if exit_code == _EXIT_PORT_TAKEN:
        return PortTaken(
            f"the IPFS node cannot start: {lines[-1]}",
            "stop what listens there, or take any free ports with --any-ports",
        )
    if exit_code == _EXIT_REPOSITORY_LOCKED:
        return DevnetError(f"the IPFS node cannot start: {lines[-1]}", "stop the other node first")
    return DevnetError(
        f"the IPFS node ended with exit code {exit_code}: {lines[0]}", f"see {log_path}"
    )
