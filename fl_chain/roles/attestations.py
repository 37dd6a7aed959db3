"""What an aggregator says about the proposals of others: it derives the round itself, and signs.

It attests to the proposal if it arrives at the same digests, and to its own result if the proposal
is wrong. It says nothing where it cannot know: which content was unavailable to whom leaves no
trace that anybody could show.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fl_chain.aggregation.masked_groups import find_claims
from fl_chain.errors import ProtocolError, StoreError, TransactionRejected, ValueOutOfRange
from fl_chain.protocol.actions import Attest
from fl_chain.protocol.attestation import compute_result
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.records import (
    BondSlashed,
    ModelAttested,
    ModelProposed,
    ProposalRejected,
    RoundFinalized,
)
from fl_chain.protocol.report import ExclusionReason, compute_report_bytes, decode_report
from fl_chain.roles.examination import Examination
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.journal import Journal
from fl_chain.roles.liveness import LOST_RACES
from fl_chain.roles.patience import with_patience
from fl_chain.roles.progress import Progress, timed
from fl_chain.storage.store import ContentStore

NO_RESULT = bytes(32), bytes(32)
"""Attested to in place of digests where a round has no valid result at all."""


class Attester:
    """Attests once per round, for one aggregator.

    Parameters
    ----------
    follower
        The task, whose ledger has the aggregator's key.
    store
        Where reports are fetched from.
    examination
        The updates of the current round.
    journal
        Remembers what was signed, so that nothing else is ever signed for the same round.
    """

    def __init__(
        self,
        follower: TaskFollower,
        store: ContentStore,
        examination: Examination,
        journal: Journal | None,
        progress: Progress,
        patience_seconds: float,
    ) -> None:
        self._follower = follower
        self._ledger = follower.ledger
        self._store = store
        self._examination = examination
        self._journal = journal
        self._progress = progress
        self._patience_seconds = patience_seconds
        self._silent_about: ModelProposed | None = None

    def is_wanted(self) -> bool:
        """Return whether an attestation to the standing proposal would count."""
        task, sender = self._follower.task, self._ledger.sender
        number = task.current.round
        proposal = task.rounds[number].proposal
        return (
            task.parameters.quorum > 0
            and task.committee.has_standing(sender, number)
            and not task.has_withheld(sender, number)
            and not task.has_attested(sender)
            and proposal is not self._silent_about
        )

    def remember(self, model_digest: bytes, report_digest: bytes) -> bool:
        """Note a result of the current round before it is signed or proposed.

        Returns False if another one has been: signing both would cost the bond.
        """
        round_number = self._follower.task.current.round
        member = self._follower.task.committee.member(self._ledger.sender)
        result = compute_result(round_number, model_digest, report_digest)
        noted = self._journal.read_result(round_number) if self._journal else None
        if member.attested_in == round_number:
            noted = member.result
        if noted is not None and noted != result:
            self._progress("silent", {"round": round_number, "reason": "attested otherwise before"})
            return False
        if self._journal is not None:
            self._journal.write_result(round_number, result)
        return True

    def attest(self) -> bool:
        """Attest to the standing proposal or against it; return whether that was done."""
        task = self._follower.task
        proposal = task.rounds[task.current.round].proposal
        if proposal is None:
            return False
        values: dict[str, Any] = {"round": proposal.round}
        with timed(values, "derive_seconds"):
            digests = self._judge(proposal)
        if digests is None:
            return False
        if not self.remember(*digests):
            self._silent_about = proposal
            return False
        signature = self._ledger.sign(compute_result(proposal.round, *digests))
        action = Attest(proposal.round, *digests, (signature,))
        try:
            with timed(values, "attest_seconds"):
                receipt = with_patience(
                    lambda: self._ledger.send(action), self._patience_seconds, self._progress
                )
        except TransactionRejected as error:
            if error.error not in LOST_RACES:
                raise
            return False
        decision = self._find_decision()
        is_for = digests == (proposal.model_digest, proposal.report_digest)
        self._progress(
            "attested",
            {
                **values,
                "proposer": proposal.proposer,
                "agrees": is_for,
                "model": digests[0].hex(),
                "gas": receipt.gas_used,
            },
        )
        if decision:
            self._progress(decision, {"round": proposal.round, "proposer": proposal.proposer})
        return True

    def _find_decision(self) -> str:
        """Return what the own attestation, just sent, made of the proposal; empty if nothing."""
        is_own = False
        for record in self._follower.refresh():
            if isinstance(record, ModelAttested):
                is_own = record.aggregator == self._ledger.sender
            elif is_own and isinstance(record, RoundFinalized):
                return "finalized"
            elif is_own and isinstance(record, ProposalRejected):
                return "rejected"
            elif not isinstance(record, BondSlashed):
                is_own = False
        return ""

    def _judge(self, proposal: ModelProposed) -> tuple[bytes, bytes] | None:
        """Return the digests to attest to; None as long as, or because, there is nothing to say."""
        claimed = self._fetch_claims(proposal)
        if claimed is None:
            return None
        if claimed.keys() & set(self._examination.pending()):
            self._examination.give_up_on(claimed)
        aggregation = self._examination.aggregation
        if aggregation is None or self._examination.pending():
            return None
        try:
            derived = aggregation.derive(self._follower.base_model())
            digests = derived.model_digest, derived.report_digest
        except ValueOutOfRange:
            digests = NO_RESULT
        proposed = proposal.model_digest, proposal.report_digest
        if digests != proposed and self._may_be_honest(proposal, claimed):
            self._silent_about = proposal
            self._progress(
                "silent",
                {"round": proposal.round, "reason": "content was available to one of us only"},
            )
            return None
        return digests

    def _may_be_honest(
        self, proposal: ModelProposed, claimed: Mapping[int, ExclusionReason]
    ) -> bool:
        """Return whether another availability of content explains a proposal that is not ours."""
        given_up = self._examination.given_up
        if claimed == given_up:
            return False
        if not given_up.keys() <= claimed.keys():
            return True  # it has what we could not get: we can not derive what it did
        aggregation = self._examination.repeat_without(claimed)
        if aggregation is None:
            return True
        try:
            derived = aggregation.derive(self._follower.base_model())
        except ValueOutOfRange:
            return False
        proposed = proposal.model_digest, proposal.report_digest
        return (derived.model_digest, derived.report_digest) == proposed

    def _fetch_claims(self, proposal: ModelProposed) -> dict[int, ExclusionReason] | None:
        """Return the updates that the report gives as unavailable; None as long as it is unknown.

        Where updates are masked also those of groups that are left out as a whole: seeds of them
        may have been unavailable. A report that is wrong claims nothing, nor does one that nobody
        has served when half of the challenge window has passed.
        """
        task = self._follower.task
        size = compute_report_bytes(task.current.num_updates, bool(task.parameters.reward))
        cid = cid_from_digest(proposal.report_cid_digest, size)
        try:
            data = self._store.get(cid, max_bytes=size)
            if compute_digest(data) != proposal.report_digest:
                return {}
            report = decode_report(data)
        except ProtocolError:
            return {}
        except StoreError:
            patience = task.parameters.challenge_seconds // 2
            return {} if self._follower.now >= proposal.timestamp + patience else None
        return find_claims(report, self._examination.groups)
