"""The seam between the protocol and whatever keeps the blobs."""

from __future__ import annotations

from typing import Protocol

from fl_chain.protocol.cid import Cid

__all__ = ["ContentStore"]


class ContentStore(Protocol):
    """Bytes by content: what comes out is what the CID says, or an error.

    Implementations may be called from several threads.
    """

    def put(self, data: bytes) -> Cid:
        """Store a blob so that it stays: when this returns, a crash does not lose it.

        Returns
        -------
        Cid
            Computed here, not taken from the store's answer. Storing a blob twice is no error.

        Raises
        ------
        StoreUnreachable
            Nobody answers.
        StoreError
            The store refused, or it names the content differently (another import profile).
        """
        ...

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        """Fetch a blob and verify it.

        Parameters
        ----------
        cid
            From `put`, here or on any other machine.
        max_bytes
            The most that the protocol allows at this place; no more is read.

        Raises
        ------
        StoreUnreachable
            Nobody answers.
        BlobUnavailable
            No reachable node has the content, or it stopped in the middle, twice.
        BlobTooLarge
            The content has more than `max_bytes` bytes.
        BlobCorrupt
            The bytes hash to something else.
        """
        ...
