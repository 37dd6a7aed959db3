"""What the embedded IPFS node keeps when it is killed."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from fl_chain.errors import DevnetError, StoreError
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.constants import LEAF_CHUNK_BYTES
from tests.faults.ipfs_node_access import collect_garbage, fresh_bytes, pins, post, store_of
from tests.ipfs_fixtures import NodeStarter


@pytest.mark.parametrize("crash", range(4))
def test_every_acknowledged_pin_survives_kill_9(start_ipfs_node: NodeStarter, crash: int) -> None:
    node = start_ipfs_node()
    acknowledged: dict[Cid, bytes] = {}
    enough = threading.Event()

    def add_until_it_dies(number: int) -> None:
        with store_of(node) as store, suppress(StoreError):
            while True:
                size = 3 * LEAF_CHUNK_BYTES if number == 0 else 50_000
                data = fresh_bytes(size) + bytes([number])
                acknowledged[store.put(data)] = data
                if len(acknowledged) >= 15 + 10 * crash:
                    enough.set()

    with ThreadPoolExecutor(4) as threads:
        for number in range(4):
            threads.submit(add_until_it_dies, number)
        enough.wait()
        os.kill(node.pid, signal.SIGKILL)
    node.stop()

    restarted = start_ipfs_node()
    assert {str(cid) for cid in acknowledged} <= pins(restarted)
    assert not {str(cid) for cid in acknowledged} & collect_garbage(restarted)
    for cid, data in acknowledged.items():
        answer = post(restarted, "cat", cid, offline="true")
        assert answer.content == data


def test_an_unfinished_pin_record_is_dropped_and_the_others_stay(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    with store_of(node) as store:
        first = store.put(fresh_bytes(10))
    node.stop()
    with (tmp_path / "repo" / "pins.journal").open("ab") as journal:
        journal.write(b'1234abcd {"pin":"bafk')
    node = start_ipfs_node()
    with store_of(node) as store:
        second = store.put(fresh_bytes(10))
    node.stop()
    assert pins(start_ipfs_node()) == {str(first), str(second)}


def test_a_damaged_pin_record_is_not_guessed_around(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    with store_of(node) as store:
        for _ in range(3):
            store.put(fresh_bytes(10))
    node.stop()
    journal = tmp_path / "repo" / "pins.journal"
    content = bytearray(journal.read_bytes())
    content[20] ^= 1
    journal.write_bytes(content)
    with pytest.raises(DevnetError, match=r"pins\.journal is damaged at byte 0"):
        start_ipfs_node()


def test_unpinning_survives_a_restart(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    with store_of(node) as store:
        kept, dropped = store.put(fresh_bytes(10)), store.put(fresh_bytes(11))
    assert post(node, "pin/rm", dropped).ok
    os.kill(node.pid, signal.SIGKILL)
    node.stop()
    assert pins(start_ipfs_node()) == {str(kept)}
