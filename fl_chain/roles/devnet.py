"""A whole devnet on this machine: one chain node and some IPFS nodes, connected to one another.

What runs is written down in the state directory, so that later commands find it and a restart
brings the same ports, identities and history back.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.devnet import DEFAULT_PORT, KINDS, faucet_account, start_chain_node
from fl_chain.chain.ethereum import transfer
from fl_chain.errors import DevnetError, FlChainError, LocalStateError
from fl_chain.process import ProcessIdentity, identify
from fl_chain.storage.embedded_node import start_node
from fl_chain.whole_file import write_whole

__all__ = [
    "KINDS",
    "Devnet",
    "Service",
    "fund",
    "read_devnet",
    "reset_devnet",
    "start_devnet",
    "stop_devnet",
]

IPFS_PORT = 5001
SWARM_PORT = 4001
FUND_WEI = 10**19
"""Ten ether: tens of thousands of submissions."""


@dataclass(frozen=True, slots=True)
class Service:
    """One running node of the devnet."""

    name: str
    """``chain`` or ``ipfs-N``."""
    address: str
    """RPC URL or API multiaddr."""
    peers: tuple[str, ...]
    """Where other IPFS nodes reach it."""
    process: ProcessIdentity


@dataclass(frozen=True, slots=True)
class Devnet:
    """What runs, or ran last, in a state directory."""

    kind: str
    services: tuple[Service, ...]

    @property
    def chain(self) -> Service:
        """The chain node."""
        return self.services[0]

    @property
    def ipfs(self) -> tuple[Service, ...]:
        """The IPFS nodes."""
        return self.services[1:]

    @property
    def is_running(self) -> bool:
        """Whether every service runs."""
        return all(service.process.is_running for service in self.services)


def read_devnet(state: Path) -> Devnet | None:
    """Return what runs or ran last in a state directory, None if nothing ever did."""
    try:
        contents = json.loads(_record_path(state).read_bytes())
        services = tuple(
            Service(
                name=entry["name"],
                address=entry["address"],
                peers=tuple(entry["peers"]),
                process=ProcessIdentity(**entry["process"]),
            )
            for entry in contents["services"]
        )
        return Devnet(contents["kind"], services)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise LocalStateError(
            f"{_record_path(state)} is damaged", "remove it; nodes started before must be ended"
        ) from None


def start_devnet(
    state: Path,
    *,
    kind: str = "anvil",
    num_ipfs_nodes: int = 1,
    any_ports: bool = False,
    on_step: Callable[[str], None] = lambda step: None,
) -> Devnet:
    """Start what does not run yet, on the ports of last time.

    Parameters
    ----------
    state
        State directory, made if missing.
    kind
        ``anvil`` or ``hardhat``.
    num_ipfs_nodes
        At least 1; every node connects to those before it.
    any_ports
        Take any free ports instead of 8545, 5001 and 4001 on the first start.
    on_step
        Called with one line before each step that may take a while.

    Raises
    ------
    PortTaken, ToolchainError, DevnetError, LocalStateError
    """
    before = read_devnet(state)
    known = list(before.services) if before is not None else []
    if before is not None:
        kind = before.kind
        num_ipfs_nodes = max(num_ipfs_nodes, len(before.ipfs))
    services: list[Service] = []
    started: list[Service] = []
    try:
        for index in range(1 + num_ipfs_nodes):
            last = known[index] if index < len(known) else None
            if last is not None and last.process.is_running:
                services.append(last)
                continue
            if index == 0:
                on_step(f"starting the chain ({kind})")
                service = _start_chain(state, kind, last, any_ports, on_step)
            else:
                on_step(f"starting IPFS node {index} of {num_ipfs_nodes}")
                service = _start_ipfs(state, index - 1, last, any_ports, services[1:], on_step)
            started.append(service)
            services.append(service)
            _write_record(state, Devnet(kind, (*services, *known[index + 1 :])))
    except BaseException:
        # Ctrl-C included: what was started is ended again.
        for service in started:
            service.process.stop()
        raise
    return Devnet(kind, tuple(services))


def stop_devnet(state: Path) -> bool:
    """Stop whatever runs; return whether anything did."""
    devnet = read_devnet(state)
    if devnet is None:
        return False
    running = [service for service in devnet.services if service.process.is_running]
    for service in reversed(running):
        service.process.stop()
    return bool(running)


def reset_devnet(state: Path) -> None:
    """Stop the devnet and remove its chain, its blobs and the journals about them for good.

    A new chain can give a new task the address of an old one; a journal must not outlive its task.
    """
    stop_devnet(state)
    for path in (state / "chain", state / "ipfs", state / "journal"):
        shutil.rmtree(path, ignore_errors=True)
    _record_path(state).unlink(missing_ok=True)


def fund(connection: ChainConnection, addresses: list[str], wei: int = FUND_WEI) -> None:
    """Send devnet money to addresses.

    Raises
    ------
    DevnetError
        The chain is no devnet of ours: its faucet account is empty.
    """
    try:
        for address in addresses:
            transfer(connection, faucet_account(), address, wei)
    except FlChainError as error:
        raise DevnetError(
            f"cannot fund on {connection.origin}: {error.message}",
            "only local devnets have a faucet",
        ) from None


def _start_chain(
    state: Path, kind: str, last: Service | None, any_ports: bool, on_step: Callable[[str], None]
) -> Service:
    port = 0 if any_ports else DEFAULT_PORT
    if last is not None:
        port = int(last.address.rsplit(":", 1)[1])
    node = start_chain_node(kind, state / "chain", port, on_step)
    return Service("chain", node.rpc_url, (), node.process)


def _start_ipfs(
    state: Path,
    index: int,
    last: Service | None,
    any_ports: bool,
    others: list[Service],
    on_step: Callable[[str], None],
) -> Service:
    api_port = swarm_port = 0
    if last is not None:
        api_port = int(last.address.rsplit("/", 1)[1])
        swarm_port = int(last.peers[0].split("/tcp/")[1].split("/")[0]) if last.peers else 0
    elif not any_ports:
        api_port, swarm_port = IPFS_PORT + index, SWARM_PORT + index
    node = start_node(
        state / "ipfs" / str(index),
        api_port=api_port,
        swarm=f"/ip4/127.0.0.1/tcp/{swarm_port}",
        peers=[other.peers[0] for other in others if other.peers],
        log_path=state / "ipfs" / f"{index}.log",
        detached=True,
        progress=on_step,
    )
    return Service(
        f"ipfs-{index}", node.api_multiaddr, tuple(node.swarm_addresses), identify(node.pid)
    )


def _record_path(state: Path) -> Path:
    return state / "devnet.json"


def _write_record(state: Path, devnet: Devnet) -> None:
    record = json.dumps(asdict(devnet), indent=1) + "\n"
    write_whole(_record_path(state), record.encode())
