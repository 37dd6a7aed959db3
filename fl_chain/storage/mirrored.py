"""Several IPFS nodes as one store that every one of them must serve rightly."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from fl_chain.errors import BlobUnavailable, StoreError
from fl_chain.protocol.cid import Cid
from fl_chain.storage.ipfs import IpfsStore


class MirroredStore:
    """Reads every blob from every node: an intact copy on one does not hide a damaged one.

    Parameters
    ----------
    stores
        At least one. A blob that some of them lack is available as long as one has it.
    """

    def __init__(self, stores: Sequence[IpfsStore]) -> None:
        self.stores = stores

    def put(self, data: bytes) -> Cid:
        """Store a blob at every node; see `ContentStore.put`."""
        cids = [store.put(data) for store in self.stores]
        return cids[0]

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        """Fetch a blob from every node and verify each copy; see `ContentStore.get`."""
        data, missing = None, None
        for store in self.stores:
            try:
                data = store.get(cid, max_bytes=max_bytes)
            except BlobUnavailable as error:
                missing = error
        if data is None:
            raise missing or StoreError("there is no IPFS node to ask", "name one with --ipfs")
        return data

    def version(self) -> str:
        """Return the nodes' versions; raise StoreUnreachable if one does not answer."""
        return ", ".join(store.version() for store in self.stores)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for store in self.stores:
            store.close()
