"""One IPFS node of one's own, for nodes on other machines to talk to."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fl_chain.chain.keys import write_private
from fl_chain.errors import DevnetError, PortTaken, UsageError
from fl_chain.storage.embedded_node import start_node

SWARM_KEY_BYTES = 32
OnReady = Callable[[str, Sequence[str], str], None]
"""Takes the API's multiaddr, those for other nodes, and the node's peer id."""


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """What an IPFS node is to do."""

    repo: Path
    """Where it keeps blocks, pins and its key."""
    api_port: int = 0
    """Of its API, on this machine alone; 0 for any."""
    swarm: str = "/ip4/127.0.0.1/tcp/0"
    """Multiaddr at which it listens for other nodes."""
    peers: Sequence[str] = ()
    """Multiaddrs of nodes that it stays connected to."""
    allowed_peers: Sequence[str] = ()
    """Ids of the only peers that it talks to, beside those above; none for everybody."""
    swarm_key: Path | None = None
    """File with the key of a private swarm."""

    @property
    def is_open(self) -> bool:
        """Whether it talks to anybody who reaches it."""
        return not self.allowed_peers and self.swarm_key is None

    @property
    def is_public(self) -> bool:
        """Whether it listens beyond this machine."""
        return not self.swarm.startswith(("/ip4/127.", "/ip6/::1/"))


def run_ipfs_node(options: NodeOptions, on_step: Callable[[str], None], on_ready: OnReady) -> None:
    """Run a node until this process is interrupted; it ends with this process, however that ends.

    Raises
    ------
    UsageError
        An address, a peer or the key makes no sense to the node.
    PortTaken
        Another program listens on one of the ports.
    DevnetError
        The repository is in use, or the node ended by itself.
    """
    arguments = [f"--allow-peer={peer}" for peer in options.allowed_peers]
    if options.swarm_key is not None:
        arguments.append(f"--swarm-key={options.swarm_key}")
    log_path = options.repo / "node.log"
    try:
        node = start_node(
            options.repo,
            api_port=options.api_port,
            swarm=options.swarm,
            peers=options.peers,
            log_path=log_path,
            detached=False,
            extra_arguments=arguments,
            progress=on_step,
        )
    except PortTaken as error:
        raise PortTaken(
            error.message, "stop what listens there, or choose others: --api-port, --swarm"
        ) from None
    try:
        on_ready(node.api_multiaddr, node.swarm_addresses, node.peer_id)
        code = node.process.wait()
    finally:
        node.stop()
    if code:
        raise DevnetError(f"the IPFS node ended with exit code {code}", f"see {log_path}")


def make_swarm_key(path: Path) -> None:
    """Write a new key of a private swarm, in the form of Kubo's ``swarm.key``.

    Raises
    ------
    UsageError
        The file is there already.
    """
    key = secrets.token_hex(SWARM_KEY_BYTES)
    try:
        write_private(path, f"/key/swarm/psk/1.0.0/\n/base16/\n{key}\n")
    except FileExistsError:
        raise UsageError(f"{path} is there already", "keys are never overwritten") from None
