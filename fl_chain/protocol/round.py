"""The round state machine: what the contract enforces, as one pure function of records and time.

``Task.apply`` accepts a record exactly when the contract would have emitted it, so replaying a
history is the audit of its phases, deadlines and turns. Which action a phase allows is the table
TRANSITIONS of phases.py; contracts/RoundLedger.sol answers to the same table (tests/vectors/round).
"""

from __future__ import annotations

from dataclasses import replace

from fl_chain.protocol.admissions import Admissions
from fl_chain.protocol.attestation import compute_result
from fl_chain.protocol.committee import FOR_GOOD, NOBODY, Committee, refuse
from fl_chain.protocol.committing import CommittingTask
from fl_chain.protocol.dispute import Stage
from fl_chain.protocol.disputing import ANYBODY, DisputingTask
from fl_chain.protocol.listing import ListingTask
from fl_chain.protocol.phases import EXPECTED_PHASE, TRANSITIONS, Action, Phase
from fl_chain.protocol.records import (
    AggregatorAppointed,
    BondDeposited,
    BondSlashed,
    BondWithdrawn,
    ChallengeFailed,
    Fault,
    LedgerRecord,
    ModelAttested,
    ModelProposed,
    ParticipantAdmitted,
    ParticipantRemoved,
    ParticipantSucceeded,
    PartSelected,
    PartSplit,
    PayoutClaimed,
    PotFunded,
    PotReclaimed,
    ProposalChallenged,
    ProposalRejected,
    RewardsPaid,
    RoundAborted,
    RoundFinalized,
    RoundOpened,
    SeedRevealed,
    SeedsCommitted,
    TaskCreated,
    TaskPaused,
    TaskStopped,
    UpdateCommitted,
    UpdatesListed,
    UpdateSubmitted,
    ValueAnswered,
)
from fl_chain.protocol.rewarding import RewardingTask
from fl_chain.protocol.seeding import SeedingTask
from fl_chain.protocol.state import CurrentRound, Proposal, RoundHistory


