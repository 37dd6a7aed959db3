"""A content store in a folder, for benchmarks of everything but IPFS nodes."""

from __future__ import annotations

from pathlib import Path

from fl_chain.errors import BlobCorrupt, BlobUnavailable
from fl_chain.protocol.cid import Cid, compute_cid


class FolderStore:
    """A file for each blob.

    Parameters
    ----------
    directory
        Where they are.
    is_trusted
        Whether `get` leaves out the hashing of what it reads: what remains is reading.
    """

    def __init__(self, directory: Path, *, is_trusted: bool = False) -> None:
        self._directory = directory
        self._is_trusted = is_trusted

    def put(self, data: bytes) -> Cid:
        """See `ContentStore.put`."""
        cid = compute_cid(data)
        (self._directory / str(cid)).write_bytes(data)
        return cid

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        """See `ContentStore.get`."""
        try:
            data = (self._directory / str(cid)).read_bytes()
        except FileNotFoundError:
            raise BlobUnavailable(f"nobody stored {cid}") from None
        if not self._is_trusted and compute_cid(data) != cid:
            raise BlobCorrupt(f"the stored bytes do not hash to {cid}")
        return data
