"""Where a participant finds whether some list of the round has its update."""

from __future__ import annotations

import contextlib

from fl_chain.aggregation.submissions import is_genuine, read_list
from fl_chain.errors import StoreError
from fl_chain.protocol.records import UpdatesListed
from fl_chain.protocol.report import ExclusionReason
from fl_chain.protocol.signed_update import Handover
from fl_chain.protocol.update_list import locate_list
from fl_chain.roles.follower import TaskFollower
from fl_chain.storage.store import ContentStore


class ListSearch:
    """Looks into every list of a round once, as soon as it can be had.

    Parameters
    ----------
    follower
        The task, whose ledger has the participant's key.
    store
        Where lists are fetched from.
    """

    def __init__(self, follower: TaskFollower, store: ContentStore) -> None:
        self._follower = follower
        self._store = store
        self._searched: dict[bytes, bool] = {}
        """Digest of a list to whether the update is in it; of one round."""
        self._round = 0

    def finds(self, handover: Handover) -> bool:
        """Return whether a list that can be had has this update, and as it was signed."""
        if self._round != handover.round:
            self._round, self._searched = handover.round, {}
        history = self._follower.task.rounds[handover.round]
        for listed in history.lists:
            if listed.digest in self._searched:
                continue
            cid, cap = locate_list(listed.cid_digest, listed.count)
            with contextlib.suppress(StoreError):
                data = self._store.get(cid, max_bytes=cap)
                self._searched[listed.digest] = self._is_in(handover, listed, data)
        return any(self._searched.values())

    def _is_in(self, handover: Handover, listed: UpdatesListed, data: bytes) -> bool:
        place, sender = self._follower.place, self._follower.ledger.sender
        entries = read_list(place, listed, data)
        if isinstance(entries, ExclusionReason):
            return False
        # Of thousands of signatures only the own one has to be verified.
        own = [entry for entry in entries if entry and entry.participant == sender]
        return any(e.update.digest == handover.update.digest and is_genuine(place, e) for e in own)
