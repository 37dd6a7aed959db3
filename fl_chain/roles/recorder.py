"""Puts on record what a participant has made, and says what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fl_chain.chain.ledger import Ledger
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import RevealUpdate, SubmitMasked, SubmitUpdate
from fl_chain.protocol.cid import Cid
from fl_chain.roles.liveness import LOST_RACES
from fl_chain.roles.progress import Progress, timed
from fl_chain.roles.submission import DirectSubmission, RelayedSubmission, SubmissionAction
from fl_chain.storage.store import ContentStore

RETRY_SECONDS = 0.5
"""Longest wait for news after a refusal, which our clock may have been ahead for."""
ALREADY_SENT = ("AlreadySubmitted", "AlreadyCommitted", "AlreadyUnmasked")


class Recorder:
    """Sends for one participant of one task.

    Parameters
    ----------
    ledger, store
        The task, and the participant's IPFS node.
    submission
        The way to the ledger.
    progress
        Told what became of it.
    patiently
        Repeats what asks other machines.
    on_recorded
        Called once something is on record.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: ContentStore,
        submission: DirectSubmission | RelayedSubmission,
        progress: Progress,
        patiently: Callable[[Callable[[], Any]], Any],
        on_recorded: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._submission = submission
        self._progress = progress
        self._patiently = patiently
        self._on_recorded = on_recorded
        self.lost_in = 0
        """Last round that was given up: what it takes is not here, or nobody wants it."""

    def pin(self, data: bytes, values: dict[str, Any]) -> Cid:
        """Pin an update."""
        with timed(values, "pin_seconds"):
            cid: Cid = self._patiently(lambda: self._store.put(data))
        return cid

    def send(self, action: SubmissionAction, what: str, values: dict[str, Any]) -> int | None:
        """Send and return the gas; None if the round has moved on or has it already."""
        try:
            with timed(values, what):
                gas: int | None = self._patiently(lambda: self._submission.submit(action))
        except TransactionRejected as error:
            if error.error not in (*LOST_RACES, *ALREADY_SENT):
                raise
            # The round closed without us, or what was sent before a restart was mined after all.
            event = "resumed" if error.error in ALREADY_SENT else "missed"
            self._progress(event, {"round": action.round, "reason": error.error})
            if event == "missed":
                self._ledger.wait(RETRY_SECONDS)
                return None
            gas = None
        self._on_recorded()
        return gas

    def submit(
        self,
        action: SubmitUpdate | RevealUpdate | SubmitMasked,
        cid: Cid,
        size: int,
        values: dict[str, Any],
    ) -> bool:
        """Send an update of so many bytes, and say so; return whether this put it on record."""
        gas = self.send(action, "submit_seconds", values)
        if gas is None:
            return False
        told = {"digest": action.digest.hex(), "cid": str(cid), "bytes": size}
        self._progress("submitted", {**values, **told, "weight": action.weight, "gas": gas})
        return True

    def give_up(self, round_number: int, reason: str) -> None:
        """Give a round up, and say why."""
        self.lost_in = round_number
        self._progress("missed", {"round": round_number, "reason": reason})
