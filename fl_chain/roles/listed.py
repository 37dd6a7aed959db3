"""Where a participant finds whether some list of the round has its update."""

from __future__ import annotations

import contextlib

from fl_chain.aggregation.submissions import open_list
from fl_chain.errors import StoreError
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
                sender, digest = self._follower.ledger.sender, handover.update.digest
                self._searched[listed.digest] = any(
                    one.reason is None
                    and one.record is not None
                    and (one.record.participant, one.record.digest) == (sender, digest)
                    for one in open_list(self._follower.place, listed, data)
                )
        return any(self._searched.values())
