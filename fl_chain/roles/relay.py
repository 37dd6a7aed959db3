"""A relay: hands in for participants what they have signed, many at a time, and pays for it.

It can do no harm but by doing nothing: a signature says what is recorded, and a participant whose
update does not turn up on the ledger in time sends it itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from fl_chain.chain.ledger import Ledger
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import SubmitBatch
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.intake import Intake
from fl_chain.roles.liveness import LOST_RACES, report_end
from fl_chain.roles.patience import DEFAULT_PATIENCE_SECONDS, with_patience
from fl_chain.roles.progress import Progress, ignore_progress
from fl_chain.storage.store import ContentStore

T = TypeVar("T")

BATCH_SIZE = 100
"""Updates of one transaction: about 1.5 million gas, an eleventh of what EIP-7825 lets one use."""
HEARTBEAT_SECONDS = 1.0
"""Longest wait before looking at the chain again."""


class RelayRole:
    """Relays the updates of every round of one task until the task is over.

    Parameters
    ----------
    ledger
        The task, with a key that can pay.
    store
        Only the task's manifest is fetched from it.
    wait_seconds
        How long the first update of a batch waits for others.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: ContentStore,
        *,
        wait_seconds: float = 1.0,
        progress: Progress = ignore_progress,
        patience_seconds: float = DEFAULT_PATIENCE_SECONDS,
    ) -> None:
        self.intake = Intake(TaskFollower(ledger, store))
        self._ledger = ledger
        self._wait_seconds = wait_seconds
        self._progress = progress
        self._patience_seconds = patience_seconds

    def serve(self, port: int) -> None:
        """Listen on a port of this machine, 0 for any free one, and work until the task is over.

        Raises
        ------
        PortTaken
            Another program listens there.
        FlChainError
            Something that waiting does not mend.
        """
        with self.intake.served(port, self._progress):
            self.run()

    def run(self) -> None:
        """Work until the task is over.

        Raises
        ------
        FlChainError
            Something that waiting does not mend.
        """
        self._patiently(self.intake.refresh)
        if not self.intake.follower.task.is_over:
            self._patiently(self._ledger.check_funds)
        while not self.step():
            pass

    def step(self) -> bool:
        """Hand in what is due, or wait for news; return whether the task is over."""
        self._patiently(self.intake.refresh)
        task = self.intake.follower.task
        if task.is_over:
            report_end(task, self._progress)
            return True
        due = self._seconds_to_next()
        if due > 0:
            self.intake.news.wait(due)
            self.intake.news.clear()
            return False
        self._hand_in()
        return False

    def _seconds_to_next(self) -> float:
        """Return how long the next batch may wait for more; 0 if it must not."""
        _, pending = self.intake.pending()
        if not pending:
            return HEARTBEAT_SECONDS
        if self.intake.is_complete or len(pending) >= BATCH_SIZE:
            return 0
        waited = self._wait_seconds - (time.monotonic() - pending[0].taken_at)
        follower = self.intake.follower
        in_time = follower.task.collect_until - follower.now - self._wait_seconds
        return max(0.0, min(waited, in_time, HEARTBEAT_SECONDS))

    def _hand_in(self) -> None:
        number, pending = self.intake.pending()
        chosen = pending[:BATCH_SIZE]
        action = SubmitBatch(number, tuple(one.update for one in chosen))
        try:
            receipt = self._patiently(lambda: self._ledger.send(action))
        except TransactionRejected as error:
            if error.error in ("NotAdmitted", "NotSelected", "PrivacyBudgetExceeded"):
                # If the ledger names somebody else: look at all of it anew.
                if not self.intake.forget([str(error.values.get("participant", "")).lower()]):
                    self.intake.forget_all()
            elif error.error not in (*LOST_RACES, "NothingSubmitted"):
                raise
            return
        self.intake.forget([one.participant for one in chosen])
        self._progress(
            "relayed", {"round": number, "updates": len(chosen), "gas": receipt.gas_used}
        )

    def _patiently(self, action: Callable[[], T]) -> T:
        return with_patience(action, self._patience_seconds, self._progress)
