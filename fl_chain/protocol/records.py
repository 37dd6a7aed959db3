"""Records: the facts that a ledger emits, one type per event, and what they are made of.

The fields of a record are the event's arguments, all of static ABI types. How they become logs and
hashes is in :mod:`fl_chain.protocol.logs`; those of the registry are in
:mod:`fl_chain.protocol.registry_records`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

from fl_chain.protocol.audit_records import AuditRecorded, RegisterCreated
from fl_chain.protocol.registry_records import (
    EncryptionKeySet,
    EnrolmentBondClaimed,
    ParticipantBonded,
    ParticipantEnrolled,
    ParticipantLeft,
    ParticipantRevoked,
    ParticipantRotated,
    RegistryCreated,
)
from fl_chain.protocol.words import (
    Address,
    Bool,
    Bytes32,
    Int32,
    Parts,
    Uint8,
    Uint32,
    Uint40,
    Uint64,
    Uint96,
    Uint128,
)

RECORD_PREFIX_BYTES = 23
"""So much of a record hash, or of a commitment, fits beside a participant's standing."""
LISTING_PREFIX_BYTES = 28
"""Bytes of a record's hash that the ledger keeps of an aggregator's last list."""


class Fault(IntEnum):
    """Why a bond is taken or a proposal rejected; the numbers of contracts/libraries/Faults.sol."""

    NONE = 0
    OVERRULED = 1
    """A quorum of the committee attested to other results than the one proposed."""
    EQUIVOCATION = 2
    """An aggregator signed two results for one round."""
    OMISSION = 3
    """The report of a proposal gives a submitted update no status."""
    WRONG_MODEL = 4
    """A value of the proposed model does not follow from the updates that its report includes."""
    SILENCE = 5
    """A party of a dispute let the time of its move pass."""
    FALSE_CHALLENGE = 6
    """What was challenged was right."""


class Question(IntEnum):
    """What a challenge asks to show; the numbers of contracts/libraries/Questions.sol."""

    NONE = 0
    HEADER = 1
    """That a chunk of the model's header is that of the genesis model's header."""
    VALUE = 2
    """That a value of the model follows from the updates that the report includes."""
    STATUS = 3
    """That the report gives an update a status."""


@dataclass(frozen=True, slots=True)
class TaskParameters:
    """What the contract fixes before anyone trains; see contracts/interfaces/ILedgerTypes.sol."""

    registry: Address
    disputes: Address
    """The code that decides disputes, which runs on the ledger's storage."""
    manifest_digest: Bytes32
    manifest_cid_digest: Bytes32
    genesis_digest: Bytes32
    genesis_cid_digest: Bytes32
    num_rounds: Uint32
    min_updates: Uint32
    target_updates: Uint32
    max_weight: Uint32
    collect_seconds: Uint32
    aggregate_seconds: Uint32
    challenge_seconds: Uint32
    quorum: Uint32
    """Attestations that decide a proposal at once; 0 if only the challenge window does."""
    bond: Uint96
    """Deposit of an aggregator, in wei."""
    header_chunks: Uint32
    """Chunks of 1,024 bytes in the header of every update and model."""
    num_values: Uint32
    fraction_shift: Uint32
    """Fraction bits of a model less those of an update."""
    commit_seconds: Uint32
    """Time to commit, before updates are revealed; 0 where they are submitted at once."""
    is_open: Bool
    """Whether anybody may admit enrolled participants; otherwise only the coordinator."""
    list_seconds: Uint32 = 0
    """Time in which aggregators may list updates; 0 if there are no lists."""
    sample_rate: Uint32 = 0
    """Of 2^32, so many participants are selected for a round on average; 0 if all take part."""
    seed_seconds: Uint32 = 0
    """Time for the aggregators to reveal their secrets before a round opens; above 0 exactly if
    ``sample_rate`` is."""
    reward: Uint96 = 0
    """What the updates of a finalized round earn together, in wei; above 0 only with a quorum."""
    privacy_cost: Uint64 = 0
    """What an update costs of its participant's privacy budget, in 2^-32 of rho; 0 without one."""
    privacy_budget: Uint64 = 0
    """The most that the updates of a participant may cost together; 0 if they cost nothing."""
    unmask_seconds: Uint32 = 0
    """Time to tell seeds after the end of collection; above 0 exactly if updates are masked."""


