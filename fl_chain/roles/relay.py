"""A relay: hands in for participants what they have signed, many at a time, and pays for it.

It can do no harm but by doing nothing: a signature says what is recorded, and a participant whose
update does not turn up on the ledger in time sends it itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from fl_chain.chain.keys import recover_signer
from fl_chain.chain.ledger import Ledger
from fl_chain.errors import RelayRefused, TransactionRejected
from fl_chain.protocol.actions import SubmitBatch
from fl_chain.protocol.attestation import compute_signing_hash
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.signed_update import Handover, SignedUpdate, compute_update_message
from fl_chain.relay.server import RelayServer
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.liveness import LOST_RACES, report_end
from fl_chain.roles.patience import DEFAULT_PATIENCE_SECONDS, with_patience
from fl_chain.roles.progress import Progress, ignore_progress
from fl_chain.storage.store import ContentStore

T = TypeVar("T")

BATCH_SIZE = 100
"""Updates of one transaction: about 1.5 million gas, an eleventh of what EIP-7825 lets one use."""
HEARTBEAT_SECONDS = 1.0
"""Longest wait before looking at the chain again."""


@dataclass(frozen=True, slots=True)
class _Pending:
    update: SignedUpdate
    taken_at: float
    """Seconds of the monotonic clock."""


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
        self.follower = TaskFollower(ledger, store)
        self._ledger = ledger
        self._wait_seconds = wait_seconds
        self._progress = progress
        self._patience_seconds = patience_seconds
        self._lock = threading.RLock()
        """Held by whoever looks at the follower or the pending updates: handovers come from the
        server's thread."""
        self._news = threading.Event()
        self._round = 0
        self._pending: dict[str, _Pending] = {}
        """Participant to its update of this round, in the order in which they came."""

    def take(self, handover: Handover) -> None:
        """Take an update that is to be handed in.

        Raises
        ------
        RelayRefused
            The ledger would not take it now, or another one of the same participant is on its way.
        """
        update = handover.update
        with self._lock:
            served = (self._ledger.chain_id, self._ledger.address)
            if (handover.chain_id, handover.ledger) != served:
                raise RelayRefused(f"this relay serves {self._ledger.address}")
            signer = self._signer_of(handover)
            if handover.round != self._round or signer not in self.follower.task.admitted:
                self._refresh()
            self._require_collecting(handover.round)
            task = self.follower.task
            if signer not in task.admitted:
                raise RelayRefused("no admitted participant has signed this")
            if task.last_round_of.get(signer) == handover.round:
                raise RelayRefused(f"{signer} has submitted in round {handover.round}")
            most = task.parameters.max_weight
            if not 1 <= update.weight <= most or not any(update.digest):
                raise RelayRefused(f"a weight is 1 to {most}, and a digest not zero")
            if not any(update.cid_digest):
                raise RelayRefused("a digest is not zero")
            before = self._pending.get(signer)
            if before is not None and before.update != update:
                raise RelayRefused(f"another update of {signer} is on its way")
            self._pending.setdefault(signer, _Pending(update, time.monotonic()))
        self._news.set()

    def serve(self, port: int) -> None:
        """Listen on a port of this machine, 0 for any free one, and work until the task is over.

        Raises
        ------
        PortTaken
            Another program listens there.
        FlChainError
            Something that waiting does not mend.
        """
        with RelayServer(port, self.take) as server:
            self._progress("listening", {"url": server.url})
            self.run()

    def run(self) -> None:
        """Work until the task is over.

        Raises
        ------
        FlChainError
            Something that waiting does not mend.
        """
        self._patiently(self._refresh)
        if not self.follower.task.is_over:
            self._patiently(self._ledger.check_funds)
        while not self.step():
            pass

    def step(self) -> bool:
        """Hand in what is due, or wait for news; return whether the task is over."""
        self._patiently(self._refresh)
        task = self.follower.task
        if task.is_over:
            report_end(task, self._progress)
            return True
        due = self._seconds_to_next()
        if due > 0:
            self._news.wait(due)
            self._news.clear()
            return False
        self._hand_in()
        return False

    def _refresh(self) -> None:
        with self._lock:
            self.follower.refresh()
            task = self.follower.task
            if task.current.round != self._round or self.follower.phase != Phase.COLLECTING:
                self._round, self._pending = task.current.round, {}
            for participant in list(self._pending):
                if task.last_round_of.get(participant) == self._round:
                    del self._pending[participant]

    def _signer_of(self, handover: Handover) -> str:
        update = handover.update
        message = compute_update_message(
            handover.round, update.digest, update.cid_digest, update.weight
        )
        signing_hash = compute_signing_hash(handover.chain_id, handover.ledger, message)
        return recover_signer(signing_hash, update.signature)

    def _require_collecting(self, round_number: int) -> None:
        if round_number != self._round or self.follower.phase != Phase.COLLECTING:
            current = f"round {self._round} is {self.follower.phase.name}"
            raise RelayRefused(f"round {round_number} takes no updates now: {current}")

    def _seconds_to_next(self) -> float:
        """Return how long the next batch may wait for more; 0 if it must not."""
        with self._lock:
            task = self.follower.task
            if not self._pending:
                return HEARTBEAT_SECONDS
            total = task.current.num_updates + len(self._pending)
            is_everybody = total >= min(len(task.admitted), task.parameters.target_updates)
            if is_everybody or len(self._pending) >= BATCH_SIZE:
                return 0
            first = next(iter(self._pending.values())).taken_at
            waited = self._wait_seconds - (time.monotonic() - first)
            in_time = task.collect_until - self.follower.now - self._wait_seconds
            return max(0.0, min(waited, in_time, HEARTBEAT_SECONDS))

    def _hand_in(self) -> None:
        with self._lock:
            number = self._round
            chosen = dict(list(self._pending.items())[:BATCH_SIZE])
        action = SubmitBatch(number, tuple(pending.update for pending in chosen.values()))
        try:
            receipt = self._patiently(lambda: self._ledger.send(action))
        except TransactionRejected as error:
            if error.error == "NotAdmitted":
                self._forget(str(error.values.get("participant", "")).lower())
            elif error.error not in (*LOST_RACES, "NothingSubmitted"):
                raise
            return
        with self._lock:
            for participant in chosen:
                self._pending.pop(participant, None)
        self._progress(
            "relayed", {"round": number, "updates": len(chosen), "gas": receipt.gas_used}
        )

    def _forget(self, participant: str) -> None:
        with self._lock:
            if self._pending.pop(participant, None) is None:
                self._pending.clear()  # the ledger names somebody else: look at all of it anew

    def _patiently(self, action: Callable[[], T]) -> T:
        return with_patience(action, self._patience_seconds, self._progress)
