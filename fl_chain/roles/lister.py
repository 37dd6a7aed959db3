"""How an aggregator records what participants handed in signed: as one list, by its digest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import ListUpdates
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.update_list import ListEntry, UpdateList, encode_update_list
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.intake import Intake
from fl_chain.roles.liveness import LOST_RACES
from fl_chain.roles.patience import with_patience
from fl_chain.roles.progress import Progress, timed
from fl_chain.storage.store import ContentStore

T = TypeVar("T")

LOOK_SECONDS = 0.25
"""Longest wait for another update before looking again."""
MARGIN_SECONDS = 5
"""So long before the time for lists is over a list is made of what there is, or a quarter of it."""


class Lister:
    """Makes one aggregator's list of each round.

    Parameters
    ----------
    intake
        Where the updates come in.
    follower
        The task, whose ledger has the aggregator's key.
    store
        Where the list is pinned.
    """

    def __init__(
        self,
        intake: Intake,
        follower: TaskFollower,
        store: ContentStore,
        progress: Progress,
        patience_seconds: float,
    ) -> None:
        self._intake = intake
        self._follower = follower
        self._store = store
        self._progress = progress
        self._patience_seconds = patience_seconds

    def work(self) -> bool:
        """List what was handed in, if it is time to; return whether a list was recorded."""
        self._patiently(self._intake.refresh)
        if not self.is_due():
            return False
        number, pending = self._intake.close()
        if number != self._follower.task.current.round or not pending:
            return False
        entries = tuple(ListEntry(one.participant, one.update) for one in pending)
        task_id = self._patiently(lambda: self._follower.manifest).task_id
        data = encode_update_list(UpdateList(task_id, number, entries))
        values: dict[str, Any] = {"round": number, "updates": len(entries), "bytes": len(data)}
        with timed(values, "pin_seconds"):
            cid = self._patiently(lambda: self._store.put(data))
        action = ListUpdates(number, len(entries), compute_digest(data), cid.digest)
        try:
            receipt = self._patiently(lambda: self._follower.ledger.send(action))
        except TransactionRejected as error:
            if error.error not in (*LOST_RACES, "AlreadyListed", "ListsOver"):
                raise
            # Whoever is left out sends its update itself.
            self._progress("missed", {"round": number, "reason": error.error})
            return False
        self._progress("listed", {**values, "cid": str(cid), "gas": receipt.gas_used})
        return True

    def is_due(self) -> bool:
        """Return whether to make the list now, of what there is."""
        task, now = self._follower.task, self._follower.now
        sender = self._follower.ledger.sender
        if not task.has_lists or now > task.list_until or task.has_listed(sender):
            return False
        margin = min(MARGIN_SECONDS, max(1, task.parameters.list_seconds // 4))
        _, pending = self._intake.pending()
        return bool(pending) and (self._intake.is_complete or now >= task.list_until - margin)

    def _patiently(self, action: Callable[[], T]) -> T:
        return with_patience(action, self._patience_seconds, self._progress)