@dataclass(frozen=True, slots=True)
class TaskCreated:
    """A ledger was deployed."""

    INDEXED: ClassVar[int] = 1
    coordinator: Address
    parameters: TaskParameters
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class AggregatorAppointed:
    """The task was created with this aggregator, the next in the order of turns."""

    INDEXED: ClassVar[int] = 1
    aggregator: Address
    seat: Uint32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class BondDeposited:
    """An aggregator added to its bond."""

    INDEXED: ClassVar[int] = 1
    aggregator: Address
    amount: Uint96
    """In wei, as every amount."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class BondWithdrawn:
    """An aggregator made its bond a payout after the end of the task."""

    INDEXED: ClassVar[int] = 1
    aggregator: Address
    amount: Uint96
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class BondSlashed:
    """An aggregator lost its bond; half of it went to the beneficiary, if there is one."""

    INDEXED: ClassVar[int] = 2
    aggregator: Address
    beneficiary: Address
    amount: Uint96
    fault: Uint8
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class PayoutClaimed:
    """Somebody was paid what was due to it."""

    INDEXED: ClassVar[int] = 1
    account: Address
    amount: Uint96
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class PotFunded:
    """Somebody added to what the updates of rounds to come earn."""

    INDEXED: ClassVar[int] = 1
    account: Address
    amount: Uint96
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class RewardsPaid:
    """What a part of a round's updates earned became payouts."""

    INDEXED: ClassVar[int] = 1
    round: Uint32
    part: Uint32
    rows: Parts
    """See :func:`fl_chain.protocol.rewards.read_row`."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class PotReclaimed:
    """What was left in the pot became a payout to the coordinator."""

    INDEXED: ClassVar[int] = 1
    coordinator: Address
    amount: Uint96
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ParticipantAdmitted:
    """The coordinator admitted a participant to the task."""

    INDEXED: ClassVar[int] = 1
    participant: Address
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ParticipantRemoved:
    """A participant whom the registry had revoked was removed from the task."""

    INDEXED: ClassVar[int] = 1
    participant: Address
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class RoundOpened:
    """A round began to collect updates."""

    INDEXED: ClassVar[int] = 1
    round: Uint32
    base_round: Uint32
    opens_at: Uint40
    """Not before the time of the record; later if the task is paused, or with sampling: then the
    latest time, since the round opens sooner if all aggregators have revealed their secrets."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class UpdateSubmitted:
    """A participant recorded its update of a round."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    participant: Address
    sequence: Uint32
    digest: Bytes32
    cid_digest: Bytes32
    weight: Uint32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class UpdatesListed:
    """An aggregator recorded a list of signed updates."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    aggregator: Address
    first: Uint32
    """Sequence number of the first entry; the others follow."""
    count: Uint32
    digest: Bytes32
    cid_digest: Bytes32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ModelProposed:
    """An aggregator proposed the model of a round."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    proposer: Address
    model_digest: Bytes32
    model_cid_digest: Bytes32
    report_digest: Bytes32
    report_cid_digest: Bytes32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ModelAttested:
    """An aggregator signed the result that it derived."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    aggregator: Address
    model_digest: Bytes32
    report_digest: Bytes32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ProposalRejected:
    """The proposed model of a round was dropped; the turns begin again."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    proposer: Address
    fault: Uint8
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ProposalChallenged:
    """Somebody disputes the proposed model of a round."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    challenger: Address
    question: Uint8
    position: Uint32
    """The chunk of the header, the value of the model, or the update, that it is about."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ValueAnswered:
    """The proposer claimed what each part of the updates contributes to the value in question."""

    INDEXED: ClassVar[int] = 1
    round: Uint32
    base_value: Int32
    proposed_value: Int32
    parts: Parts
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class PartSelected:
    """The challenger named a part that contributes something else than is claimed."""

    INDEXED: ClassVar[int] = 1
    round: Uint32
    part: Uint32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class PartSplit:
    """The proposer claimed what each part of the selected one contributes."""

    INDEXED: ClassVar[int] = 1
    round: Uint32
    parts: Parts
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ChallengeFailed:
    """A challenger lost its deposit; half of it went to the beneficiary, who had proposed."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    challenger: Address
    beneficiary: Address
    amount: Uint96
    fault: Uint8
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class RoundFinalized:
    """The proposed model became final."""

    INDEXED: ClassVar[int] = 1
    round: Uint32
    model_digest: Bytes32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class RoundAborted:
    """A round ended without a model of its own."""

    INDEXED: ClassVar[int] = 1
    round: Uint32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class TaskPaused:
    """The coordinator lets no further round open before a time."""

    INDEXED: ClassVar[int] = 0
    until: Uint40
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class TaskStopped:
    """The coordinator ended the task."""

    INDEXED: ClassVar[int] = 0
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class UpdateCommitted:
    """A participant recorded a commitment to its update of a round."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    participant: Address
    commitment: Bytes32
    """See :mod:`fl_chain.protocol.commitment`; where updates are masked, the SHA-256 in the CID of
    its share bundle."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class PeersApart:
    """A participant shares no mask with some members of its group; its masked update follows."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    participant: Address
    positions: Uint128
    """A bit for each position in the group, the lowest for position 0; at least one is set."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class UpdateUnmasked:
    """A participant told what it knows of the seeds that hide the updates of its group."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    participant: Address
    cid_digest: Bytes32
    """SHA-256 in the CID of its reveal."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ParticipantSucceeded:
    """The admission of a participant moved to the key that the registry names as its successor."""

    INDEXED: ClassVar[int] = 2
    participant: Address
    successor: Address
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class SeedsCommitted:
    """An aggregator committed to secrets, each the hash of the next one that it reveals."""

    INDEXED: ClassVar[int] = 1
    aggregator: Address
    tip: Bytes32
    """The hash of the first of them."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class SeedRevealed:
    """An aggregator revealed its secret of a round, before the round opened."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    aggregator: Address
    secret: Bytes32
    timestamp: Uint40


