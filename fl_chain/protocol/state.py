"""What a ledger remembers: its current round, the last proposal, the history, and all the rest."""

from __future__ import annotations

from dataclasses import dataclass, field

from eth_hash.auto import keccak

from fl_chain.protocol.admissions import Admissions
from fl_chain.protocol.committee import NOBODY, Committee
from fl_chain.protocol.dispute import Dispute
from fl_chain.protocol.records import (
    AggregatorAppointed,
    Fault,
    LedgerRecord,
    ModelAttested,
    ModelProposed,
    RoundAborted,
    RoundFinalized,
    RoundOpened,
    TaskCreated,
    UpdateCommitted,
    UpdatesListed,
    UpdateSubmitted,
    UpdateUnmasked,
)
from fl_chain.protocol.rewards import count_parts
from fl_chain.protocol.sampling import NO_MIX


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


@dataclass(frozen=True, slots=True)
class Unmasking:
    """How far a round has got with telling seeds; the fields are those of the contract."""

    round: int = 0
    """The last round in which anybody told any, 0 before the first."""
    num_unmasked: int = 0
    """Participants that have."""
    closed_at: int = 0
    """When the last of them did, or a rejection let the turns begin again; in block time. 0 as long
    as only time closes it."""


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
    drawn: frozenset[str] = frozenset()
    """Where updates are masked: who was admitted and selected at the first commitment, the members
    of the round's groups; nobody before."""
    seed: bytes = b""
    """Where updates are masked: the round's seed, 32 bytes; empty before the first commitment."""
    apart: dict[str, int] = field(default_factory=dict)
    """Participant to the positions of its group with which it shares no mask, a bit for each."""
    unmaskings: list[UpdateUnmasked] = field(default_factory=list)

    @property
    def num_updates(self) -> int:
        """Updates on record, those in lists included."""
        return len(self.updates) + sum(listed.count for listed in self.lists)


@dataclass(frozen=True, slots=True)
class Seeding:
    """How far the secrets of the current round have come; the fields are those of the contract."""

    former_seed: bytes = bytes(32)
    """Seed of the round before; of the first round, the digest of the manifest."""
    mix: bytes = NO_MIX
    num_committed: int = 0
    """Aggregators that have ever committed to secrets."""
    num_revealed: int = 0
    """Aggregators that have revealed the one of this round."""
    reveals_from: int = 0
    """From when nobody can choose a secret of this round any more, in block time."""
    opens_from: int = 0
    """When the round opens, in block time, if it is not paused beyond it."""


@dataclass(frozen=True, slots=True)
class SeedChain:
    """The secrets of an aggregator; the fields are those of the contract."""

    tip: bytes = bytes(32)
    """The hash of the next secret; zero before the first commitment."""
    due_from: int = 0
    """The first round whose secret it has to reveal, 0 before the first commitment."""
    revealed_in: int = 0
    """The last round whose secret it revealed."""


@dataclass(frozen=True, slots=True)
class Lot:
    """What a participant is drawn by; the fields are those of the contract."""

    name: str
    """The key under which it was admitted first."""
    from_round: int
    """The first round that it can be selected for."""


@dataclass(slots=True)
class Payroll:
    """What is left to pay for a round."""

    report_digest: bytes
    """Of the report that says who earned what."""
    num_updates: int
    left: int
    """In wei."""
    paid: set[int] = field(default_factory=set)
    """The parts that were paid."""

    @property
    def unpaid(self) -> list[int]:
        """The parts that are not paid yet, in order."""
        return [n for n in range(count_parts(self.num_updates)) if n not in self.paid]

    @property
    def content(self) -> bytes:
        """The 32 bytes by which the ledger knows report and number of updates."""
        return keccak(self.report_digest + self.num_updates.to_bytes(32))


class TaskState:
    """The state of one task after some records; mutable, and a function of them alone.

    Parameters
    ----------
    created
        The first record of every ledger.
    """

    def __init__(self, created: TaskCreated) -> None:
        self.coordinator = created.coordinator
        self.created_at = created.timestamp
        self.parameters = created.parameters
        self.committee = Committee(created.parameters.bond)
        self.admissions = Admissions()
        self.admitted = self.admissions.admitted
        self.last_round_of = self.admissions.last_round_of
        self.rounds: dict[int, RoundHistory] = {}
        self.current = CurrentRound(0, 0, 0, 0, 0)
        self.proposal = Proposal()
        self.last_timestamp = created.timestamp
        self.due: tuple[type[LedgerRecord], ...] = (AggregatorAppointed,)
        """Records of which one must come next, since one transaction emits both."""
        self._next_base = 0
        """Base round of the round that opens next."""
        self._expected_slash: tuple[str, str, int] = (NOBODY, NOBODY, Fault.NONE)
        """Whose bond is to be taken, for whom and why."""
        self.committing = Committing()
        self.pending: dict[str, UpdateCommitted] = {}
        """Participant to its last commitment, until it is revealed."""
        self.unmasking = Unmasking()
        self.seeding = Seeding()
        self.seed_chains: dict[str, SeedChain] = {}
        """Aggregator to its secrets; those who never committed are not in it."""
        self.num_chains: dict[str, int] = {}
        """Aggregator to how often it has committed to secrets."""
        self.lots: dict[str, Lot] = {}
        """Participant to what it is drawn by, of everybody who is or was admitted."""
        self.seeds: dict[int, bytes] = {}
        """Round to its seed, of the rounds that are over."""
        self.dispute = Dispute()
        self.claimed_parts: tuple[int, ...] = ()
        """What the proposer claimed last in a dispute."""
        self.privacy_spent: dict[str, int] = {}
        """Participant to what its updates cost together; only where they cost anything."""
        self.pot = 0
        """In wei."""
        self.payrolls: dict[int, Payroll] = {}
        """Of the rounds that have a reward."""
