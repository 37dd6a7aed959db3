"""fl-chain ipfs: an IPFS node of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from fl_chain.cli.output import print_line
from fl_chain.cli.settings import Settings, json_option


@click.group()
def ipfs() -> None:
    """Run an IPFS node for others to fetch from; the devnet has its own."""


@ipfs.command("run")
@click.option(
    "--repo",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where it keeps blocks and its own key.  [default: ipfs-node in --state]",
)
@click.option(
    "--api-port",
    type=click.IntRange(0, 65535),
    default=5001,
    show_default=True,
    help="Port of its API, which is for this machine alone; 0 for any.",
)
@click.option(
    "--swarm",
    metavar="MULTIADDR",
    default="/ip4/127.0.0.1/tcp/4001",
    show_default=True,
    help="Where it listens for other nodes.",
)
@click.option(
    "--peer", "peers", metavar="MULTIADDR", multiple=True, help="Stay connected to this node."
)
@click.option(
    "--allow-peer",
    "allowed_peers",
    metavar="PEER-ID",
    multiple=True,
    help="Talk to these only, and to those of --peer.",
)
@click.option(
    "--swarm-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Talk only to nodes that have the same key: a private swarm.",
)
@json_option
@click.pass_obj
def run(
    settings: Settings,
    repo: Path | None,
    api_port: int,
    swarm: str,
    peers: tuple[str, ...],
    allowed_peers: tuple[str, ...],
    swarm_key: Path | None,
    as_json: bool,
) -> None:
    """Run an IPFS node until Ctrl-C.

    It finds content at the nodes that it is connected to: tell each of at least one other.

    \b
    fl-chain ipfs run --swarm /ip4/0.0.0.0/tcp/4001 --swarm-key swarm.key
    fl-chain ipfs run --swarm /ip4/0.0.0.0/tcp/4001 --swarm-key swarm.key
                      --peer /dns4/hospital.example/tcp/4001/p2p/12D3Koo...
    """
    from fl_chain.roles.ipfs_node import NodeOptions, run_ipfs_node

    options = NodeOptions(
        repo or settings.state / "ipfs-node", api_port, swarm, peers, allowed_peers, swarm_key
    )

    def show(api: str, addresses: Sequence[str], peer_id: str) -> None:
        if as_json:
            print_line({"api": api, "swarm": list(addresses), "peer_id": peer_id})
            return
        click.echo(f"IPFS node {peer_id}  (Ctrl-C ends it)")
        if options.is_public and options.is_open:
            click.echo("whoever reaches it may fetch what it keeps; see --swarm-key, --allow-peer")
        click.echo(f"for commands:    --ipfs {api}")
        for address in addresses:
            click.echo(f"for other nodes: --peer {address}")

    def tell(step: str) -> None:
        if not as_json:
            click.echo(step)

    try:
        run_ipfs_node(options, tell, show)
    except KeyboardInterrupt:
        if not as_json:
            click.echo("stopped")


@ipfs.command("new-swarm-key")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
def new_swarm_key(path: Path) -> None:
    """Make FILE with the key of a private swarm, for every node of it; Kubo takes it as swarm.key.

    \b
    fl-chain ipfs new-swarm-key swarm.key
    """
    from fl_chain.roles.ipfs_node import make_swarm_key

    make_swarm_key(path)
    click.echo(f"{path}: give it to every node of the swarm, and to nobody else")