class Task(SeedingTask, CommittingTask, ListingTask, DisputingTask, RewardingTask):
    """The state of one task after some records; mutable, and a function of them alone.

    Parameters
    ----------
    created
        The first record of every ledger.
    """

    def __init__(self, created: TaskCreated) -> None:
        super().__init__()
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

    def phase(self, now: int) -> Phase:
        """Return the phase of the current round at block time ``now``, in seconds."""
        current, parameters = self.current, self.parameters
        if current.is_stopped:
            return Phase.ABORTED
        if current.num_finalized == parameters.num_rounds:
            return Phase.FINALIZED
        if now < current.opened_at:
            return Phase.SCHEDULED
        if self.proposal.round == current.round:
            return Phase.PROPOSED if self.dispute.stage == Stage.NONE else Phase.CHALLENGED
        if current.closed_at == 0 and now <= self.collect_until:
            if not self.is_committed(now):
                return Phase.COMMITTING
            if self.has_commitments:
                return Phase.COLLECTING
        has_enough = current.num_updates >= parameters.min_updates
        if has_enough and now <= self.turn_at(len(self.committee.members)):
            return Phase.AGGREGATING
        return Phase.EXPIRED

    def turn_at(self, rank: int) -> int:
        """Return from when the aggregator of a rank may propose in the current round.

        The rank behind the last one ends the last turn.
        """
        start = self.current.closed_at or self.collect_until
        return start + rank * self.parameters.aggregate_seconds

    def phase_of(self, round_number: int, now: int) -> Phase:
        """Return the phase of any round at block time ``now``."""
        if round_number == self.current.round:
            return self.phase(now)
        history = self.rounds.get(round_number)
        if history is None:
            return Phase.FINALIZED if round_number == 0 else Phase.NONE
        return Phase.FINALIZED if history.finalized else Phase.ABORTED

    @property
    def is_over(self) -> bool:
        """Whether all rounds are finalized or the task was stopped."""
        return self.current.is_stopped or self.current.num_finalized == self.parameters.num_rounds

    @property
    def is_mid_transaction(self) -> bool:
        """Whether a record is missing that one transaction emits together with the last one."""
        return bool(self.due)

    def model_digest(self, round_number: int) -> bytes:
        """Return the digest of a finalized round's model; round 0 is the genesis model."""
        if round_number == 0:
            return self.parameters.genesis_digest
        finalized = self.rounds[round_number].finalized
        if finalized is None:
            refuse("NoModel", f"round {round_number} has no final model")
        return finalized.model_digest

    @property
    def base_digest(self) -> bytes:
        """Digest of the model that the current round starts from."""
        return self.model_digest(self.current.base_round)

    def apply(self, record: LedgerRecord) -> None:
        """Advance by one record.

        Raises
        ------
        InvalidTransition
            The contract could not have emitted this record in this state; ``error`` names its
            custom error where there is one.
        """
        if record.timestamp < self.last_timestamp:
            refuse("TimeReversed", f"{type(record).__name__} is older than the record before it")
        if self.due:
            due = " or ".join(kind.__name__ for kind in self.due)
            if not isinstance(record, self.due):
                refuse("MissingRecord", f"{type(record).__name__} where {due} is due")
            if record.timestamp != self.last_timestamp:
                refuse("MissingRecord", f"{due} is due in the transaction before")
        match record:
            case AggregatorAppointed():
                self._apply_appointed(record)
            case BondDeposited():
                self.committee.apply_deposited(record)
            case BondWithdrawn():
                self._apply_withdrawn(record)
            case BondSlashed():
                self._apply_slashed(record)
            case PayoutClaimed():
                self.committee.apply_claimed(record)
            case RoundOpened():
                self._apply_opened(record)
            case UpdateSubmitted():
                self._apply_submitted(record)
            case UpdateCommitted():
                self._apply_committed(record)
            case UpdatesListed():
                self._apply_listed(record)
            case ModelProposed():
                self._apply_proposed(record)
            case ModelAttested():
                self._apply_attested(record)
            case ProposalRejected():
                self._apply_rejected(record)
            case ProposalChallenged() | ValueAnswered() | PartSelected() | PartSplit():
                self._apply_move(record)
            case ChallengeFailed():
                self._apply_challenge_failed(record)
            case RoundFinalized():
                self._apply_finalized(record)
            case RoundAborted():
                self._apply_aborted(record)
            case TaskPaused():
                self._apply_paused(record)
            case TaskStopped():
                self._apply_stopped(record)
            case ParticipantAdmitted() | ParticipantRemoved() | ParticipantSucceeded():
                self.check_thawed(record.timestamp)
                self._apply_admission(record)
                self.check_room(len(self.admitted))
            case SeedsCommitted():
                self._apply_committed_seeds(record)
            case SeedRevealed():
                self._apply_revealed_seed(record)
            case PotFunded():
                self._apply_funded(record)
            case RewardsPaid():
                self._apply_paid(record)
            case PotReclaimed():
                self._apply_reclaimed(record)
            case TaskCreated():
                refuse("CreatedTwice", "a ledger is created once")
        self.last_timestamp = record.timestamp

    def check_round(self, round_number: int, action: Action, now: int) -> None:
        """Check that ``action`` on a round is allowed at block time ``now``.

        Raises
        ------
        InvalidTransition
            UnexpectedRound, UnexpectedPhase or TaskOver, as the contract would answer.
        """
        if round_number != self.current.round:
            refuse(
                "UnexpectedRound",
                f"cannot {action} in round {round_number}: the current one is {self.current.round}",
            )
        phase = self.phase(now)
        if (phase, action) not in TRANSITIONS:
            message = f"cannot {action} in round {round_number}: it is {phase.name}"
            if action == Action.STOP:
                refuse("TaskOver", message)
            refuse("UnexpectedPhase", f"{message}, not {EXPECTED_PHASE[action].name}")

    def check_submit(self, participant: str, round_number: int, weight: int, now: int) -> None:
        """Check that a participant may submit an update at block time ``now``.

        Raises
        ------
        InvalidTransition
            With the name of the custom error that the contract would answer.
        """
        self.check_round(round_number, Action.SUBMIT, now)
        if participant not in self.admitted:
            refuse("NotAdmitted", f"{participant} is not admitted to the task")
        if not self.parameters.commit_seconds:  # or it was checked before the commitment
            self.check_selected(participant, round_number)
        self.check_committed(participant)
        has_acted = self.last_round_of.get(participant) == round_number
        if has_acted and not self.has_committed(participant):
            refuse("AlreadySubmitted", f"{participant} has submitted in round {round_number}")
        if not 1 <= weight <= self.parameters.max_weight:
            refuse("WeightOutOfRange", f"weight {weight} is not 1 to {self.parameters.max_weight}")

    def check_propose(self, aggregator: str, round_number: int, now: int) -> None:
        """Check that an aggregator may propose at block time ``now``.

        Raises
        ------
        InvalidTransition
            With the name of the custom error that the contract would answer.
        """
        self.committee.member(aggregator)
        self.check_round(round_number, Action.PROPOSE, now)
        self.committee.check_standing(aggregator, round_number)
        self.check_revealed(aggregator, round_number)
        if now < self.turn_at(self.committee.rank(aggregator, round_number)):
            refuse("OutOfTurn", f"the turn of {aggregator} has not come")

    def check_unattested(self, aggregator: str, round_number: int, result: bytes) -> None:
        """Check that an aggregator has not attested to another result of the round.

        Raises
        ------
        InvalidTransition
            AlreadyAttested.
        """
        member = self.committee.member(aggregator)
        if member.attested_in == round_number and member.result != result:
            refuse("AlreadyAttested", f"{aggregator} attested to another result")

    def has_attested(self, aggregator: str) -> bool:
        """Return whether an aggregator's attestation counts in the standing proposal."""
        member = self.committee.member(aggregator)
        is_of_round = self.proposal.round == self.current.round == member.attested_in
        return is_of_round and member.attested_at >= self.proposal.proposed_at

    def silent_aggregators(self) -> list[str]:
        """Return who let its turn pass and did nothing after, in the order of turns.

        Once another one's model becomes final, it is known that the round had a result.
        """
        committee, number = self.committee, self.current.round
        if not committee.required_bond or self.proposal.round != number:
            return []
        rank = committee.rank(self.proposal.proposer, number)
        return [
            address
            for address, member in sorted(
                committee.members.items(), key=lambda item: committee.rank(item[0], number)
            )[:rank]
            if number not in (member.attested_in, member.barred_in)
            and member.bond >= committee.required_bond
        ]

    def check_finalize(self, round_number: int, now: int) -> None:
        """Check that the challenge window of a proposal has passed at block time ``now``.

        Raises
        ------
        InvalidTransition
            UnexpectedRound, UnexpectedPhase or ChallengeWindowOpen.
        """
        self.check_round(round_number, Action.FINALIZE, now)
        until = self.window_until
        if now < until:
            refuse("ChallengeWindowOpen", f"round {round_number} cannot be final before {until}")

    def check_withdraw(self, now: int) -> None:
        """Check that bonds are free at block time ``now``.

        Raises
        ------
        InvalidTransition
            BondLocked.
        """
        if not self.is_over or now < self.current.closed_at + self.parameters.challenge_seconds:
            refuse("BondLocked", "bonds stay until challenge_seconds after the end of the task")

    def proposed_result(self) -> bytes:
        """Return the result that the standing proposal claims."""
        proposal = self.rounds[self.proposal.round].proposal
        if proposal is None:
            refuse("UnexpectedPhase", "no model is proposed")
        return compute_result(proposal.round, proposal.model_digest, proposal.report_digest)

    def _apply_appointed(self, record: AggregatorAppointed) -> None:
        if not self.due:
            refuse("MissingRecord", "an aggregator is appointed after the task was created")
        self.committee.appoint(record.aggregator, record.seat)
        self.due = (AggregatorAppointed, RoundOpened)

    def _apply_opened(self, record: RoundOpened) -> None:
        expected = (self.current.round + 1, self._next_base)
        if not self.due or (record.round, record.base_round) != expected:
            refuse("UnexpectedRound", f"round {record.round} opens out of turn")
        opens_from = self.compute_opening(record.round, record.timestamp)
        if record.opens_at != max(opens_from, self.current.paused_until):
            refuse("UnexpectedTime", f"round {record.round} cannot open at {record.opens_at}")
        self.due = ()
        self._begin_seeding(record.timestamp)
        self.rounds[record.round] = RoundHistory(record)
        self.current = CurrentRound(
            record.round,
            record.base_round,
            0,
            self.current.num_finalized,
            record.opens_at,
            paused_until=self.current.paused_until,
        )

    def _apply_submitted(self, record: UpdateSubmitted) -> None:
        self.check_submit(record.participant, record.round, record.weight, record.timestamp)
        if record.sequence != self.current.num_updates:
            refuse("UnexpectedSequence", f"update {record.sequence} is out of sequence")
        if not any(record.digest) or not any(record.cid_digest):
            refuse("ZeroDigest", f"update {record.sequence} has a zero digest")
        self.last_round_of[record.participant] = record.round
        self.rounds[record.round].updates.append(record)
        self.pending.pop(record.participant, None)
        is_last = record.sequence + 1 == self.closing_updates
        self.current = replace(
            self.current,
            num_updates=record.sequence + 1,
            closed_at=record.timestamp if is_last else 0,
        )

    def _apply_proposed(self, record: ModelProposed) -> None:
        result = compute_result(record.round, record.model_digest, record.report_digest)
        self.check_propose(record.proposer, record.round, record.timestamp)
        self.check_unattested(record.proposer, record.round, result)
        digests = (
            record.model_digest,
            record.model_cid_digest,
            record.report_digest,
            record.report_cid_digest,
        )
        if not all(any(digest) for digest in digests):
            refuse("ZeroDigest", f"the proposal of round {record.round} has a zero digest")
        self.committee.attest(record.proposer, record.round, record.timestamp, result)
        self.rounds[record.round].proposal = record
        if self.has_lists:
            self.rounds[record.round].members = self.members
        self.proposal = Proposal(
            record.round, record.proposer, record.timestamp, 1, 0, record.report_digest
        )

    def _apply_attested(self, record: ModelAttested) -> None:
        self.check_round(record.round, Action.ATTEST, record.timestamp)
        self.committee.check_standing(record.aggregator, record.round)
        self.check_revealed(record.aggregator, record.round)
        result = compute_result(record.round, record.model_digest, record.report_digest)
        self.check_unattested(record.aggregator, record.round, result)
        if self.has_attested(record.aggregator):
            refuse("AlreadyAttested", f"{record.aggregator} has attested in round {record.round}")
        self.committee.attest(record.aggregator, record.round, record.timestamp, result)
        self.rounds[record.round].attestations.append(record)
        self._count(result, 1)
        quorum = self.parameters.quorum
        if quorum and self.proposal.num_for == quorum:
            self.due = (BondSlashed, RoundFinalized)
        elif quorum and self.proposal.num_against == quorum:
            self.due = (ProposalRejected,)

    def _count(self, result: bytes, vote: int) -> None:
        proposal = self.proposal
        if result == self.proposed_result():
            self.proposal = replace(proposal, num_for=proposal.num_for + vote)
        else:
            self.proposal = replace(proposal, num_against=proposal.num_against + vote)

    def _apply_rejected(self, record: ProposalRejected) -> None:
        if record.round != self.current.round:
            refuse("UnexpectedRound", f"round {record.round} is not the current one")
        beneficiary = self._check_rejection(record.fault, record.timestamp)
        if record.proposer != self.proposal.proposer:
            refuse("UnexpectedProposal", f"{record.proposer} did not propose")
        self._drop_proposal()
        self.current = replace(self.current, closed_at=record.timestamp + 1)
        self.due = (BondSlashed,)
        self._expected_slash = (record.proposer, beneficiary, record.fault)

    def _drop_proposal(self) -> None:
        history = self.rounds[self.current.round]
        if self.proposal.round == self.current.round and history.proposal is not None:
            self._end_dispute()
            history.rejected.append(history.proposal)
            history.proposal = None
            self.proposal = replace(self.proposal, round=0)

    def _apply_slashed(self, record: BondSlashed) -> None:
        if RoundFinalized in self.due:
            is_silent = record.aggregator in self.silent_aggregators()
            if not is_silent or (record.beneficiary, record.fault) != (NOBODY, Fault.SILENCE):
                refuse("MissingRecord", f"the bond of {record.aggregator} is taken for no fault")
            self.due = (BondSlashed, RoundFinalized)
        elif self.due:
            aggregator, beneficiary, fault = self._expected_slash
            is_for_it = record.beneficiary == beneficiary
            if beneficiary == ANYBODY:
                is_for_it = record.beneficiary != NOBODY
            if not is_for_it or (record.aggregator, record.fault) != (aggregator, fault):
                refuse("MissingRecord", f"the bond of {aggregator} is to be taken")
            self.due = ()
        elif record.fault == Fault.SILENCE and record.aggregator in self.silent_aggregators():
            if record.beneficiary != NOBODY:
                refuse("MissingRecord", f"the silence of {record.aggregator} is for nobody's good")
            self.check_finalize(self.current.round, record.timestamp)
            self.due = (BondSlashed, RoundFinalized)
        elif record.fault != Fault.EQUIVOCATION or record.beneficiary == NOBODY:
            refuse("MissingRecord", f"the bond of {record.aggregator} is taken for no fault")
        else:
            self._take_back_attestation(record.aggregator)
        self.committee.apply_slashed(record, self.current.round)

    def _take_back_attestation(self, aggregator: str) -> None:
        member = self.committee.member(aggregator)
        if self.has_attested(aggregator) and member.barred_in != FOR_GOOD:
            self._count(member.result, -1)

    def _apply_withdrawn(self, record: BondWithdrawn) -> None:
        self.check_withdraw(record.timestamp)
        self.committee.apply_withdrawn(record)

    def _apply_finalized(self, record: RoundFinalized) -> None:
        if not self.due:
            self.check_finalize(record.round, record.timestamp)
        elif record.round != self.current.round:
            refuse("UnexpectedRound", f"round {record.round} is not the current one")
        history = self.rounds[record.round]
        if history.proposal is None or history.proposal.model_digest != record.model_digest:
            refuse("UnexpectedModel", f"round {record.round} finalized a model not proposed")
        if self.silent_aggregators():
            refuse("MissingRecord", f"{self.silent_aggregators()[0]} was silent and keeps its bond")
        self._end_dispute()
        self._reserve_reward(record.round, history.proposal.report_digest, self.current.num_updates)
        history.finalized = record
        self.current = replace(self.current, num_finalized=self.current.num_finalized + 1)
        self._next_base = record.round
        if self.is_over:
            self.current = replace(self.current, closed_at=record.timestamp)
        self.due = () if self.is_over else (RoundOpened,)

    def _apply_aborted(self, record: RoundAborted) -> None:
        if record.round != self.current.round:
            refuse("UnexpectedRound", f"round {record.round} is aborted out of turn")
        if self.is_over:
            refuse("TaskOver", f"round {record.round} is aborted after its end")
        # Only an expired round is aborted by itself; a stop aborts any, and says so at once.
        is_expired = self.phase(record.timestamp) == Phase.EXPIRED
        self._drop_proposal()
        self.rounds[record.round].aborted = record
        self.due = (RoundOpened, TaskStopped) if is_expired else (TaskStopped,)

    def _apply_paused(self, record: TaskPaused) -> None:
        if self.is_over:
            refuse("TaskOver", "the task is paused after its end")
        if not 0 <= record.until - record.timestamp < 2**32:
            refuse("UnexpectedTime", f"a pause at {record.timestamp} cannot end at {record.until}")
        is_scheduled = record.timestamp < self.current.opened_at
        self.current = replace(
            self.current,
            opened_at=max(record.until, self.seeding.opens_from)
            if is_scheduled
            else self.current.opened_at,
            paused_until=record.until,
        )

    def _apply_stopped(self, record: TaskStopped) -> None:
        if not self.due:
            refuse("MissingRecord", "the task stopped without aborting its round")
        self.due = ()
        self.current = replace(self.current, is_stopped=True, closed_at=record.timestamp)
