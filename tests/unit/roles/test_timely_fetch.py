"""What nobody has keeps nobody from what is there, and from going on in time."""

from __future__ import annotations

from threading import Event

import pytest

from fl_chain.errors import StoreUnreachable
from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.roles.timely_fetch import TimelyFetcher
from fl_chain.storage.memory import MemoryStore

SOON = 30.0
"""Longer than anything takes that does not wait for somebody."""


class SlowStore(MemoryStore):
    """Looks for what it does not have until a test lets it, as IPFS nodes do."""

    def __init__(self) -> None:
        super().__init__()
        self.is_over = Event()
        self.num_looks = 0

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        if cid not in self.blobs:
            self.num_looks += 1
            self.is_over.wait(SOON)
        return super().get(cid, max_bytes=max_bytes)


def test_blobs_that_nobody_has_keep_nobody_from_those_there_are() -> None:
    store = SlowStore()
    there = [store.put(bytes([number])) for number in range(3)]
    missing = [compute_cid(bytes([number])) for number in range(10, 60)]
    wanted = dict.fromkeys([*missing, *there], 1)
    fetcher = TimelyFetcher(store)
    found = fetcher.fetch(wanted, 0.5)
    assert sorted(found.values()) == [b"\0", b"\1", b"\2"]
    store.is_over.set()


def test_what_comes_late_is_there_when_it_is_asked_for_again() -> None:
    store = SlowStore()
    cid = compute_cid(b"late")
    fetcher = TimelyFetcher(store)
    for _ in range(3):
        assert fetcher.fetch({cid: 4}, 0.01) == {}
    assert store.num_looks == 1
    store.put(b"late")
    store.is_over.set()
    assert fetcher.fetch({cid: 4}, SOON) == {cid: b"late"}


def test_content_that_is_not_to_be_had_is_looked_for_anew() -> None:
    store = MemoryStore()
    large, damaged, absent = store.put(b"large"), store.put(b"damaged"), compute_cid(b"absent")
    store.blobs[damaged] = b"else"
    fetcher = TimelyFetcher(store)
    wanted = {large: 4, damaged: 9, absent: 9}
    assert fetcher.fetch(wanted, SOON) == {}
    store.put(b"absent")
    assert fetcher.fetch(wanted, SOON) == {absent: b"absent"}


def test_nothing_is_waited_for_where_no_time_is_left() -> None:
    store = MemoryStore()
    wanted = {store.put(b"there"): 5}
    assert TimelyFetcher(store).fetch({}, -1.0) == {}
    assert TimelyFetcher(store).fetch(wanted, -1.0).keys() <= wanted.keys()


@pytest.mark.parametrize("error", [StoreUnreachable("away"), ValueError("broken")])
def test_a_store_that_does_not_answer_is_not_one_without_content(error: Exception) -> None:
    class Away(MemoryStore):
        def get(self, cid: Cid, *, max_bytes: int) -> bytes:
            raise error

    with pytest.raises(type(error)):
        TimelyFetcher(Away()).fetch({compute_cid(b"x"): 1}, SOON)
