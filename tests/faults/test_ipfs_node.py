"""What the embedded IPFS node promises when things go wrong around it."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from fl_chain.errors import BlobCorrupt, BlobUnavailable, DevnetError, PortTaken, StoreError
from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.protocol.constants import LEAF_CHUNK_BYTES
from fl_chain.storage.api_address import api_url
from fl_chain.storage.embedded_node import RunningNode
from fl_chain.storage.ipfs import IMPORT_PARAMETERS, IpfsStore
from tests.ipfs_fixtures import NodeStarter

PATIENCE_SECONDS = 30.0
IMPATIENCE_SECONDS = 0.5


def fresh_bytes(size: int) -> bytes:
    return (uuid.uuid4().bytes * (size // 16 + 1))[:size]


def many_blocks(count: int) -> bytes:
    """Content whose blocks are all different."""
    return b"".join(fresh_bytes(LEAF_CHUNK_BYTES) for _ in range(count))


@contextmanager
def store_of(node: RunningNode, timeout_seconds: float = PATIENCE_SECONDS) -> Iterator[IpfsStore]:
    with IpfsStore(node.api_multiaddr, timeout_seconds=timeout_seconds) as store:
        yield store


def post(node: RunningNode, command: str, *args: object, **options: Any) -> requests.Response:
    files = options.pop("files", None)
    headers = options.pop("headers", None)
    return requests.post(
        api_url(node.api_multiaddr) + command,
        params={"arg": [str(arg) for arg in args], **options},
        files=files,
        headers=headers,
        timeout=60,
    )


def pins(node: RunningNode) -> set[str]:
    answer = post(node, "pin/ls", type="recursive")
    answer.raise_for_status()
    return set(answer.json()["Keys"])


def collect_garbage(node: RunningNode) -> set[str]:
    answer = post(node, "repo/gc")
    answer.raise_for_status()
    return {json.loads(line)["Key"]["/"] for line in answer.text.splitlines()}


def block_file(tmp_path: Path, data: bytes, repo: str = "repo") -> Path:
    name = compute_cid(data).digest.hex()
    return tmp_path / repo / "blocks" / name[0] / f"{name}.block"


def is_alive(node: RunningNode) -> bool:
    return post(node, "version").ok


# Crashes


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


# Garbage collection


def test_collection_never_takes_what_is_being_added(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    done = threading.Event()

    def collect_all_the_time() -> None:
        while not done.is_set():
            collect_garbage(node)

    def add(number: int) -> tuple[Cid, bytes]:
        data = many_blocks(3) if number % 5 == 0 else fresh_bytes(30_000)
        with store_of(node) as store:
            return store.put(data), data

    with ThreadPoolExecutor(7) as threads:
        collecting = threads.submit(collect_all_the_time)
        added = list(threads.map(add, range(60)))
        done.set()
        collecting.result()
    for cid, data in added:
        assert post(node, "cat", cid, offline="true").content == data


def test_collection_takes_what_nothing_pins_and_nothing_else(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    shared = fresh_bytes(LEAF_CHUNK_BYTES)
    with store_of(node) as store:
        kept = store.put(shared + fresh_bytes(10))
        dropped = store.put(shared + fresh_bytes(10) + b"!")
    assert post(node, "pin/rm", dropped).ok
    removed = collect_garbage(node)
    assert str(compute_cid(shared)) not in removed
    assert len(removed) == 2  # the root and the last leaf of what was dropped
    assert post(node, "cat", kept, offline="true").ok
    assert not post(node, "cat", dropped, offline="true").ok


def test_collection_removes_nothing_when_a_pin_cannot_be_walked(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    with store_of(node) as store:
        pinned = store.put(many_blocks(2))
        unpinned = store.put(b"unpinned")
    post(node, "pin/rm", unpinned)
    name = pinned.digest.hex()
    (tmp_path / "repo" / "blocks" / name[0] / f"{name}.block").unlink()
    answer = post(node, "repo/gc")
    assert answer.status_code == 500
    assert "nothing was removed" in answer.json()["Message"]
    assert post(node, "cat", unpinned, offline="true").content == b"unpinned"


# Damage on disk


def test_a_tampered_block_is_never_served_and_adding_repairs_it(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    data = fresh_bytes(1000)
    with store_of(node, IMPATIENCE_SECONDS) as store:
        cid = store.put(data)
        block_file(tmp_path, data).write_bytes(data[:-1] + b"!")
        answer = post(node, "cat", cid)
        assert answer.status_code == 500
        assert "damaged" in answer.json()["Message"]
        for _ in range(2):  # damage does not turn into mere absence
            with pytest.raises(BlobCorrupt, match="damaged"):
                store.get(cid, max_bytes=1000)
        assert store.put(data) == cid
        assert store.get(cid, max_bytes=1000) == data


def test_damage_in_the_middle_of_a_large_blob_is_told_from_absence(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    data = fresh_bytes(5 * 2**20)
    leaf = data[3 * 2**20 : 4 * 2**20]
    with store_of(node, IMPATIENCE_SECONDS) as store:
        cid = store.put(data)
        block_file(tmp_path, leaf).write_bytes(leaf[:-1] + bytes([leaf[-1] ^ 1]))
        with pytest.raises(BlobCorrupt, match="damaged"):
            store.get(cid, max_bytes=len(data))
        block_file(tmp_path, leaf).unlink()
        with pytest.raises(BlobUnavailable):
            store.get(cid, max_bytes=len(data))


def test_adding_repairs_a_tampered_block_that_nobody_has_read(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    data = fresh_bytes(1000)
    with store_of(node, IMPATIENCE_SECONDS) as store:
        cid = store.put(data)
        block_file(tmp_path, data).write_bytes(bytes(1000))
        store.put(data)
        assert store.get(cid, max_bytes=1000) == data


def test_a_tampered_block_does_not_travel(start_ipfs_node: NodeStarter, tmp_path: Path) -> None:
    source = start_ipfs_node("source")
    other = start_ipfs_node("other", peers=source.swarm_addresses)
    data = fresh_bytes(1000)
    with store_of(source) as store:
        cid = store.put(data)
        block_file(tmp_path, data, "source").write_bytes(data[:-1] + b"!")
        with store_of(other, IMPATIENCE_SECONDS) as reader, pytest.raises(BlobUnavailable):
            reader.get(cid, max_bytes=1000)
        store.put(data)
    with store_of(other) as reader:
        assert reader.get(cid, max_bytes=1000) == data


def test_a_missing_block_breaks_the_answer_off_and_not_the_node(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    leaves = [fresh_bytes(LEAF_CHUNK_BYTES) for _ in range(12)]
    with store_of(node, IMPATIENCE_SECONDS) as store:
        cid = store.put(b"".join(leaves))
        for index in (8, 9, 11):
            block_file(tmp_path, leaves[index]).unlink()
        for options in ({"offline": "true"}, {"timeout": "300ms"}):
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                post(node, "cat", cid, **options)
        with pytest.raises(BlobUnavailable):
            store.get(cid, max_bytes=12 * LEAF_CHUNK_BYTES)
    assert is_alive(node)


# Imports and uploads


def test_a_graph_exported_here_is_imported_there(start_ipfs_node: NodeStarter) -> None:
    source, target = start_ipfs_node("source"), start_ipfs_node("target")
    data = many_blocks(3)
    with store_of(source) as store:
        cid = store.put(data)
    car = post(source, "dag/export", cid).content
    answer = post(target, "dag/import", files={"file": car})
    assert answer.json() == {"Root": {"Cid": {"/": str(cid)}, "PinErrorMsg": ""}}
    assert pins(target) == {str(cid)}
    assert post(target, "cat", cid, offline="true").content == data


def test_a_corrupt_graph_is_refused_and_not_pinned(start_ipfs_node: NodeStarter) -> None:
    source, target = start_ipfs_node("source"), start_ipfs_node("target")
    with store_of(source) as store:
        cid = store.put(many_blocks(3))
    car = post(source, "dag/export", cid).content
    flipped = bytearray(car)
    flipped[len(car) // 2] ^= 1
    corrupt = {
        "a bit flipped": bytes(flipped),
        "cut in a block": car[:-1000],
        "cut in the header": car[:20],
        "a block missing": car[: 60 + LEAF_CHUNK_BYTES // 2],
        "nothing": b"",
        "something else": b"\x05hello" + bytes(5000),
    }
    for what, content in corrupt.items():
        answer = post(target, "dag/import", files={"file": content})
        assert answer.status_code in (400, 500), what
        assert answer.json()["Type"] == "error", what
    assert pins(target) == set()
    assert post(target, "dag/import", files={"file": car}).ok


def test_a_graph_without_all_its_blocks_is_not_pinned(start_ipfs_node: NodeStarter) -> None:
    source, target = start_ipfs_node("source"), start_ipfs_node("target")
    with store_of(source) as store:
        cid = store.put(many_blocks(2))
    car = post(source, "dag/export", cid).content
    without_last_leaf = car[: -(LEAF_CHUNK_BYTES + 36 + 3)]
    answer = post(target, "dag/import", files={"file": without_last_leaf})
    assert answer.status_code == 500
    assert "not found locally" in answer.json()["Message"]
    assert pins(target) == set()


def begin_upload(node: RunningNode, size: int) -> socket.socket:
    url = requests.Request("POST", api_url(node.api_multiaddr) + "add", params=IMPORT_PARAMETERS)
    host, port = api_url(node.api_multiaddr).split("/")[2].split(":")
    connection = socket.create_connection((host, int(port)))
    path = url.prepare().path_url
    connection.sendall(
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: multipart/form-data; boundary=edge\r\n\r\n".encode()
    )
    send_chunk(connection, b'--edge\r\nContent-Disposition: form-data; name="file"\r\n\r\n')
    for _ in range(size // 50_000):
        send_chunk(connection, fresh_bytes(50_000))
    return connection


def send_chunk(connection: socket.socket, data: bytes) -> None:
    connection.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def test_an_upload_that_is_given_up_leaves_no_pin_and_no_work(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node("repo", "--max-concurrent-requests", "3")
    for size in (0, 100_000, 5 * LEAF_CHUNK_BYTES):
        begin_upload(node, size).close()
    with begin_upload(node, 3 * LEAF_CHUNK_BYTES) as connection:
        # Ends the request properly, but in the middle of the file.
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
    with store_of(node) as store:
        cid = store.put(b"after")  # none of the three places is taken for ever
    assert pins(node) == {str(cid)}
    collect_garbage(node)
    assert post(node, "repo/stat").json()["NumObjects"] == 1


def test_an_upload_does_not_hold_up_anybody(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    with begin_upload(node, 2 * LEAF_CHUNK_BYTES), store_of(node) as store:
        cid = store.put(b"meanwhile")
        collect_garbage(node)
        assert store.get(cid, max_bytes=9) == b"meanwhile"


def test_a_large_upload_is_refused_with_a_message(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node("repo", "--max-upload-bytes", "100000")
    with store_of(node) as store:
        store.put(fresh_bytes(90_000))
        with pytest.raises(StoreError, match="larger than 100000 bytes"):
            store.put(fresh_bytes(5_000_000))
        store.put(fresh_bytes(90_001))


# Space


def test_a_full_repository_refuses_until_something_is_unpinned(
    start_ipfs_node: NodeStarter,
) -> None:
    node = start_ipfs_node("repo", "--max-repo-bytes", "1000000")
    with store_of(node) as store:
        first = store.put(fresh_bytes(600_000))
        with pytest.raises(StoreError, match="the repository is full"):
            store.put(fresh_bytes(600_001))
        assert pins(node) == {str(first)}
        post(node, "pin/rm", first)
        second = store.put(fresh_bytes(600_002))  # makes room by itself
    assert pins(node) == {str(second)}


def test_a_full_repository_still_reads_through(start_ipfs_node: NodeStarter) -> None:
    source = start_ipfs_node("source")
    full = start_ipfs_node("full", "--max-repo-bytes", "1000", peers=source.swarm_addresses)
    data = fresh_bytes(5000)
    with store_of(source) as store, store_of(full) as reader:
        cid = store.put(data)
        assert reader.get(cid, max_bytes=5000) == data
        answer = post(full, "pin/add", cid)
    assert answer.status_code == 500
    assert "the repository is full" in answer.json()["Message"]
    assert pins(full) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit of a running process")
def test_a_failing_disk_is_an_error_and_leaves_no_half_pin(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    with store_of(node) as store:
        before = resource.prlimit(
            node.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY)
        )
        large = fresh_bytes(500_000)
        with pytest.raises(StoreError, match="EFBIG"):
            store.put(large)
        small = store.put(fresh_bytes(1000))
        assert pins(node) == {str(small)}
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, before)
        cid = store.put(large)
        assert store.get(cid, max_bytes=500_000) == large


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit of a running process")
def test_pins_go_on_after_the_disk_was_full_for_a_while(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    journal = tmp_path / "repo" / "pins.journal"
    with store_of(node) as store:
        acknowledged = [store.put(fresh_bytes(20)) for _ in range(3)]
        limit = journal.stat().st_size + 50  # in the middle of the next record
        before = resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        for _ in range(3):
            with pytest.raises(StoreError, match="EFBIG"):
                store.put(fresh_bytes(20))
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, before)
        acknowledged += [store.put(fresh_bytes(20)) for _ in range(3)]
    os.kill(node.pid, signal.SIGKILL)
    node.stop()
    assert pins(start_ipfs_node()) == {str(cid) for cid in acknowledged}


# Start and stop


def test_a_taken_port_is_named(start_ipfs_node: NodeStarter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            start_ipfs_node("one", api_port=port)
        with pytest.raises(PortTaken, match=str(port)):
            start_ipfs_node("two", swarm_port=port)


def test_two_nodes_cannot_share_a_repository(start_ipfs_node: NodeStarter) -> None:
    first = start_ipfs_node()
    with pytest.raises(DevnetError, match=rf"in use by another process \(pid {first.pid}\)"):
        start_ipfs_node()
    assert is_alive(first)


def test_the_lock_of_a_dead_node_is_void_even_if_its_pid_lives_again(
    start_ipfs_node: NodeStarter, tmp_path: Path
) -> None:
    node = start_ipfs_node()
    os.kill(node.pid, signal.SIGKILL)
    node.stop()
    (tmp_path / "repo" / "owner.pid").write_text(f"{os.getpid()}\n")
    assert is_alive(start_ipfs_node())


def test_a_node_keeps_its_peer_id(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    node.stop()
    assert start_ipfs_node().peer_id == node.peer_id


def test_stopping_does_not_wait_for_anybody(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    with begin_upload(node, 100_000), ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(post, node, "cat", compute_cid(fresh_bytes(9)))
        os.kill(node.pid, signal.SIGTERM)
        assert node.process.wait(30) == 0
        with pytest.raises(requests.ConnectionError):
            waiting.result()


def test_a_node_ends_with_whoever_started_it(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    assert node.process.stdin is not None
    node.process.stdin.close()  # as the kernel does for a process that is killed
    assert node.process.wait(30) == 0


def test_shutdown_by_rpc_ends_the_node(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node()
    assert post(node, "shutdown").ok
    assert node.process.wait(30) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--api", "0.0.0.0:0"),
        ("--api", "example.org:0"),
        ("--api", "5001"),
        ("--peer", "/ip4/127.0.0.1/tcp/1"),
        ("--max-repo-bytes", "-1"),
        ("--no-such-option",),
    ],
)
def test_a_bad_command_line_is_refused(
    start_ipfs_node: NodeStarter, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(DevnetError, match="exit code 64"):
        start_ipfs_node("repo", *arguments)


# Peers


def test_configured_peers_are_found_again_after_they_were_away(
    start_ipfs_node: NodeStarter,
) -> None:
    source = start_ipfs_node("source")
    port = int(source.swarm_addresses[0].split("/")[4])
    other = start_ipfs_node("other", peers=source.swarm_addresses)
    for _ in range(2):
        data = fresh_bytes(2000)
        with store_of(source) as store, store_of(other) as reader:
            assert reader.get(store.put(data), max_bytes=2000) == data
        os.kill(source.pid, signal.SIGKILL)
        source.stop()
        source = start_ipfs_node("source", swarm_port=port)


def test_a_peer_may_start_later(start_ipfs_node: NodeStarter) -> None:
    source = start_ipfs_node("source")
    address = source.swarm_addresses
    source.stop()
    other = start_ipfs_node("other", peers=address)
    source = start_ipfs_node("source", swarm_port=int(address[0].split("/")[4]))
    with store_of(source) as store, store_of(other) as reader:
        assert reader.get(store.put(b"late"), max_bytes=4) == b"late"


def test_content_can_be_fetched_again_right_after_it_was_collected(
    start_ipfs_node: NodeStarter,
) -> None:
    source = start_ipfs_node("source")
    other = start_ipfs_node("other", peers=source.swarm_addresses)
    data = many_blocks(2)
    with store_of(source) as store, store_of(other) as reader:
        cid = store.put(data)
        for _ in range(3):
            assert reader.get(cid, max_bytes=len(data)) == data
            assert len(collect_garbage(other)) == 3


def test_pinning_fetches_the_whole_graph(start_ipfs_node: NodeStarter) -> None:
    source = start_ipfs_node("source")
    other = start_ipfs_node("other", peers=source.swarm_addresses)
    data = many_blocks(40)
    with store_of(source) as store:
        cid = store.put(data)
    assert post(other, "pin/add", cid, timeout="30s").json() == {"Pins": [str(cid)]}
    source.stop()
    assert collect_garbage(other) == set()
    assert post(other, "cat", cid, offline="true").content == data


def test_readers_share_one_fetch_and_may_leave_it(start_ipfs_node: NodeStarter) -> None:
    source = start_ipfs_node("source")
    other = start_ipfs_node("other", peers=source.swarm_addresses)
    data = fresh_bytes(100_000)
    cid = compute_cid(data)
    with ThreadPoolExecutor(12) as threads, store_of(source) as store:
        leaving = [threads.submit(post, other, "cat", cid, timeout="300ms") for _ in range(4)]
        staying = [threads.submit(post, other, "cat", cid, timeout="30s") for _ in range(8)]
        assert all(answer.result().status_code == 500 for answer in leaving)
        store.put(data)
        assert all(answer.result().content == data for answer in staying)


def test_an_unreachable_peer_is_an_error(start_ipfs_node: NodeStarter) -> None:
    node, gone = start_ipfs_node("node"), start_ipfs_node("gone")
    gone.stop()
    with store_of(node) as store:
        with pytest.raises(StoreError, match="cannot connect"):
            store.connect(gone.swarm_addresses[0])
        with pytest.raises(StoreError, match="invalid peer address"):
            store.connect("/ip4/127.0.0.1/tcp/1")


# Requests that are refused


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.org"},
        {"Origin": "http://127.0.0.1:5001"},
        {"Origin": "null"},
        {"Referer": "https://example.org/page"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "rebound.example.org"},
    ],
)
def test_web_pages_are_refused(ipfs_node: str, headers: dict[str, str]) -> None:
    answer = requests.post(api_url(ipfs_node) + "version", headers=headers, timeout=60)
    assert answer.status_code == 403
    assert answer.json()["Type"] == "error"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "DELETE"])
def test_only_post_is_answered(ipfs_node: str, method: str) -> None:
    assert requests.request(method, api_url(ipfs_node) + "version", timeout=60).status_code == 405


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        ("cat", {}, 'argument "ipfs-path" is required'),
        ("cat", {"arg": "nonsense"}, "invalid CID"),
        ("cat", {"arg": f"{compute_cid(b'')}/file"}, "paths below a CID"),
        ("cat", {"arg": str(compute_cid(b"")), "offset": "-1"}, "not an integer"),
        ("cat", {"arg": str(compute_cid(b"")), "offline": "maybe"}, "not a boolean"),
        ("cat", {"arg": str(compute_cid(b"")), "timeout": "soon"}, "not a duration"),
        ("add", {}, "not a multipart upload"),
        ("add", {"chunker": "rabin"}, "chunker"),
        ("add", {"chunker": "size-0"}, "chunker"),
        ("add", {"chunker": "size-3000000"}, "chunker"),
        ("add", {"hash": "blake3"}, "only sha2-256"),
        ("add", {"trickle": "true"}, "not supported"),
        ("add", {"cid-version": "2"}, "from 0 to 1"),
        ("block/put", {"cid-codec": "dag-cbor"}, "only raw and dag-pb"),
        ("pin/add", {"arg": str(compute_cid(b"")), "recursive": "false"}, "only recursive"),
        ("pin/ls", {"type": "other"}, "invalid type"),
        ("swarm/connect", {"arg": "nonsense"}, "invalid peer address"),
        # sha2-512 and dag-cbor: valid, but not for this node
        (
            "cat",
            {"arg": "bafyreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4", "offline": "t"},
            "not found locally",
        ),
    ],
)
def test_bad_requests_are_answered_in_the_manner_of_kubo(
    ipfs_node: str, command: str, options: dict[str, str], message: str
) -> None:
    answer = requests.post(api_url(ipfs_node) + command, params=options, timeout=60)
    assert answer.status_code in (400, 500)
    body = answer.json()
    assert message in body["Message"]
    assert body["Type"] == "error"
    assert body["Code"] == (1 if answer.status_code == 400 else 0)


def test_unknown_commands_are_not_found(ipfs_node: str) -> None:
    for path in ("files/ls", "", "config", "../../etc/passwd", "__proto__"):
        answer = requests.post(api_url(ipfs_node) + path, timeout=60)
        assert answer.status_code == 404


def test_missing_content_ends_at_the_deadline_or_at_once_when_offline(ipfs_node: str) -> None:
    cid = str(compute_cid(fresh_bytes(10)))
    for options, message in (
        ({"timeout": "100ms"}, "context deadline exceeded"),
        ({"offline": "True"}, "not found locally"),
    ):
        for command in ("cat", "block/get", "block/stat", "pin/add", "dag/export"):
            answer = requests.post(
                api_url(ipfs_node) + command, params={"arg": cid, **options}, timeout=60
            )
            assert answer.status_code == 500
            assert message in answer.json()["Message"]


def test_too_many_requests_at_once_are_turned_away(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node("repo", "--max-concurrent-requests", "2")
    missing = compute_cid(fresh_bytes(10))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post(node, "cat", missing, timeout="1s"), range(8)))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 6
    assert all("requests at once" in answer.json()["Message"] for answer in refused)
    assert is_alive(node)
