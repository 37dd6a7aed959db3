"""Actions: what somebody asks of the contracts, one type per function that changes state."""

from __future__ import annotations

from dataclasses import dataclass

from fl_chain.protocol.attestation import Attestation, Signature
from fl_chain.protocol.audit_statement import Audit
from fl_chain.protocol.opening import Opening
from fl_chain.protocol.records import Question
from fl_chain.protocol.signed_update import SignedUpdate


@dataclass(frozen=True, slots=True)
class SubmitUpdate:
    """A participant records its update of the current round."""

    round: int
    digest: bytes
    cid_digest: bytes
    weight: int


@dataclass(frozen=True, slots=True)
class SubmitBatch:
    """Anybody hands in updates of the current round that participants have signed."""

    round: int
    updates: tuple[SignedUpdate, ...]


@dataclass(frozen=True, slots=True)
class ListUpdates:
    """An aggregator records a list of signed updates of the current round."""

    round: int
    count: int
    digest: bytes
    cid_digest: bytes


@dataclass(frozen=True, slots=True)
class Propose:
    """An aggregator whose turn has come proposes the model of the current round."""

    round: int
    model_digest: bytes
    model_cid_digest: bytes
    report_digest: bytes
    report_cid_digest: bytes


@dataclass(frozen=True, slots=True)
class Attest:
    """Anybody hands in what aggregators signed about the current round."""

    round: int
    model_digest: bytes
    report_digest: bytes
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class ProveEquivocation:
    """Anybody shows two results that one aggregator signed for one round."""

    one: Attestation
    other: Attestation


@dataclass(frozen=True, slots=True)
class Challenge:
    """Anybody disputes the proposed model of the current round."""

    round: int
    question: Question
    position: int
    """The chunk of the header, the value of the model, or the update, that it is about."""
    wei: int
    """What is sent along: as much as a bond."""


@dataclass(frozen=True, slots=True)
class AnswerHeader:
    """Anybody shows that a chunk of the model's header is that of the genesis model's."""

    round: int
    genesis: Opening
    proposed: Opening


@dataclass(frozen=True, slots=True)
class AnswerStatus:
    """Anybody shows that the report gives the update in question a status."""

    round: int
    report: Opening


@dataclass(frozen=True, slots=True)
class AnswerValue:
    """The proposer claims what each part of the updates contributes to the value in question."""

    round: int
    base: Opening
    proposed: Opening
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SelectPart:
    """The challenger names a part that contributes something else than is claimed."""

    round: int
    part: int
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SplitPart:
    """The proposer claims what each part of the selected one contributes."""

    round: int
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UpdateRecord:
    """What the ledger recorded of an update, round and sequence aside."""

    participant: str
    digest: bytes
    cid_digest: bytes
    weight: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class DecideUpdate:
    """Anybody decides a dispute by the one update that is left."""

    round: int
    record: UpdateRecord
    report: Opening
    update: Opening


@dataclass(frozen=True, slots=True)
class ListRecord:
    """What the ledger recorded of a list, round aside."""

    aggregator: str
    first: int
    count: int
    digest: bytes
    cid_digest: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class DecideListedUpdate:
    """Anybody decides a dispute by the one update that is left, if it is in a list."""

    round: int
    list: ListRecord
    entry: Opening
    """The chunk of the list with the update's entry."""
    report: Opening
    update: Opening


@dataclass(frozen=True, slots=True)
class ConcludeDispute:
    """Anybody ends a dispute in which somebody let the time of its move pass."""

    round: int


@dataclass(frozen=True, slots=True)
class ProveOmission:
    """Anybody shows that the report gives an update on record no status."""

    round: int
    sequence: int
    report: Opening


@dataclass(frozen=True, slots=True)
class DepositBond:
    """An aggregator adds to its bond."""

    wei: int
    """What is sent along."""


@dataclass(frozen=True, slots=True)
class WithdrawBond:
    """An aggregator makes its bond a payout after the end of the task."""


@dataclass(frozen=True, slots=True)
class ClaimPayout:
    """Anybody is paid what is due to it."""


@dataclass(frozen=True, slots=True)
class Finalize:
    """Anybody makes the proposed model final after the challenge window."""

    round: int


@dataclass(frozen=True, slots=True)
class Abort:
    """Anybody ends an expired round."""

    round: int


@dataclass(frozen=True, slots=True)
class Pause:
    """The coordinator opens no further round before a time."""

    pause_seconds: int
    """From now; 0 ends a pause."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The coordinator ends the task."""


