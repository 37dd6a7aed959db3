"""What participants hand in signed, until it is on record: taken at the door or refused there."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fl_chain.errors import RelayRefused
from fl_chain.protocol.attestation import compute_signing_hash
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.signed_update import Handover, SignedUpdate, compute_update_message
from fl_chain.protocol.signers import recover_signer
from fl_chain.relay.server import RelayServer
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.progress import Progress


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """One that is not on record yet."""

    participant: str
    update: SignedUpdate
    taken_at: float
    """Seconds of the monotonic clock."""


class Intake:
    """The signed updates of the current round that are not on record.

    Handovers come from a server's thread while another one works, so everything here is locked.

    Parameters
    ----------
    follower
        The task; nobody else may use it.
    is_for_lists
        Whether they go into a list, of which there is one in a round.
    """

    def __init__(self, follower: TaskFollower, *, is_for_lists: bool = False) -> None:
        self.follower = follower
        self._is_for_lists = is_for_lists
        self._is_closed = False
        self.news = threading.Event()
        """Set when something was taken."""
        self._lock = threading.RLock()
        self._round = 0
        self._pending: dict[str, PendingUpdate] = {}
        """By participant, in the order in which they came."""

    @contextmanager
    def served(self, port: int, progress: Progress) -> Iterator[None]:
        """Listen on a port of this machine, 0 for any free one, as long as the context lasts.

        Raises
        ------
        PortTaken
            Another program listens there.
        """
        with RelayServer(port, self.take) as server:
            progress("listening", {"url": server.url})
            yield

    def take(self, handover: Handover) -> None:
        """Take an update that is to be recorded.

        Raises
        ------
        RelayRefused
            The ledger would not take it now, or another one of the same participant is on its way.
        """
        update, ledger = handover.update, self.follower.ledger
        with self._lock:
            served = (ledger.chain_id, ledger.address)
            if (handover.chain_id, handover.ledger) != served:
                raise RelayRefused(f"this relay serves {ledger.address}")
            signer = _signer_of(handover)
            if handover.round != self._round or signer not in self.follower.task.admitted:
                self.refresh()
            self._require_collecting(handover.round)
            task = self.follower.task
            if signer not in task.admitted:
                raise RelayRefused("no admitted participant has signed this")
            if not task.is_selected(signer):
                raise RelayRefused(f"{signer} is not selected for round {handover.round}")
            if task.last_round_of.get(signer) == handover.round:
                raise RelayRefused(f"{signer} has submitted in round {handover.round}")
            if not task.can_pay(signer):
                raise RelayRefused(f"{signer} has spent its privacy budget")
            most = task.parameters.max_weight
            if not 1 <= update.weight <= most or not any(update.digest):
                raise RelayRefused(f"a weight is 1 to {most}, and a digest not zero")
            if not any(update.cid_digest):
                raise RelayRefused("a digest is not zero")
            before = self._pending.get(signer)
            if before is not None and before.update != update:
                raise RelayRefused(f"another update of {signer} is on its way")
            if before is None and self._is_closed:
                raise RelayRefused(f"the list of round {handover.round} is made")
            self._pending.setdefault(signer, PendingUpdate(signer, update, time.monotonic()))
        self.news.set()

    def refresh(self) -> None:
        """Read what is new on the ledger, and forget what is on record or of another round."""
        with self._lock:
            self.follower.refresh()
            task = self.follower.task
            if task.current.round != self._round or self.follower.phase != Phase.COLLECTING:
                self._round, self._pending, self._is_closed = task.current.round, {}, False
            for participant in list(self._pending):
                if task.last_round_of.get(participant) == self._round:
                    del self._pending[participant]

    def pending(self) -> tuple[int, list[PendingUpdate]]:
        """Return the round, and what is to be recorded in it in the order in which it came."""
        with self._lock:
            return self._round, list(self._pending.values())

    @property
    def is_complete(self) -> bool:
        """Whether nobody is left to hand in, or no room for more."""
        with self._lock:
            task = self.follower.task
            rest = task.admitted - self._pending.keys()
            left = [one for one in rest if task.last_round_of.get(one) != self._round]
            if not any(task.is_selected(one) and task.can_pay(one) for one in left):
                return True
            total, closing = task.current.num_updates + len(self._pending), task.closing_updates
            return closing is not None and total >= closing

    def close(self) -> tuple[int, list[PendingUpdate]]:
        """Return what :meth:`pending` does, and take nothing more in this round."""
        with self._lock:
            self._is_closed = True
            return self.pending()

    def forget(self, participants: Collection[str]) -> int:
        """Forget what is on record, or will never be; return how many that were."""
        with self._lock:
            known = [one for one in participants if self._pending.pop(one, None) is not None]
            return len(known)

    def forget_all(self) -> None:
        """Forget everything that is pending; what comes again is taken again."""
        with self._lock:
            self._pending.clear()

    def _require_collecting(self, round_number: int) -> None:
        task, phase = self.follower.task, self.follower.phase
        if round_number != self._round or phase != Phase.COLLECTING:
            current = f"round {self._round} is {phase.name}"
            raise RelayRefused(f"round {round_number} takes no updates now: {current}")
        if self._is_for_lists and self.follower.now > task.list_until:
            raise RelayRefused(f"round {round_number} takes no lists any more")


def _signer_of(handover: Handover) -> str:
    update = handover.update
    message = compute_update_message(
        handover.round, update.digest, update.cid_digest, update.weight
    )
    signing_hash = compute_signing_hash(handover.chain_id, handover.ledger, message)
    return recover_signer(signing_hash, update.signature)
