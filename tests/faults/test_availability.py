"""Which blobs of a task can still be had is what the nodes themselves can show."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fl_chain.cli.main import run
from fl_chain.protocol.cid import Cid
from fl_chain.roles.availability import list_availability
from fl_chain.roles.manifest_shelf import ManifestShelf
from fl_chain.storage.ipfs import IpfsStore
from tests.ipfs_fixtures import NodeStarter
from tests.world import Federation, World

Rows = list[dict[str, Any]]
Ask = Callable[..., tuple[int, Rows]]


@pytest.fixture
def federation(world: World) -> Federation:
    made = world.federation(2, num_rounds=1)
    made.run_round()
    return made


@pytest.fixture
def ask(
    federation: Federation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ask:
    monkeypatch.chdir(tmp_path)

    def ask(*addresses: str) -> tuple[int, Rows]:
        place = ("--task", federation.address, "--rpc", federation.world.connection.rpc_url)
        nodes = [flag for address in addresses for flag in ("--ipfs", address)]
        capsys.readouterr()
        code = run(["audit", "availability", *place, *nodes, "--json"])
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return ask


def copy(row: dict[str, Any], world: World, node: str) -> None:
    with IpfsStore(node) as store:
        store.put(world.store.get(Cid.parse(row["cid"]), max_bytes=2**20))


def test_every_blob_is_asked_for_at_every_node(
    federation: Federation, ask: Ask, start_ipfs_node: NodeStarter
) -> None:
    world, other = federation.world, start_ipfs_node().api_multiaddr
    code, rows = ask(world.ipfs_address, other)
    assert code == 0
    kinds = Counter(row["blob"] for row in rows)
    assert kinds == {"manifest": 1, "genesis": 1, "update": 2, "report": 1, "model": 1}
    assert {row["nodes"] for row in rows} == {1}
    assert {row["nodes_asked"] for row in rows} == {2}
    copy(rows[2], world, other)
    _, again = ask(world.ipfs_address, other)
    assert [row["nodes"] for row in again] == [1, 1, 2, 1, 1, 1]
    assert again[2]["kept_by"] == [world.ipfs_address, other]
    assert [row["recorded_by"] for row in again if row["blob"] == "update"] == [
        federation.address_of(0),
        federation.address_of(1),
    ]


def test_a_blob_that_is_nowhere_or_damaged_is_missing(federation: Federation, ask: Ask) -> None:
    world = federation.world
    _, rows = ask(world.ipfs_address)
    gone, damaged = (row for row in rows if row["blob"] == "update")
    world.block_file(Cid.parse(gone["cid"])).unlink()
    path = world.block_file(Cid.parse(damaged["cid"]))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    code, rows = ask(world.ipfs_address)
    assert code == 2
    assert [(row["blob"], row["sequence"]) for row in rows if row["nodes"] == 0] == [
        ("update", 0),
        ("update", 1),
    ]


def test_without_the_manifest_nobody_knows_what_else_there_is(
    federation: Federation, ask: Ask, start_ipfs_node: NodeStarter
) -> None:
    code, rows = ask(start_ipfs_node().api_multiaddr)
    assert code == 3
    assert [(row["blob"], row["nodes"]) for row in rows] == [("manifest", 0)]


def test_a_node_that_is_away_is_an_error_and_no_finding(ask: Ask) -> None:
    code, rows = ask("/ip4/127.0.0.1/tcp/1")
    assert (code, rows) == (3, [])


def test_a_node_that_is_away_keeps_nobody_from_asking_the_others(
    federation: Federation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world, away = federation.world, "/ip4/127.0.0.1/tcp/1"
    place = ("--task", federation.address, "--rpc", world.connection.rpc_url)
    for nodes in ((away, world.ipfs_address), (world.ipfs_address, away)):
        flags = [flag for node in nodes for flag in ("--ipfs", node)]
        state = ("--state", str(tmp_path))
        assert run([*state, "audit", "availability", *place, *flags, "--json"]) == 0
        printed = capsys.readouterr()
        rows = [json.loads(line) for line in printed.out.splitlines()]
        assert {row["nodes_asked"] for row in rows} == {1}
        assert f"not asked: no IPFS node answers at {away}" in printed.err


def test_lists_are_blobs_too(world: World) -> None:
    federation = world.federation(3, aggregators=2, list_seconds=300, num_rounds=1)
    federation.list_updates(1, federation.entry(0), federation.entry(1))
    shelf = ManifestShelf(world.store, world.connection.chain_id)
    rows = list(list_availability(federation.history(shelf), [world.store]))
    kinds = Counter(row["blob"] for row in rows)
    assert kinds == {"manifest": 1, "genesis": 1, "list": 1, "update": 2}
    assert {row["nodes"] for row in rows if row["blob"] == "list"} == {1}


def test_people_are_shown_what_is_scarce(
    federation: Federation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    world = federation.world
    place = ("--task", federation.address, "--rpc", world.connection.rpc_url)
    flags = ["audit", "availability", *place, "--ipfs", world.ipfs_address]
    assert run(flags) == 0
    assert capsys.readouterr().out.endswith("6 blobs: 6 on 1 node\n")
    assert run([*flags, "--below", "1"]) == 0
    assert capsys.readouterr().out == "6 blobs: 6 on 1 node\n"
