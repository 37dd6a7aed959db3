"""What a ledger remembers of its rounds: the current one, the last proposal, and the history."""

from __future__ import annotations

from dataclasses import dataclass, field

from fl_chain.protocol.committee import NOBODY
from fl_chain.protocol.records import (
    ModelAttested,
    ModelProposed,
    RoundAborted,
    RoundFinalized,
    RoundOpened,
    UpdateCommitted,
    UpdatesListed,
    UpdateSubmitted,
)


@dataclass(frozen=True, slots=True)
class CurrentRound:
    """The round in progress, or the last one of a finished task."""

    round: int
    base_round: int
    num_updates: int
    num_finalized: int
    opened_at: int
    """Seconds since the epoch; in the future while the round is SCHEDULED."""
    closed_at: int = 0
    """When the target or the last reveal closed collection, a rejection let the turns begin again,
    or the task ended; 0 as long as only time closes collection."""
    paused_until: int = 0
    """No later round opens before this time."""
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """The last proposal; the fields are those of the contract."""

    round: int = 0
    """0 before the first proposal, and after one was dropped."""
    proposer: str = NOBODY
    proposed_at: int = 0
    """Seconds since the epoch."""
    num_for: int = 0
    """Attestations to this result, the proposer's own included."""
    num_against: int = 0
    report_digest: bytes = bytes(32)


@dataclass(frozen=True, slots=True)
class Committing:
    """How far committing has got in a round; the fields are those of the contract."""

    round: int = 0
    """The last round with a commitment, 0 before the first."""
    num_committed: int = 0
    closed_at: int = 0
    """When the target closed committing, in block time; 0 as long as only time does."""


@dataclass(slots=True)
class RoundHistory:
    """Everything on record about one round."""

    opened: RoundOpened
    updates: list[UpdateSubmitted] = field(default_factory=list)
    """Those that have a record of their own."""
    lists: list[UpdatesListed] = field(default_factory=list)
    members: frozenset[str] = frozenset()
    """Who was admitted as a model was proposed, in a task with lists; nobody is admitted or removed
    from the end of collection on."""
    proposal: ModelProposed | None = None
    """The one that stands or became final."""
    attestations: list[ModelAttested] = field(default_factory=list)
    rejected: list[ModelProposed] = field(default_factory=list)
    """Proposals that were dropped, in order."""
    finalized: RoundFinalized | None = None
    aborted: RoundAborted | None = None
    commitments: list[UpdateCommitted] = field(default_factory=list)

    @property
    def num_updates(self) -> int:
        """Updates on record, those in lists included."""
        return len(self.updates) + sum(listed.count for listed in self.lists)
