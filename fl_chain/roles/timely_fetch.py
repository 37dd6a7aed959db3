"""Fetches what others have promised, all at once and no longer than there is time for it.

An IPFS node looks a minute and longer for content that nobody has. One after another, a few blobs
that somebody promised and withholds would take so long that whoever wants them misses the round.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, wait
from threading import Thread
from typing import Final

from fl_chain.errors import BlobCorrupt, BlobTooLarge, BlobUnavailable
from fl_chain.protocol.cid import Cid
from fl_chain.storage.store import ContentStore

NOT_THERE: Final = (BlobUnavailable, BlobCorrupt, BlobTooLarge)
"""Errors that say that content is not to be had, whatever is wrong with it."""


class TimelyFetcher:
    """Fetches small blobs, each in a thread of its own, which keeps no process alive.

    What has not come in time is still fetched, and is there when it is asked for again.

    Parameters
    ----------
    store
        Where they are pinned.

    Examples
    --------
    >>> from fl_chain.storage.memory import MemoryStore
    >>> store = MemoryStore()
    >>> cid = store.put(b"key")
    >>> list(TimelyFetcher(store).fetch({cid: 3}, 1.0).values())
    [b'key']
    """

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self._begun: dict[Cid, Future[bytes]] = {}

    def fetch(self, wanted: Mapping[Cid, int], seconds: float) -> dict[Cid, bytes]:
        """Return as many of the blobs as are there; the others nobody has, or not yet.

        Parameters
        ----------
        wanted
            CIDs, and the most bytes that each may have; at most some hundred.
        seconds
            The longest to wait.

        Raises
        ------
        FlChainError
            The store does not answer, or not as one.
        """
        for cid, max_bytes in wanted.items():
            if cid not in self._begun:
                self._begun[cid] = self._begin(cid, max_bytes)
        wait([self._begun[cid] for cid in wanted], max(0.0, seconds))
        found = {}
        for cid in wanted:
            if not self._begun[cid].done():
                continue
            try:
                found[cid] = self._begun.pop(cid).result()
            except NOT_THERE:
                continue
        return found

    def _begin(self, cid: Cid, max_bytes: int) -> Future[bytes]:
        future: Future[bytes] = Future()

        def work() -> None:
            try:
                future.set_result(self._store.get(cid, max_bytes=max_bytes))
            except BaseException as error:
                future.set_exception(error)

        Thread(target=work, daemon=True).start()
        return future
