"""A ledger without a chain node, for tests and dry runs: the contract's rules from protocol/round.

Several accounts share one :class:`MemoryChain`, as they would share a node. It accepts and refuses
what RoundLedger.sol does, with the same custom errors in the same order, and emits the same logs.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from copy import deepcopy

from eth_hash.auto import keccak

from fl_chain.chain.ledger import Receipt
from fl_chain.chain.memory_disputes import carry_out_dispute, pay_rewards
from fl_chain.chain.memory_registry import MemoryRegistry
from fl_chain.errors import InvalidTransition, TransactionRejected
from fl_chain.protocol.actions import (
    Abort,
    Admit,
    AnswerHeader,
    AnswerStatus,
    AnswerValue,
    Attest,
    Challenge,
    ClaimPayout,
    CommitSeeds,
    CommitUpdate,
    ConcludeDispute,
    DecideListedUpdate,
    DecideUpdate,
    DepositBond,
    Finalize,
    FundPot,
    LedgerAction,
    ListUpdates,
    Pause,
    PayRewards,
    Propose,
    ProveEquivocation,
    ProveOmission,
    ReclaimPot,
    Remove,
    RevealSeed,
    RevealUpdate,
    SelectPart,
    SplitPart,
    Stop,
    SubmitBatch,
    SubmitMasked,
    SubmitUpdate,
    Succeed,
    Unmask,
    WithdrawBond,
)
from fl_chain.protocol.attestation import Signature, compute_result, compute_signing_hash
from fl_chain.protocol.commitment import compute_commitment
from fl_chain.protocol.committee import NOBODY, refuse
from fl_chain.protocol.logs import Log, append_history, compute_history_start, encode_log
from fl_chain.protocol.phases import Action
from fl_chain.protocol.records import (
    RECORD_PREFIX_BYTES,
    AggregatorAppointed,
    BondDeposited,
    BondSlashed,
    BondWithdrawn,
    Fault,
    LedgerRecord,
    ModelAttested,
    ModelProposed,
    ParticipantAdmitted,
    ParticipantRemoved,
    ParticipantSucceeded,
    PayoutClaimed,
    PeersApart,
    PotFunded,
    PotReclaimed,
    ProposalRejected,
    RoundAborted,
    RoundFinalized,
    RoundOpened,
    SeedRevealed,
    SeedsCommitted,
    TaskCreated,
    TaskParameters,
    TaskPaused,
    TaskStopped,
    UpdateCommitted,
    UpdatesListed,
    UpdateSubmitted,
    UpdateUnmasked,
)
from fl_chain.protocol.round import Task
from fl_chain.protocol.signed_update import compute_update_message
from fl_chain.protocol.signers import recover_signer

CHAIN_ID = 31337


class MemoryChain:
    """One task's contract, the registry that it asks, and a clock.

    Parameters
    ----------
    coordinator
        Address that creates the task.
    parameters, aggregators
        The task, and its aggregators in the order of their turns.
    registry
        The registry that the task refers to; may change at any time.
    clock
        Block time in seconds since the epoch.
    """

    def __init__(
        self,
        coordinator: str,
        parameters: TaskParameters,
        aggregators: Sequence[str],
        registry: MemoryRegistry,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.chain_id = CHAIN_ID
        self.address = "0x" + keccak(f"{coordinator}{parameters}".encode()).hex()[:40]
        self.registry = registry
        self.history_hash = compute_history_start(self.chain_id, self.address)
        self.logs: list[Log] = []
        self.news = threading.Condition()
        """Held by whoever reads or changes the chain; notified of every block."""
        self._clock = clock
        now = self.now
        created = TaskCreated(coordinator, parameters, now)
        self.task = Task(created)
        appointed = [
            AggregatorAppointed(aggregator, seat, now)
            for seat, aggregator in enumerate(aggregators, start=1)
        ]
        opening = RoundOpened(1, 0, self.task.compute_opening(1, now), now)
        self._add_block([created, *appointed, opening], apply_from=1)

    @property
    def now(self) -> int:
        """Time of a block that is made now, in seconds."""
        return int(self._clock())

    @property
    def block_number(self) -> int:
        """Number of the latest block; blocks hold one transaction each."""
        return self.logs[-1].block_number

    def carry_out(self, sender: str, action: LedgerAction) -> Receipt:
        """Carry out a transaction in a block of its own.

        Raises
        ------
        TransactionRejected
            With the contract's custom error.
        """
        with self.news:
            try:
                return self._add_block(self._records_of(sender, action, self.now))
            except InvalidTransition as error:
                raise TransactionRejected(
                    f"the contract refused: {error.message}", error=error.error
                ) from None

    def _records_of(self, sender: str, action: LedgerAction, now: int) -> list[LedgerRecord]:
        """Return what an action emits, in the order of the contract's own checks."""
        task = self.task
        match action:
            case SubmitUpdate():
                self._require_no_commitments()
                return [self._submit(sender, action, now)]
            case SubmitBatch():
                return self._submit_batch(action, now)
            case CommitUpdate():
                task.check_commit(sender, action.round, now)
                return [UpdateCommitted(action.round, sender, action.commitment, now)]
            case RevealUpdate():
                self._check_reveal(sender, action, now)
                return [self._submit(sender, action, now)]
            case SubmitMasked():
                return self._submit_masked(sender, action, now)
            case Unmask():
                task.check_unmask(sender, action.round, now)
                _require_digests(action.cid_digest)
                return [UpdateUnmasked(action.round, sender, action.cid_digest, now)]
            case ListUpdates():
                self._require_no_commitments()
                task.check_list(sender, action.round, action.count, now)
                _require_digests(action.digest, action.cid_digest)
                first, digests = task.current.num_updates, (action.digest, action.cid_digest)
                return [UpdatesListed(action.round, sender, first, action.count, *digests, now)]
            case Propose():
                return self._propose(sender, action, now)
            case Attest():
                return self._attest(sender, action, now)
            case ProveEquivocation():
                return [self._prove_equivocation(sender, action, now)]
            case (
                Challenge()
                | AnswerHeader()
                | AnswerStatus()
                | AnswerValue()
                | SelectPart()
                | SplitPart()
                | DecideUpdate()
                | DecideListedUpdate()
                | ConcludeDispute()
                | ProveOmission()
            ):
                return carry_out_dispute(task, sender, action, now, self._recover)
            case DepositBond():
                return [BondDeposited(sender, action.wei, now)]
            case WithdrawBond():
                task.check_withdraw(now)
                return [BondWithdrawn(sender, task.committee.bond_of(sender), now)]
            case ClaimPayout():
                return [PayoutClaimed(sender, task.committee.payouts.get(sender, 0), now)]
            case Finalize():
                task.check_finalize(action.round, now)
                return self._finalize(task, now)
            case Abort():
                task.check_round(action.round, Action.ABORT, now)
                return [RoundAborted(action.round, now), self._open(task.current.base_round, now)]
            case Pause():
                self._require_coordinator(sender)
                return [TaskPaused(now + action.pause_seconds, now)]
            case Stop():
                self._require_coordinator(sender)
                if task.is_over:
                    refuse("TaskOver", "the task is over")
                return [RoundAborted(task.current.round, now), TaskStopped(now)]
            case Admit():
                if not task.parameters.is_open:
                    self._require_coordinator(sender)
                return self._admit(action.participants, now)
            case Remove(participant=participant):
                if participant not in task.admitted:
                    refuse("NotAdmitted", f"{participant} is not admitted")
                task.check_thawed(now)
                if self.registry.state.is_enrolled(participant):
                    refuse("StillEnrolled", f"{participant} is enrolled")
                if participant in self.registry.state.successors:
                    refuse("SuccessionDue", f"{participant} has a successor")
                return [ParticipantRemoved(participant, now)]
            case Succeed(participant=participant):
                if participant not in task.admitted:
                    refuse("NotAdmitted", f"{participant} is not admitted")
                task.check_thawed(now)
                successor = self.registry.state.successors.get(participant)
                if successor is None:
                    refuse("NoSuccessor", f"{participant} has no successor")
                return [ParticipantSucceeded(participant, successor, now)]
            case FundPot():
                task.check_fund(action.wei)
                return [PotFunded(sender, action.wei, now)]
            case PayRewards():
                return [pay_rewards(task, action, now)]
            case ReclaimPot():
                task.check_reclaim(sender)
                return [PotReclaimed(sender, task.pot, now)]
            case CommitSeeds():
                return [SeedsCommitted(sender, action.tip, now)]
            case RevealSeed():
                return [SeedRevealed(action.round, sender, action.secret, now)]

    def _submit_batch(self, action: SubmitBatch, now: int) -> list[LedgerRecord]:
        task, number = self.task, action.round
        self._require_no_commitments()
        task.check_round(number, Action.SUBMIT, now)
        entered: list[UpdateSubmitted] = []
        for update in action.updates:
            sequence = task.current.num_updates + len(entered)
            if sequence == task.closing_updates:
                break
            what = (update.digest, update.cid_digest, update.weight)
            signer = self._recover(compute_update_message(number, *what), update.signature)
            has_entered = any(record.participant == signer for record in entered)
            if has_entered or task.last_round_of.get(signer) == number:
                continue
            task.check_submit(signer, number, update.weight, now)
            _require_digests(update.digest, update.cid_digest)
            entered.append(UpdateSubmitted(number, signer, sequence, *what, now))
        if not entered:
            refuse("NothingSubmitted", "all of them have submitted")
        return list(entered)

    def _check_reveal(self, sender: str, action: RevealUpdate, now: int) -> None:
        task = self.task
        task.check_has_commitments()
        # The contract looks at the weight after the commitment, so not at this one yet.
        task.check_submit(sender, action.round, task.parameters.max_weight, now)
        commitment = compute_commitment(
            self.chain_id,
            self.address,
            action.round,
            sender,
            action.digest,
            action.cid_digest,
            action.weight,
            action.salt,
        )
        if not commitment.startswith(task.pending[sender].commitment[:RECORD_PREFIX_BYTES]):
            refuse("WrongReveal", f"{sender} has committed to another update")

    def _submit_masked(self, sender: str, action: SubmitMasked, now: int) -> list[LedgerRecord]:
        self.task.check_is_masked()
        entered = self._submit(sender, action, now)
        if not action.apart:
            return [entered]
        return [PeersApart(action.round, sender, action.apart, now), entered]

    def _submit(
        self, sender: str, action: SubmitUpdate | RevealUpdate | SubmitMasked, now: int
    ) -> UpdateSubmitted:
        self.task.check_submit(sender, action.round, action.weight, now)
        _require_digests(action.digest, action.cid_digest)
        return UpdateSubmitted(
            action.round,
            sender,
            self.task.current.num_updates,
            action.digest,
            action.cid_digest,
            action.weight,
            now,
        )

    def _propose(self, sender: str, action: Propose, now: int) -> list[LedgerRecord]:
        digests = (action.model_digest, action.model_cid_digest)
        reports = (action.report_digest, action.report_cid_digest)
        result = compute_result(action.round, action.model_digest, action.report_digest)
        # The contract asks for digests before it asks what the proposer attested to.
        self.task.check_propose(sender, action.round, now)
        _require_digests(*digests, *reports)
        self.task.check_unattested(sender, action.round, result)
        return [ModelProposed(action.round, sender, *digests, *reports, now)]

    def _attest(self, sender: str, action: Attest, now: int) -> list[LedgerRecord]:
        self.task.check_round(action.round, Action.ATTEST, now)
        result = compute_result(action.round, action.model_digest, action.report_digest)
        records: list[LedgerRecord] = []
        trial = deepcopy(self.task)
        for signature in action.signatures:
            signer = self._recover(result, signature)
            member = trial.committee.check_standing(signer, action.round)
            trial.check_revealed(signer, action.round)
            if member.attested_in == action.round and member.result != result:
                made: list[LedgerRecord] = [self._slash(trial, signer, sender, now)]
            else:
                digests = action.model_digest, action.report_digest
                made = [ModelAttested(action.round, signer, *digests, now)]
            trial.apply(made[0])
            if RoundFinalized in trial.due:
                made += self._finalize(trial, now)
            elif ProposalRejected in trial.due:
                proposer = trial.proposal.proposer
                bond = trial.committee.bond_of(proposer)
                made += [
                    ProposalRejected(action.round, proposer, Fault.OVERRULED, now),
                    BondSlashed(proposer, NOBODY, bond, Fault.OVERRULED, now),
                ]
            records += made
            if len(made) > 1:
                break
        return records

    def _prove_equivocation(self, sender: str, action: ProveEquivocation, now: int) -> BondSlashed:
        one, other = action.one, action.other
        results = [compute_result(a.round, a.model_digest, a.report_digest) for a in (one, other)]
        signers = [
            self._recover(result, attestation.signature)
            for result, attestation in zip(results, (one, other), strict=True)
        ]
        is_one = one.round == other.round and signers[0] == signers[1] != ""
        if not is_one or results[0] == results[1]:
            refuse("NoEquivocation", "these are no two results of one round by one aggregator")
        return self._slash(self.task, signers[0], sender, now)

    def _recover(self, message: bytes, signature: Signature) -> str:
        return recover_signer(compute_signing_hash(self.chain_id, self.address, message), signature)

    @staticmethod
    def _slash(task: Task, signer: str, beneficiary: str, now: int) -> BondSlashed:
        bond = task.committee.member(signer).bond
        return BondSlashed(signer, beneficiary, bond, Fault.EQUIVOCATION, now)

    def _finalize(self, task: Task, now: int) -> list[LedgerRecord]:
        round_number = task.current.round
        proposal = task.rounds[round_number].proposal
        assert proposal is not None  # noqa: S101 - the phase says so
        records: list[LedgerRecord] = [
            BondSlashed(who, NOBODY, task.committee.bond_of(who), Fault.SILENCE, now)
            for who in task.silent_aggregators()
        ]
        records.append(RoundFinalized(round_number, proposal.model_digest, now))
        if self.task.current.num_finalized + 1 < self.task.parameters.num_rounds:
            records.append(self._open(round_number, now))
        return records

    def _open(self, base_round: int, now: int) -> RoundOpened:
        current = self.task.current
        opens_from = self.task.compute_opening(current.round + 1, now)
        opens_at = max(opens_from, current.paused_until)
        return RoundOpened(current.round + 1, base_round, opens_at, now)

    def _admit(self, participants: tuple[str, ...], now: int) -> list[LedgerRecord]:
        self.task.check_thawed(now)
        records: list[LedgerRecord] = []
        registry, admitted = self.registry.state, set(self.task.admitted)
        lines = {registry.origin(participant) for participant in admitted}
        for participant in participants:
            if not registry.is_enrolled(participant):
                refuse("NotEnrolled", f"{participant} is not enrolled")
            if participant in admitted:
                refuse("AlreadyAdmitted", f"{participant} is admitted")
            if registry.origin(participant) in lines:
                refuse("SuccessionDue", f"an earlier key of {participant} is admitted")
            admitted.add(participant)
            lines.add(registry.origin(participant))
            records.append(ParticipantAdmitted(participant, now))
        self.task.check_room(len(admitted))
        return records

    def _require_no_commitments(self) -> None:
        if self.task.parameters.commit_seconds:
            refuse("CommitmentsRequired", "an update is revealed, after a commitment to it")

    def _require_coordinator(self, sender: str) -> None:
        if sender != self.task.coordinator:
            refuse("NotCoordinator", f"{sender} is not the coordinator")

    def _add_block(self, records: list[LedgerRecord], apply_from: int = 0) -> Receipt:
        number = self.block_number + 1 if self.logs else 1
        transaction_hash = hashlib.sha256(self.history_hash + number.to_bytes(8)).digest()
        for record in records[apply_from:]:
            self.task.apply(record)
        for index, record in enumerate(records):
            topics, data = encode_log(record)
            self.logs.append(Log(self.address, topics, data, number, index, transaction_hash))
            self.history_hash = append_history(self.history_hash, record)
        with self.news:
            self.news.notify_all()
        return Receipt(transaction_hash, number, gas_used=0)


def _require_digests(*digests: bytes) -> None:
    if not all(map(any, digests)):
        refuse("ZeroDigest", "a digest is zero")