@dataclass(frozen=True, slots=True)
class Admit:
    """The coordinator, in an open task anybody, admits enrolled participants to the task."""

    participants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remove:
    """Anybody removes a participant whom the registry has revoked."""

    participant: str


@dataclass(frozen=True, slots=True)
class CommitUpdate:
    """A participant commits to its update of the current round, and shows nothing of it."""

    round: int
    commitment: bytes


@dataclass(frozen=True, slots=True)
class RevealUpdate:
    """A participant records the update of the current round that it has committed to."""

    round: int
    digest: bytes
    cid_digest: bytes
    weight: int
    salt: bytes
    """The 32 random bytes in the commitment."""


@dataclass(frozen=True, slots=True)
class SubmitMasked:
    """A participant records its masked update of the current round."""

    round: int
    digest: bytes
    cid_digest: bytes
    weight: int
    apart: int
    """A bit for each position of its group with which it shares no mask."""


@dataclass(frozen=True, slots=True)
class Unmask:
    """A participant records what it tells of the seeds of its group."""

    round: int
    cid_digest: bytes


@dataclass(frozen=True, slots=True)
class Succeed:
    """Anybody moves a participant's admission to the successor that the registry names."""

    participant: str


@dataclass(frozen=True, slots=True)
class CommitSeeds:
    """An aggregator commits to secrets, in place of those before."""

    tip: bytes
    """The hash of the first one that it will reveal."""


@dataclass(frozen=True, slots=True)
class RevealSeed:
    """An aggregator reveals its secret of the current round before it opens."""

    round: int
    secret: bytes


@dataclass(frozen=True, slots=True)
class FundPot:
    """Anybody adds to what the updates of rounds to come earn."""

    wei: int
    """What is sent along."""


@dataclass(frozen=True, slots=True)
class PayRewards:
    """Anybody shows what a part of a finalized round's updates earned."""

    round: int
    report_digest: bytes
    num_updates: int
    """Updates on record in that round."""
    part: int
    """32 updates, those from 32 * part on."""
    report: Opening
    """The chunk of the report with their rewards."""


@dataclass(frozen=True, slots=True)
class ReclaimPot:
    """The coordinator takes back what is left in the pot of a task that is over."""


@dataclass(frozen=True, slots=True)
class Enrol:
    """The registrar enrols addresses in the registry."""

    participants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Revoke:
    """The registrar revokes addresses for good."""

    participants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnrolWithBond:
    """Anybody enrols itself, in a registry that has an enrolment bond."""

    wei: int
    """What is sent along: the bond."""


@dataclass(frozen=True, slots=True)
class LeaveRegistry:
    """A participant ends its own enrolment for good."""


@dataclass(frozen=True, slots=True)
class ClaimBond:
    """A former participant is paid its bond."""


@dataclass(frozen=True, slots=True)
class Rotate:
    """A participant, or the registrar, puts another key in the place of a participant's."""

    participant: str
    successor: str
    acceptance: Signature
    """The successor's, see :func:`fl_chain.protocol.attestation.compute_succession`."""


@dataclass(frozen=True, slots=True)
class SetEncryptionKey:
    """A participant names the key with which others encrypt to it."""

    key: bytes
    """An X25519 public key."""


@dataclass(frozen=True, slots=True)
class RecordAudit:
    """Anybody hands in what an auditor signed about a task."""

    auditor: str
    audit: Audit
    signature: Signature


LedgerAction = (
    SubmitUpdate
    | SubmitBatch
    | ListUpdates
    | Propose
    | Attest
    | ProveEquivocation
    | Challenge
    | AnswerHeader
    | AnswerStatus
    | AnswerValue
    | SelectPart
    | SplitPart
    | DecideUpdate
    | DecideListedUpdate
    | ConcludeDispute
    | ProveOmission
    | DepositBond
    | WithdrawBond
    | ClaimPayout
    | Finalize
    | Abort
    | Pause
    | Stop
    | Admit
    | Remove
    | CommitUpdate
    | RevealUpdate
    | Succeed
    | CommitSeeds
    | RevealSeed
    | FundPot
    | PayRewards
    | ReclaimPot
    | SubmitMasked
    | Unmask
)
RegistryAction = (
    Enrol | Revoke | EnrolWithBond | LeaveRegistry | ClaimBond | Rotate | SetEncryptionKey
)