LedgerRecord = (
    TaskCreated
    | AggregatorAppointed
    | ParticipantAdmitted
    | ParticipantRemoved
    | BondDeposited
    | BondWithdrawn
    | BondSlashed
    | PayoutClaimed
    | RoundOpened
    | UpdateSubmitted
    | UpdatesListed
    | ModelProposed
    | ModelAttested
    | ProposalRejected
    | ProposalChallenged
    | ValueAnswered
    | PartSelected
    | PartSplit
    | ChallengeFailed
    | RoundFinalized
    | RoundAborted
    | TaskPaused
    | TaskStopped
    | UpdateCommitted
    | ParticipantSucceeded
    | SeedsCommitted
    | SeedRevealed
    | PotFunded
    | RewardsPaid
    | PotReclaimed
    | PeersApart
    | UpdateUnmasked
)
RegistryRecord = (
    RegistryCreated
    | ParticipantEnrolled
    | ParticipantRevoked
    | ParticipantBonded
    | ParticipantLeft
    | EnrolmentBondClaimed
    | ParticipantRotated
    | EncryptionKeySet
)
AuditRecord = RegisterCreated | AuditRecorded
Record = LedgerRecord | RegistryRecord | AuditRecord

LEDGER_RECORDS: tuple[type[Any], ...] = LedgerRecord.__args__
REGISTRY_RECORDS: tuple[type[Any], ...] = RegistryRecord.__args__
AUDIT_RECORDS: tuple[type[Any], ...] = AuditRecord.__args__
