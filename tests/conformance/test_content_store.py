"""What every content store must do, run against each one that there is."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fl_chain.errors import BlobTooLarge, BlobUnavailable
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.constants import LEAF_CHUNK_BYTES
from fl_chain.storage.ipfs import IpfsStore
from fl_chain.storage.memory import MemoryStore
from fl_chain.storage.store import ContentStore
from tests.ipfs_fixtures import KUBO_VARIABLE

PATIENCE_SECONDS = 30.0
"""For content that exists."""

IMPATIENCE_SECONDS = 0.5
"""For content that does not."""

SIZES = [0, 1, 400_000, LEAF_CHUNK_BYTES, LEAF_CHUNK_BYTES + 1, 5 * LEAF_CHUNK_BYTES + 17]


def fresh_bytes(size: int) -> bytes:
    """Bytes that no earlier run has stored."""
    return (uuid.uuid4().bytes * (size // 16 + 1))[:size]


@pytest.fixture(params=["memory", "embedded", "kubo"])
def store(request: pytest.FixtureRequest) -> Iterator[ContentStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    with IpfsStore(_api(request), timeout_seconds=PATIENCE_SECONDS) as ipfs:
        yield ipfs


@pytest.fixture(params=["memory", "embedded", "kubo"])
def impatient_store(request: pytest.FixtureRequest) -> Iterator[ContentStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    with IpfsStore(_api(request), timeout_seconds=IMPATIENCE_SECONDS) as ipfs:
        yield ipfs


def _api(request: pytest.FixtureRequest) -> str:
    if request.param == "embedded":
        api: str = request.getfixturevalue("ipfs_node")
        return api
    if KUBO_VARIABLE not in os.environ:
        pytest.skip(f"no Kubo: set {KUBO_VARIABLE} to the API address of one")
    return os.environ[KUBO_VARIABLE]


@pytest.mark.parametrize("size", SIZES)
def test_what_was_put_is_what_is_got(store: ContentStore, size: int) -> None:
    data = fresh_bytes(size)
    cid = store.put(data)
    assert cid == compute_cid(data)
    assert store.get(cid, max_bytes=size) == data


def test_putting_twice_is_putting_once(store: ContentStore) -> None:
    data = fresh_bytes(100)
    assert store.put(data) == store.put(data)
    assert store.get(compute_cid(data), max_bytes=100) == data


@pytest.mark.parametrize("size", [1, 2 * LEAF_CHUNK_BYTES])
def test_content_past_the_limit_is_refused(store: ContentStore, size: int) -> None:
    cid = store.put(fresh_bytes(size))
    with pytest.raises(BlobTooLarge):
        store.get(cid, max_bytes=size - 1)


@pytest.mark.parametrize("size", [100, 2 * LEAF_CHUNK_BYTES])
def test_content_that_nobody_put_is_unavailable(impatient_store: ContentStore, size: int) -> None:
    with pytest.raises(BlobUnavailable):
        impatient_store.get(compute_cid(fresh_bytes(size)), max_bytes=size)


def test_many_threads_may_use_one_store(store: ContentStore) -> None:
    blobs = [fresh_bytes(10_000 + i) for i in range(40)]
    with ThreadPoolExecutor(10) as threads:
        cids = list(threads.map(store.put, blobs))
        fetched = list(threads.map(lambda cid: store.get(cid, max_bytes=20_000), cids))
    assert fetched == blobs


@pytest.mark.parametrize("size", SIZES)
def test_content_of_one_node_is_got_through_another(
    two_ipfs_nodes: tuple[str, str], size: int
) -> None:
    data = fresh_bytes(size)
    for here, there in (two_ipfs_nodes, two_ipfs_nodes[::-1]):
        data = data[::-1]
        with (
            IpfsStore(here, timeout_seconds=PATIENCE_SECONDS) as source,
            IpfsStore(there, timeout_seconds=PATIENCE_SECONDS) as other,
        ):
            assert other.get(source.put(data), max_bytes=size) == data


def test_content_that_appears_later_reaches_whoever_waits_for_it(
    two_ipfs_nodes: tuple[str, str],
) -> None:
    data = fresh_bytes(2 * LEAF_CHUNK_BYTES)
    here, there = two_ipfs_nodes
    with (
        IpfsStore(here, timeout_seconds=PATIENCE_SECONDS) as source,
        IpfsStore(there, timeout_seconds=PATIENCE_SECONDS) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        waiting = thread.submit(other.get, compute_cid(data), max_bytes=len(data))
        source.put(data)
        assert waiting.result() == data


def test_content_got_once_needs_its_source_no_more(
    two_ipfs_nodes: tuple[str, str], ipfs_node: str
) -> None:
    data = fresh_bytes(3 * LEAF_CHUNK_BYTES)
    here, there = two_ipfs_nodes
    with (
        IpfsStore(ipfs_node, timeout_seconds=PATIENCE_SECONDS) as source,
        IpfsStore(here, timeout_seconds=PATIENCE_SECONDS) as relay,
        IpfsStore(there, timeout_seconds=PATIENCE_SECONDS) as last,
    ):
        cid = source.put(data)
        relay.connect(source.peer_addresses()[0])
        assert relay.get(cid, max_bytes=len(data)) == data
        assert last.get(cid, max_bytes=len(data)) == data  # it knows the relay only
