"""What a process does that works for an audit: examine slices, with a content store of its own."""

from __future__ import annotations

from collections.abc import Callable

from fl_chain.audit.slices import ExaminedSlice, Slice, examine_slice
from fl_chain.storage.ipfs import Endpoint, IpfsStore
from fl_chain.storage.mirrored import MirroredStore
from fl_chain.storage.store import ContentStore

OpenStore = Callable[[], ContentStore]
"""Opens a store; can be handed to another process, as a function of a module or a partial one."""

_stores: list[ContentStore] = []


def open_ipfs(endpoints: tuple[Endpoint, ...]) -> ContentStore:
    """Open IPFS nodes by what `IpfsStore.endpoint` told."""
    return MirroredStore(
        [IpfsStore(where, access, timeout_seconds=limit) for where, access, limit in endpoints]
    )


def find_opener(store: ContentStore) -> tuple[Endpoint, ...] | None:
    """Return what `open_ipfs` takes to open a store again; None if it is no IPFS node."""
    match store:
        case IpfsStore():
            return (store.endpoint,)
        case MirroredStore():
            return tuple(one.endpoint for one in store.stores)
        case _:
            return None


def begin(open_store: OpenStore) -> None:
    """Prepare this process."""
    _stores[:] = [open_store()]


def examine_here(part: Slice) -> ExaminedSlice:
    """Examine a slice in this process."""
    (store,) = _stores
    return examine_slice(part, lambda cid, max_bytes: store.get(cid, max_bytes=max_bytes))
