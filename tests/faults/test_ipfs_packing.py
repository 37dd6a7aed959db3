"""Blocks that nobody uses take less room on disk, and are the same blocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fl_chain.errors import BlobCorrupt
from fl_chain.protocol.cid import Cid
from tests.faults.ipfs_node_access import (
    IMPATIENCE_SECONDS,
    block_file,
    collect_garbage,
    post,
    store_of,
)
from tests.ipfs_fixtures import NodeStarter

COLD = ("--cold-after-seconds", "1")
NEVER = ("--cold-after-seconds", "Infinity")


def lanes(seed: int, dtype: str = "<i2", size: int = 100_000) -> bytes:
    """Return what an update of noise looks like."""
    values = np.random.default_rng(seed).normal(0, 150, size)
    return values.round().astype(dtype).tobytes()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(("dtype", "share"), [("<i2", 0.75), ("<i4", 0.45), ("i1", 0.98)])
def test_a_cold_block_takes_less_room_and_is_the_same(
    start_ipfs_node: NodeStarter, tmp_path: Path, dtype: str, share: float
) -> None:
    data = lanes(1, dtype) + bytes(50_000 if dtype == "i1" else 3)
    node = start_ipfs_node("repo", *COLD)
    with store_of(node) as store:
        cid = store.put(data)
        path = block_file(tmp_path, data)
        wait_until(lambda: path.stat().st_size < share * len(data))
        assert store.get(cid, max_bytes=len(data)) == data
        assert post(node, "block/stat", cid).json()["Size"] == len(data)
        assert post(node, "repo/stat").json()["RepoSize"] == path.stat().st_size
        assert store.put(data) == cid
        assert store.get(cid, max_bytes=len(data)) == data
    node.stop()
    again = start_ipfs_node("repo", *NEVER)
    with store_of(again) as store:
        assert store.get(cid, max_bytes=len(data)) == data


def test_a_packed_block_travels_to_other_nodes(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    data = lanes(2)
    source = start_ipfs_node("source", *COLD)
    with store_of(source) as store:
        cid = store.put(data)
    wait_until(lambda: block_file(tmp_path, data, "source").stat().st_size < len(data))
    other = start_ipfs_node("other", peers=source.swarm_addresses)
    with store_of(other) as store:
        assert store.get(cid, max_bytes=len(data)) == data


def test_what_does_not_get_smaller_stays_as_it_is(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    noise = np.random.default_rng(3).bytes(100_000)
    like_packed = b"flz1\2" + noise
    witness = lanes(3)
    node = start_ipfs_node("repo", *COLD)
    with store_of(node) as store:
        cids = [store.put(data) for data in (noise, like_packed)]
        store.put(witness)
        wait_until(lambda: block_file(tmp_path, witness).stat().st_size < len(witness))
        for cid, data in zip(cids, (noise, like_packed), strict=True):
            assert block_file(tmp_path, data).read_bytes() == data
            assert store.get(cid, max_bytes=len(data)) == data


def packed(start_ipfs_node: NodeStarter, tmp_path: Path, data: bytes) -> tuple[Path, Cid]:
    """Leave a packed block behind, and return its file."""
    node = start_ipfs_node("repo", *COLD)
    with store_of(node) as store:
        cid = store.put(data)
    path = block_file(tmp_path, data)
    wait_until(lambda: path.stat().st_size < len(data))
    node.stop()
    return path, cid


@pytest.mark.parametrize("position", [0, 4, 5, 500, -1], ids=lambda number: f"byte {number}")
def test_damage_to_a_packed_block_is_found_and_adding_repairs_it(
    start_ipfs_node: NodeStarter, tmp_path: Path, position: int
) -> None:
    data = lanes(4)
    path, cid = packed(start_ipfs_node, tmp_path, data)
    stored = bytearray(path.read_bytes())
    stored[position] ^= 1
    path.write_bytes(stored)
    node = start_ipfs_node("repo", *NEVER)
    with store_of(node, IMPATIENCE_SECONDS) as store:
        with pytest.raises(BlobCorrupt, match="damaged"):
            store.get(cid, max_bytes=len(data))
        assert store.put(data) == cid
        assert store.get(cid, max_bytes=len(data)) == data


def test_a_packed_block_that_would_unpack_to_a_gigabyte_is_damaged_and_nothing_more(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    data = lanes(5)
    path, cid = packed(start_ipfs_node, tmp_path, data)
    # A frame of zstd with one block of type RLE after the other: 128 KiB of zeros in 4 bytes each.
    blocks = b"\x02\x00\x10\x00" * 8191 + b"\x03\x00\x10\x00"
    path.write_bytes(b"flz1\1" + b"\x28\xb5\x2f\xfd\x00\x58" + blocks)
    node = start_ipfs_node("repo", *NEVER)
    with (
        store_of(node, IMPATIENCE_SECONDS) as store,
        pytest.raises(BlobCorrupt, match="damaged"),
    ):
        store.get(cid, max_bytes=len(data))
    assert post(node, "version").ok


def test_a_packed_block_without_a_pin_is_collected(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    data = lanes(6)
    node = start_ipfs_node("repo", *COLD)
    with store_of(node) as store:
        cid = store.put(data)
    path = block_file(tmp_path, data)
    wait_until(lambda: path.stat().st_size < len(data))
    post(node, "pin/rm", cid).raise_for_status()
    assert str(cid) in collect_garbage(node)
    assert not path.exists()
    assert post(node, "repo/stat").json()["RepoSize"] == 0


def test_blocks_in_use_are_not_packed(start_ipfs_node: NodeStarter, tmp_path: Path) -> None:
    used, unused = lanes(7), lanes(8)
    node = start_ipfs_node("repo", "--cold-after-seconds", "3")
    with store_of(node) as store:
        cid = store.put(used)
        store.put(unused)
        unused_file, used_file = block_file(tmp_path, unused), block_file(tmp_path, used)
        while unused_file.stat().st_size == len(unused):
            assert store.get(cid, max_bytes=len(used)) == used
            assert used_file.stat().st_size == len(used)
            time.sleep(0.2)
