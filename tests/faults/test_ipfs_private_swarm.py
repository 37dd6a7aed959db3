"""Nodes of a private swarm, or with a list of peers, exchange nothing with anybody else."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

import pytest

from fl_chain.errors import BlobUnavailable, StoreError, UsageError
from fl_chain.protocol.cid import Cid
from fl_chain.storage.embedded_node import RunningNode
from fl_chain.storage.ipfs import IpfsStore
from tests.faults.ipfs_node_access import post, store_of
from tests.ipfs_fixtures import NodeStarter

DATA = b"for members only"


def write_key(path: Path, key: str | None = None) -> str:
    path.write_text(f"/key/swarm/psk/1.0.0/\n/base16/\n{key or secrets.token_hex(32)}\n")
    return str(path)


def connect(one: RunningNode, other: RunningNode) -> None:
    with store_of(one) as store:
        store.connect(other.swarm_addresses[0])


def can_get(node: RunningNode, cid: Cid) -> bool:
    with IpfsStore(node.api_multiaddr, timeout_seconds=1) as store:
        try:
            return store.get(cid, max_bytes=len(DATA)) == DATA
        except BlobUnavailable:
            return False


def num_peers(node: RunningNode) -> int:
    return len(post(node, "swarm/peers").json()["Peers"] or ())


def test_nodes_with_the_same_key_exchange_blocks(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    key = write_key(tmp_path / "swarm.key")
    source = start_ipfs_node("source", "--swarm-key", key)
    member = start_ipfs_node("member", "--swarm-key", key, peers=source.swarm_addresses)
    with store_of(source) as store:
        assert can_get(member, store.put(DATA))


def test_a_node_with_another_key_or_none_gets_nothing_and_gives_nothing(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    key, other_key = (write_key(tmp_path / name) for name in ("swarm.key", "other.key"))
    source = start_ipfs_node("source", "--swarm-key", key)
    with store_of(source) as store:
        cid = store.put(DATA)
    for name, arguments in (("open", ()), ("other", ("--swarm-key", other_key))):
        stranger = start_ipfs_node(name, *arguments)
        for one, two in ((source, stranger), (stranger, source)):
            with pytest.raises(StoreError, match="cannot connect"):
                connect(one, two)
        assert not can_get(stranger, cid)
        assert num_peers(stranger) == num_peers(source) == 0


def test_only_peers_on_the_list_are_let_in_and_dialled(start_ipfs_node: NodeStarter) -> None:
    friend, stranger = start_ipfs_node("friend"), start_ipfs_node("stranger")
    source = start_ipfs_node("source", "--allow-peer", friend.peer_id)
    with store_of(source) as store:
        cid = store.put(DATA)
    connect(friend, source)
    assert can_get(friend, cid)
    with pytest.raises(StoreError, match="cannot connect"):
        connect(source, stranger)
    # Who dials learns only afterwards that nobody wanted to talk.
    with contextlib.suppress(StoreError):
        connect(stranger, source)
    assert not can_get(stranger, cid)
    assert num_peers(source) == 1


def test_whom_a_node_stays_connected_to_is_on_its_list(start_ipfs_node: NodeStarter) -> None:
    friend = start_ipfs_node("friend")
    source = start_ipfs_node("source", "--allow-peer", friend.peer_id, peers=friend.swarm_addresses)
    other = start_ipfs_node("other")
    listed = start_ipfs_node("listed", "--allow-peer", friend.peer_id, peers=other.swarm_addresses)
    for has, gets in ((friend, source), (other, listed)):
        with store_of(has) as store:
            assert can_get(gets, store.put(DATA))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"rosebud" * 8,
        b"/key/swarm/psk/1.0.0/\n/base16/\nrosebud\n",
        b"/key/swarm/psk/1.0.0/\n/base64/\n" + b"00" * 32,
        b"/key/swarm/psk/1.0.0/\n/base16/\n" + b"00" * 32 + b"rosebud",
    ],
    ids=["nothing", "words", "short", "other base", "more behind it"],
)
def test_a_file_without_a_key_is_refused_and_not_told(
    start_ipfs_node: NodeStarter, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "swarm.key"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is no swarm key") as caught:
        start_ipfs_node("repo", "--swarm-key", str(path))
    assert str(path) in str(caught.value)
    assert "rosebud" not in str(caught.value)


def test_a_key_that_is_not_there_and_a_peer_that_is_none_are_named(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    for missing in (tmp_path / "swarm.key", ""):  # the latter of a variable that is not set
        with pytest.raises(UsageError, match="ENOENT"):
            start_ipfs_node("repo", f"--swarm-key={missing}")
    with pytest.raises(UsageError, match="invalid peer id"):
        start_ipfs_node("repo", "--allow-peer", "nobody")
    with pytest.raises(UsageError, match="invalid peer id"):
        start_ipfs_node("repo", peers=("/ip4/127.0.0.1/tcp/1/p2p/nobody",))
    for address in ("nonsense", "/dns4/localhost/tcp/1", "/ip4/127.0.0.1/tcp/99999", "--help"):
        with pytest.raises(UsageError, match="invalid address to listen at"):
            start_ipfs_node("repo", f"--swarm={address}")
    with pytest.raises(UsageError, match="nobody can listen at"):
        start_ipfs_node("repo", "--swarm=/ip4/192.0.2.1/tcp/0")
