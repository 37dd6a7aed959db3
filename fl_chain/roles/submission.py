"""How a participant's update gets to the ledger: in its own transaction, or through a relay."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from fl_chain.errors import InsufficientFunds, RelayError, RelayUnreachable
from fl_chain.protocol.actions import (
    CommitUpdate,
    RevealUpdate,
    SubmitMasked,
    SubmitUpdate,
    Unmask,
)
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import RoundAborted, TaskStopped, UpdatesListed, UpdateSubmitted
from fl_chain.protocol.signed_update import Handover, SignedUpdate, compute_update_message
from fl_chain.relay.client import RelayClient
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.listed import ListSearch
from fl_chain.roles.progress import Progress
from fl_chain.storage.store import ContentStore

SubmissionAction = SubmitUpdate | CommitUpdate | RevealUpdate | SubmitMasked | Unmask

LOOK_SECONDS = 1
"""Longest wait for news of the own update before looking again."""
REPEAT_SECONDS = 5
"""Time after which an update is handed in again, since a relay that was killed has forgotten it."""


class DirectSubmission:
    """Sends the update itself, and pays for it.

    Parameters
    ----------
    follower
        The task, with the participant's key.
    """

    needs_funds = True
    takes_commitments = True

    def __init__(self, follower: TaskFollower) -> None:
        self._follower = follower

    def submit(self, action: SubmissionAction) -> int:
        """Record the update, or a commitment to it; return the gas that it cost.

        Raises
        ------
        TransactionRejected, InsufficientFunds, ChainUnreachable
        """
        return self._follower.ledger.send(action).gas_used


class RelayedSubmission:
    """Signs the update and hands it to a relay, which pays; falls back on sending it itself.

    It falls back if the relay refuses, and when half of the time is gone that was left of
    collection as the update was made. An aggregator that lists updates is such a relay; then it
    falls back when the time for lists is over and no list has the update. A participant without
    money, who cannot, goes on handing the update in until collection is over.

    Parameters
    ----------
    follower
        The task, with the participant's key.
    relay
        Where updates are handed in.
    store
        Where lists are fetched from.
    progress
        Told when the relay is passed over.
    """

    needs_funds = False
    takes_commitments = False

    def __init__(
        self,
        follower: TaskFollower,
        relay: RelayClient,
        store: ContentStore,
        progress: Progress,
        patiently: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._follower = follower
        self._relay = relay
        self._listed = ListSearch(follower, store)
        self._progress = progress
        self._patiently = patiently

    def submit(self, action: SubmissionAction) -> int:
        """See that the update is recorded; return the gas that it cost the participant.

        Raises
        ------
        TransactionRejected, ChainUnreachable
        RelayError
            The relay did not do it, and the participant cannot pay for it.
        """
        assert isinstance(action, SubmitUpdate)  # noqa: S101 - takes_commitments says so
        task = self._follower.task
        left = max(0, task.collect_until - self._follower.now)
        patience = left / 2
        if task.has_lists:
            patience = min(left, max(0, task.list_until - self._follower.now) + LOOK_SECONDS)
        handover = self._sign(action)
        try:
            if self._hand_in_for(patience, handover):
                return 0
            reason: RelayError = RelayUnreachable(
                f"the relay at {self._relay.origin} did not hand the update in in time"
            )
        except RelayError as error:
            reason = error
        self._progress("passed_over_relay", {"round": action.round, "reason": reason.message})
        try:
            return self._follower.ledger.send(action).gas_used
        except InsufficientFunds:
            with contextlib.suppress(RelayError):
                if self._hand_in_for(left - patience, handover):
                    return 0
            raise reason from None

    def _sign(self, action: SubmitUpdate) -> Handover:
        what = (action.digest, action.cid_digest, action.weight)
        ledger = self._follower.ledger
        signature = ledger.sign(compute_update_message(action.round, *what))
        update = SignedUpdate(*what, signature)
        return Handover(ledger.chain_id, ledger.address, action.round, update)

    def _hand_in_for(self, seconds: float, handover: Handover) -> bool:
        """Hand in and wait for the record, no longer than that; return whether it is there.

        Raises
        ------
        RelayError
            The relay refuses, or was away at the end.
        """
        # By this machine's clock: that of a chain without new blocks stands still.
        deadline = time.monotonic() + seconds
        if self._is_recorded_by(0, handover):
            return True  # before a restart
        while True:
            away: RelayUnreachable | None = None
            try:
                self._relay.hand_in(handover)
            except RelayUnreachable as error:
                away = error
            pause = LOOK_SECONDS if away else REPEAT_SECONDS
            until = min(deadline, time.monotonic() + pause)
            if self._is_recorded_by(until, handover):
                return True
            if time.monotonic() >= deadline or not self._is_collecting(handover.round):
                if away:
                    raise away
                return False

    def _is_recorded_by(self, until: float, handover: Handover) -> bool:
        """Wait until the own update is on record, or no longer after ``until``."""
        sender, round_number = self._follower.ledger.sender, handover.round
        while True:
            self._follower.ledger.watch(UpdateSubmitted, UpdatesListed, RoundAborted, TaskStopped)
            self._patiently(self._follower.refresh)
            if self._follower.task.last_round_of.get(sender) == round_number:
                return True
            if self._listed.finds(handover):
                return True
            left = until - time.monotonic()
            if left <= 0 or not self._is_collecting(round_number):
                return False
            self._follower.ledger.wait(min(left, LOOK_SECONDS))

    def _is_collecting(self, round_number: int) -> bool:
        is_current = self._follower.task.current.round == round_number
        return is_current and self._follower.phase == Phase.COLLECTING
