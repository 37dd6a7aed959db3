"""The part of a task's state that is about models: who proposes, attests, is silent, and pays."""

from __future__ import annotations

from dataclasses import replace

from fl_chain.protocol.attestation import compute_result
from fl_chain.protocol.committee import FOR_GOOD, NOBODY, refuse
from fl_chain.protocol.disputing import ANYBODY, DisputingTask
from fl_chain.protocol.listing import ListingTask
from fl_chain.protocol.phases import Action
from fl_chain.protocol.records import (
    BondSlashed,
    BondWithdrawn,
    Fault,
    ModelAttested,
    ModelProposed,
    ProposalRejected,
    RoundFinalized,
)
from fl_chain.protocol.state import Proposal


class ProposingTask(ListingTask, DisputingTask):
    """What :class:`fl_chain.protocol.round.Task` knows about the model of its current round."""

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
        if self.is_masked:  # nobody is asked again
            self.unmasking = replace(self._unmasking, closed_at=record.timestamp + 1)
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
