"""The history says what the chain knows, whatever becomes of the manifests on IPFS."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fl_chain.cli import history
from fl_chain.cli.main import run
from fl_chain.errors import BlobUnavailable
from fl_chain.protocol.cid import Cid, cid_from_digest, compute_cid
from fl_chain.roles.history import list_tasks
from fl_chain.roles.history_updates import list_updates
from fl_chain.roles.manifest_shelf import ManifestShelf
from tests.ipfs_fixtures import NodeStarter
from tests.world import Federation, World

Rows = Callable[..., list[dict[str, Any]]]
NOBODY = "/ip4/127.0.0.1/tcp/1"


@pytest.fixture(scope="module")
def federation(world: World) -> Federation:
    made = world.federation(num_rounds=1)
    made.run_round()
    return made


@pytest.fixture
def rows(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Rows:
    """Ask for a history in a directory without a devnet, and return its JSON lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(history, "LOOK_SECONDS", 0.2)

    def ask(*arguments: str) -> list[dict[str, Any]]:
        capsys.readouterr()
        assert run(["history", *arguments, "--rpc", world.connection.rpc_url, "--json"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return [json.loads(line) for line in out.splitlines()]

    return ask


class Counting:
    """A store that counts what it is asked for."""

    def __init__(self, blobs: dict[Cid, bytes]) -> None:
        self.asked: list[Cid] = []
        self._blobs = blobs

    def put(self, data: bytes) -> Cid:
        raise NotImplementedError

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        self.asked.append(cid)
        if cid not in self._blobs:
            raise BlobUnavailable(f"there is no {cid}")
        return self._blobs[cid]


def manifest_cid(federation: Federation) -> Cid:
    return cid_from_digest(federation.task.parameters.manifest_cid_digest, 0)


def test_with_an_ipfs_node_tasks_have_names_and_updates_cids(
    federation: Federation, world: World, rows: Rows
) -> None:
    ipfs = ("--ipfs", world.ipfs_address)
    named = {row["task"]: row["name"] for row in rows("tasks", *ipfs)}
    assert named[federation.address] == "miniature"
    updates = rows("updates", "--task", federation.address, *ipfs)
    assert len(updates) == 3
    for row in updates:
        cid = Cid.parse(row["cid"])
        assert cid.digest.hex() == row["cid_digest"]
        assert compute_cid(world.store.get(cid, max_bytes=10**6)) == cid


@pytest.mark.parametrize("ipfs", [(), ("--ipfs", NOBODY)], ids=["no node", "a node that is away"])
def test_without_an_ipfs_node_the_columns_are_empty(
    federation: Federation, rows: Rows, ipfs: tuple[str, ...]
) -> None:
    assert {row["name"] for row in rows("tasks", *ipfs)} == {None}
    updates = rows("updates", "--task", federation.address, *ipfs)
    assert [row["cid"] for row in updates] == [None] * 3
    assert all(len(row["cid_digest"]) == 64 for row in updates)


def test_a_damaged_devnet_record_hides_no_history(
    federation: Federation, rows: Rows, tmp_path: Path
) -> None:
    (tmp_path / ".fl-chain").mkdir()
    (tmp_path / ".fl-chain" / "devnet.json").write_text("{}")
    assert len(rows("updates", "--task", federation.address)) == 3


def test_a_node_without_the_manifest_leaves_the_columns_empty(
    federation: Federation, rows: Rows, start_ipfs_node: NodeStarter
) -> None:
    ipfs = ("--ipfs", start_ipfs_node().api_multiaddr)
    assert {row["name"] for row in rows("tasks", *ipfs)} == {None}
    updates = rows("updates", "--task", federation.address, *ipfs)
    assert [row["cid"] for row in updates] == [None] * 3


def test_a_manifest_that_does_not_verify_names_nothing(
    federation: Federation, world: World, tmp_path: Path
) -> None:
    cid = manifest_cid(federation)
    proper = world.store.get(cid, max_bytes=10**6)
    connection, chain_id = world.connection, world.connection.chain_id
    for data, chain in ((proper.replace(b"miniature", b"something"), chain_id), (proper, 1)):
        shelf = ManifestShelf(Counting({cid: data}), chain)
        named = {row["task"]: row["name"] for row in list_tasks(connection, shelf, tmp_path)}
        assert named[federation.address] is None
        assert [row["cid"] for row in list_updates(federation.history(shelf))] == [None] * 3


def test_a_manifest_is_fetched_once_for_a_task(
    federation: Federation, world: World, tmp_path: Path
) -> None:
    cid = manifest_cid(federation)
    blobs = {cid: world.store.get(cid, max_bytes=10**6)}
    asked = Counting(blobs)
    shelf = ManifestShelf(asked, world.connection.chain_id)
    names = [row["name"] for row in list_tasks(world.connection, shelf, tmp_path)]
    assert names.count("miniature") == asked.asked.count(cid) == 1
    assert len(asked.asked) == len(names)
    asked.asked.clear()
    assert all(row["cid"] for row in list_updates(federation.history(shelf)))
    assert asked.asked == [cid]


def test_listed_updates_are_in_the_history_as_far_as_their_lists_can_be_had(
    world: World,
) -> None:
    federation = world.federation(aggregators=2, list_seconds=300)
    federation.submit_honestly(2)
    forged = federation.entry(1)
    forged = replace(forged, update=replace(forged.update, weight=1))
    federation.list_updates(1, federation.entry(0), forged)
    federation.list_updates(0, federation.entry(0), pin=False)
    shelf = ManifestShelf(world.store, world.connection.chain_id)
    rows = list(list_updates(federation.history(shelf)))
    assert [(row["sequence"], row["participant"], row["reason"]) for row in rows] == [
        (0, federation.address_of(2), None),
        (1, federation.address_of(0), None),
        (2, federation.address_of(1), "unsigned"),
        (3, None, "unavailable"),
    ]
    listers = [None, *(federation.aggregator_address(who) for who in (1, 1, 0))]
    assert [row["listed_by"] for row in rows] == listers
    assert len({tuple(row) for row in rows}) == 1
