"""Manifests, lists and reports for whoever can do without them: what cannot be had is None."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from fl_chain.errors import MalformedBlob, ProtocolError, StoreError, StoreUnreachable
from fl_chain.protocol.agreement import check_agreement
from fl_chain.protocol.cid import Cid, cid_from_digest
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.records import ModelProposed, TaskParameters, UpdatesListed
from fl_chain.protocol.report import RoundReport, decode_report
from fl_chain.protocol.update_list import locate_list
from fl_chain.roles.follower import fetch_manifest
from fl_chain.storage.store import ContentStore

FETCHES_AT_ONCE = 16
"""An IPFS node looks for what it lacks until a deadline, so many deadlines pass together."""


class ManifestShelf:
    """The manifests, lists and reports that an IPFS node has, verified against one chain.

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

    def find(self, parameters: TaskParameters, aggregators: Sequence[str]) -> Manifest | None:
        """Return the manifest that a task's contract was created for, None if it cannot be had."""
        store = self._store
        if store is None:
            return None
        try:
            manifest = fetch_manifest(store, parameters)
            check_agreement(manifest, parameters, tuple(aggregators), self._chain_id)
        except StoreUnreachable:
            self._store = None
            return None
        except (StoreError, ProtocolError):
            return None
        return manifest

    def find_report(self, proposal: ModelProposed, size: int) -> RoundReport | None:
        """Return the report that was proposed with a model, None if it cannot be had.

        ``size`` is that of the round's reports, see `TaskHistory.compute_report_bytes`.
        """
        data = self._get(cid_from_digest(proposal.report_cid_digest, size), size)
        if data is None or compute_digest(data) != proposal.report_digest:
            return None
        try:
            return decode_report(data)
        except MalformedBlob:
            return None

    def find_list(self, listed: UpdatesListed) -> bytes | None:
        """Return the content of a list of updates, None if it cannot be had."""
        return self._get(*locate_list(listed.cid_digest, listed.count))

    def _get(self, cid: Cid, cap: int) -> bytes | None:
        if self._store is None:
            return None
        try:
            return self._store.get(cid, max_bytes=cap)
        except StoreUnreachable:
            self._store = None  # nobody waits for the same silence twice
            return None
        except StoreError:
            return None

    def find_all(
        self, tasks: Sequence[tuple[TaskParameters, Sequence[str]]]
    ) -> list[Manifest | None]:
        """Return the manifest of each task, None where it cannot be had."""
        with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
            return list(pool.map(lambda task: self.find(*task), tasks))
