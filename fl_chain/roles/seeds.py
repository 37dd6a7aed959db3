"""The secrets of one aggregator: committed to, and revealed one by one, so that seeds can be drawn.

They follow from its key, so that whatever is killed knows them again without a file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fl_chain.chain.ledger import Ledger
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import CommitSeeds, RevealSeed
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.sampling import compute_chain
from fl_chain.protocol.state import SeedChain
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.liveness import LOST_RACES, SLOT_SECONDS
from fl_chain.roles.progress import Progress

CHAIN_LENGTH = 1024
"""Secrets of one chain, a round each; after the last of them another chain is committed to."""
PURPOSE = "seed chain"
_LOST_RACES = (*LOST_RACES, "AlreadyRevealed", "SeedsFixed", "SeedsNotFixed")


class SeedKeeper:
    """Commits and reveals for one aggregator; does nothing in a task without sampling.

    Parameters
    ----------
    follower
        The task, whose ledger has the aggregator's key.
    patiently
        Carries out what may have to be tried again.
    """

    def __init__(
        self,
        follower: TaskFollower,
        progress: Progress,
        patiently: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._follower = follower
        self._ledger: Ledger = follower.ledger
        self._progress = progress
        self._patiently = patiently
        self._chain: tuple[int, Sequence[bytes]] = (-1, ())
        """Number and words of the chain that was looked at last."""

    def work(self, phase: Phase) -> bool:
        """Commit or reveal if that is due now; return whether something was sent."""
        task = self._follower.task
        if not task.is_sampled:
            return False
        is_fixed = task.is_fixed(self._follower.now)
        if phase == Phase.SCHEDULED and is_fixed:
            return self._reveal()
        return self._find_secret() is None and self._commit()

    def next_at(self) -> int | None:
        """Return when something may be due that no record announces; None if nothing is."""
        task = self._follower.task
        if not task.is_sampled or self._follower.phase != Phase.SCHEDULED:
            return None
        return self._reveals_from()

    def _reveal(self) -> bool:
        task, number = self._follower.task, self._follower.task.current.round
        chain = task.seed_chains.get(self._ledger.sender, SeedChain())
        secret = self._find_secret()
        if secret is None or chain.revealed_in == number:
            return False
        if not task.committee.has_standing(self._ledger.sender, number):
            return False
        if self._follower.now < self._reveals_from():
            return False
        gas = self._send(RevealSeed(number, secret))
        if gas is not None:
            self._progress("revealed", {"round": number, "gas": gas})
        return gas is not None

    def _commit(self) -> bool:
        number = self._follower.task.num_chains.get(self._ledger.sender, 0)
        tip = self._words(number)[-1]
        gas = self._send(CommitSeeds(tip))
        if gas is not None:
            self._progress("committed_seeds", {"tip": tip.hex(), "gas": gas})
        return gas is not None

    def _send(self, action: CommitSeeds | RevealSeed) -> int | None:
        """Send and return the gas; None if the round has moved on."""
        try:
            gas: int = self._patiently(lambda: self._ledger.send(action)).gas_used
        except TransactionRejected as error:
            if error.error not in _LOST_RACES:
                raise
            return None
        return gas

    def _find_secret(self) -> bytes | None:
        """Return the secret that the tip on record is the hash of; None if there is none here."""
        task, sender = self._follower.task, self._ledger.sender
        chain = task.seed_chains.get(sender)
        if chain is None:
            return None
        words = self._words(task.num_chains[sender] - 1)
        place = words.index(chain.tip) if chain.tip in words else 0
        return words[place - 1] if place else None

    def _words(self, number: int) -> Sequence[bytes]:
        if self._chain[0] != number:
            first = self._ledger.derive_secret(PURPOSE, number)
            self._chain = number, compute_chain(first, CHAIN_LENGTH)
        return self._chain[1]

    def _reveals_from(self) -> int:
        """Return when nobody can choose a secret any more, whatever the clock of the chain."""
        task = self._follower.task
        fixed_at = task.seeding.reveals_from
        is_first = task.current.round == 1 and task.seeding.num_committed < len(
            task.committee.members
        )
        if not is_first or self._follower.block_time >= fixed_at:
            return fixed_at
        return fixed_at + min(SLOT_SECONDS, task.parameters.seed_seconds // 4)
