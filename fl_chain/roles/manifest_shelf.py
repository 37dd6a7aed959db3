"""Manifests and lists for whoever can do without them: what cannot be had is None, no error."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from fl_chain.errors import ProtocolError, StoreError, StoreUnreachable
from fl_chain.protocol.manifest import Manifest, check_agreement
from fl_chain.protocol.records import UpdatesListed
from fl_chain.protocol.round import Task
from fl_chain.protocol.update_list import locate_list
from fl_chain.roles.follower import fetch_manifest
from fl_chain.storage.store import ContentStore

FETCHES_AT_ONCE = 16
"""An IPFS node looks for what it lacks until a deadline, so many deadlines pass together."""


class ManifestShelf:
    """The manifests and lists that an IPFS node has, verified against one chain.

    Parameters
    ----------
    store
        The IPFS node, with a short deadline; None if there is none to ask.
    chain_id
        Chain of the contracts.
    """

    def __init__(self, store: ContentStore | None, chain_id: int) -> None:
        self._store = store
        self._chain_id = chain_id

    def find(self, task: Task) -> Manifest | None:
        """Return the manifest that a task's contract was created for, None if it cannot be had."""
        store = self._store
        if store is None:
            return None
        try:
            manifest = fetch_manifest(store, task.parameters)
            aggregators = tuple(task.committee.members)
            check_agreement(manifest, task.parameters, aggregators, self._chain_id)
        except StoreUnreachable:
            self._store = None  # nobody waits for the same silence twice
            return None
        except (StoreError, ProtocolError):
            return None
        return manifest

    def find_list(self, listed: UpdatesListed) -> bytes | None:
        """Return the content of a list of updates, None if it cannot be had."""
        if self._store is None:
            return None
        cid, cap = locate_list(listed.cid_digest, listed.count)
        try:
            return self._store.get(cid, max_bytes=cap)
        except StoreUnreachable:
            self._store = None
            return None
        except StoreError:
            return None

    def find_all(self, tasks: Sequence[Task]) -> list[Manifest | None]:
        """Return the manifest of each task, None where it cannot be had."""
        with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
            return list(pool.map(self.find, tasks))
