"""A content store without a node, for tests and dry runs."""

from __future__ import annotations

from fl_chain.errors import BlobCorrupt, BlobTooLarge, BlobUnavailable
from fl_chain.protocol.cid import Cid, compute_cid

__all__ = ["MemoryStore"]


class MemoryStore:
    """Blobs in a dictionary, which a test may tamper with.

    >>> store = MemoryStore()
    >>> store.get(store.put(b"update"), max_bytes=6)
    b'update'
    """

    def __init__(self) -> None:
        self.blobs: dict[Cid, bytes] = {}

    def put(self, data: bytes) -> Cid:
        """See `ContentStore.put`."""
        cid = compute_cid(data)
        self.blobs[cid] = bytes(data)
        return cid

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        """See `ContentStore.get`."""
        data = self.blobs.get(cid)
        if data is None:
            raise BlobUnavailable(f"nobody stored {cid}")
        if len(data) > max_bytes:
            raise BlobTooLarge(f"{cid} has more than {max_bytes} bytes")
        if compute_cid(data) != cid:
            raise BlobCorrupt(f"the stored bytes do not hash to {cid}")
        return data
