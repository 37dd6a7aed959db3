"""Local chain nodes: anvil by default, Hardhat's as the alternative. Loopback only.

anvil writes its state every second and when it is asked to end, so a task's history survives a
restart, and all but the last second survives a kill. Hardhat's node keeps its state in memory only.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from fl_chain.chain.connection import ChainConnection
from fl_chain.errors import ChainUnreachable, DevnetError, ToolchainError
from fl_chain.interrupts import signals_held
from fl_chain.npm import ensure_packages, node_executable
from fl_chain.process import (
    LOOPBACK,
    ProcessIdentity,
    choose_port,
    read_log_end,
    start_process,
)

Progress = Callable[[str], None] | None

DEFAULT_PORT = 8545
CHAIN_ID = 31337
HARDFORK = "prague"
KINDS = ("anvil", "hardhat")
RECENT_STATES = 128
"""Blocks back that anvil can be asked about the state of accounts; logs it keeps all."""
START_SECONDS = 60.0

FAUCET_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""First account of the mnemonic that every devnet shares. Public: worth nothing anywhere else."""


@dataclass(frozen=True, slots=True)
class ChainNode:
    """A running chain node."""

    kind: str
    rpc_url: str
    process: ProcessIdentity


def start_chain_node(
    kind: str,
    directory: Path,
    port: int = DEFAULT_PORT,
    progress: Progress = None,
) -> ChainNode:
    """Start a chain node and wait until it answers.

    Parameters
    ----------
    kind
        ``anvil`` or ``hardhat``.
    directory
        Where state and log are kept.
    port
        TCP port on loopback, 0 for any free one.
    progress
        Called with one line when npm packages have to be installed first.

    Raises
    ------
    PortTaken, ToolchainError, DevnetError
    """
    directory.mkdir(parents=True, exist_ok=True)
    directory = directory.resolve()
    port = choose_port(port, "chain node")
    log_path = directory / f"{kind}.log"
    build = _anvil if kind == "anvil" else _hardhat
    arguments = build(directory, port, progress)
    node = None
    try:
        with signals_held():
            process, identity = start_process(arguments, log_path, directory=directory)
            node = ChainNode(kind, f"http://{LOOPBACK}:{port}", identity)
        _await_answer(node, process, log_path)
    except BaseException:
        if node is not None:
            node.process.stop()  # Ctrl-C while it starts leaves nothing behind either
        raise
    return node


def _await_answer(node: ChainNode, process: subprocess.Popen[bytes], log_path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            ChainConnection(node.rpc_url, CHAIN_ID, timeout_seconds=2)
        except ChainUnreachable:
            if process.poll() is not None or time.monotonic() > deadline:
                detail = read_log_end(log_path).splitlines()[-1:]
                raise DevnetError(
                    f"{node.kind} did not start: {' '.join(detail) or 'no output'}",
                    f"see {log_path}",
                ) from None
            time.sleep(0.02)
        else:
            return


def faucet_account() -> LocalAccount:
    """Return the account that owns the devnet's money."""
    account: LocalAccount = Account.from_key(FAUCET_KEY)
    return account


def _anvil(directory: Path, port: int, progress: Progress) -> list[str | Path]:
    state = directory / "anvil-state.json"
    _restore_state(state)
    return [
        _anvil_executable(progress),
        *("--host", LOOPBACK, "--port", str(port)),
        *("--chain-id", str(CHAIN_ID), "--hardfork", HARDFORK),
        *("--gas-limit", "30000000"),
        *("--state", state, "--state-interval", "1"),
        # Otherwise it writes every past state to ~/.foundry and leaves it there, gigabytes.
        *("--prune-history", str(RECENT_STATES)),
        "--quiet",
    ]


def _restore_state(state: Path) -> None:
    """Keep the last state that is whole: a kill can hit anvil while it writes."""
    backup = state.with_suffix(".backup.json")
    try:
        json.loads(state.read_bytes())
    except FileNotFoundError:
        return
    except ValueError:
        if not backup.exists():
            raise DevnetError(
                f"{state} is damaged", "fl-chain devnet up --reset starts a new chain"
            ) from None
        shutil.copyfile(backup, state)
    else:
        shutil.copyfile(state, backup)


def _anvil_executable(progress: Progress) -> Path:
    machine = platform.machine().lower()
    cpu = "arm64" if machine in ("arm64", "aarch64") else "amd64"
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform, sys.platform)
    package = f"anvil-{system}-{cpu}"
    with resources.as_file(resources.files("fl_chain.chain") / "nodes" / "anvil") as source:
        packages = ensure_packages(source, "anvil", progress=progress)
    # The platform's binary itself: the package's JavaScript front would outlive a signal to it.
    executable = packages / "node_modules" / "@foundry-rs" / package / "bin" / "anvil"
    if not executable.exists():
        raise ToolchainError(
            f"npm has no anvil for {system} on {machine}",
            "use --devnet hardhat, or any chain node with --rpc",
        )
    return executable


def _hardhat(directory: Path, port: int, progress: Progress) -> list[str | Path]:
    with resources.as_file(resources.files("fl_chain.chain") / "nodes" / "hardhat") as source:
        packages = ensure_packages(source, "hardhat", progress=progress)
        shutil.copyfile(source / "hardhat.config.mjs", packages / "hardhat.config.mjs")
    return [
        node_executable(),
        packages / "node_modules" / "hardhat" / "dist" / "src" / "cli.js",
        *("--config", packages / "hardhat.config.mjs"),
        *("node", "--network", "node"),
        # Without a name it would listen on every interface.
        *("--hostname", LOOPBACK, "--port", str(port)),
    ]
