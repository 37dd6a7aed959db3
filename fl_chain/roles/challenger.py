"""The challenger: derives every proposal again, and lets the contract decide about a wrong one.

It needs no standing, only a deposit, and challenges nothing that it cannot win: a value that does
not follow from the updates that the report includes, a header of another task, a model of another
size, a report without a status for an update, two results signed for one round. Which updates a
report should have included is not the contract's to decide but the committee's (docs/spec.md), and
neither is a value that follows by another rule than the mean: of that it only tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fl_chain.aggregation.derive import RoundAggregation, begin_round, step_round
from fl_chain.aggregation.gathering import Gathering
from fl_chain.aggregation.masked_groups import list_groups
from fl_chain.aggregation.round_blobs import compute_blob_bytes, model_header
from fl_chain.chain.ledger import Ledger
from fl_chain.errors import StoreError, TransactionRejected, UsageError, ValueOutOfRange
from fl_chain.protocol.actions import Challenge, LedgerAction, ProveOmission, SelectPart
from fl_chain.protocol.blob import encode_header
from fl_chain.protocol.constants import CHUNK_BYTES, LANE_BITS, NO_VALUES
from fl_chain.protocol.dispute import Stage
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.opening import find_unopenable_chunk
from fl_chain.protocol.parts import Contribution, unpack_part
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.places import VALUE_BYTES
from fl_chain.protocol.records import ModelProposed, Question
from fl_chain.protocol.report import (
    REPORT_HEADER_BYTES,
    STATUSES,
)
from fl_chain.protocol.staleness import list_base_digests
from fl_chain.roles.defence import add_up, decide_update
from fl_chain.roles.equivocation import Inbox
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.group_blobs import gather_reported
from fl_chain.roles.liveness import LOST_RACES, WaitReporter, move_on, report_end
from fl_chain.roles.patience import DEFAULT_PATIENCE_SECONDS, with_patience
from fl_chain.roles.progress import Progress, ignore_progress, timed
from fl_chain.roles.witness import VALUE, Witness
from fl_chain.storage.store import ContentStore

HEARTBEAT_SECONDS = 1.0
"""Longest wait for news before looking again, also for content that was unavailable."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with a proposal that the contract can decide."""

    question: Question
    """``NONE`` is a missing status, which needs no dispute."""
    position: int


class ChallengerRole:
    """Watches every proposal of one task until the task is over.

    Parameters
    ----------
    ledger
        The task, with a key that can pay deposits.
    store
        Where content is fetched from.
    inbox
        Directory where attestations arrive that aggregators signed; None if nowhere.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: ContentStore,
        inbox: Path | None = None,
        *,
        progress: Progress = ignore_progress,
        patience_seconds: float = DEFAULT_PATIENCE_SECONDS,
    ) -> None:
        self.follower = TaskFollower(ledger, store)
        self._ledger = ledger
        self._store = store
        self._witness = Witness(self.follower, store)
        self._progress = progress
        self._patience_seconds = patience_seconds
        self._inbox = Inbox(self.follower, inbox, progress)
        self._judged: ModelProposed | None = None
        self._contributions: list[Contribution] = []
        self._wait_reporter = WaitReporter(progress)

    def run(self) -> None:
        """Work until the task is over.

        Raises
        ------
        UsageError
            The task has no disputes.
        FlChainError
            Something that waiting does not mend. Running again continues where this left off.
        """
        self._patiently(self.follower.refresh)
        parameters = self.follower.task.parameters
        if not parameters.bond or not parameters.challenge_seconds:
            raise UsageError(
                "this task has no disputes: it has no bonds, or no challenge window",
                "committee.bond_gwei and rounds.challenge_seconds of a task file give it both",
            )
        self._patiently(self._ledger.check_funds)
        while not self.step():
            pass

    def step(self) -> bool:
        """Do what is to be done now, or wait for news; return whether the task is over."""
        self._ledger.watch()
        self._patiently(self.follower.refresh)
        task = self.follower.task
        if task.is_over:
            report_end(task, self._progress)
            return True
        if not self._work(self.follower.phase):
            self._wait_reporter.report(self.follower)
            self._ledger.wait(HEARTBEAT_SECONDS)
        return False

    def _work(self, phase: Phase) -> bool:
        self._inbox.look()
        shown = self._inbox.find_equivocation()
        if shown is not None:
            return self._send(shown, "equivocation", {"round": self.follower.task.current.round})
        match phase:
            case Phase.PROPOSED if self._judged is not self._witness.proposal:
                return self._judge()
            case Phase.CHALLENGED if self.follower.task.dispute.challenger == self._ledger.sender:
                return self._move()
            case _:
                return False

    def _judge(self) -> bool:
        """Look at the standing proposal; return whether it was challenged."""
        proposal = self._witness.proposal
        values: dict[str, Any] = {"round": proposal.round, "proposer": proposal.proposer}
        try:
            with timed(values, "derive_seconds"):
                flaw = self._find_flaw()
        except StoreError as error:
            self._progress("waiting", {"reason": error.message})
            return False
        self._judged = proposal
        if flaw is None:
            self._progress("verified", {**values, "model": proposal.model_digest.hex()})
            return False
        if flaw.question == Question.VALUE and not self._has_values:
            self._progress("undisputable", {**values, "rule": self.follower.manifest.rule})
            return False
        action: LedgerAction
        if flaw.question == Question.NONE:
            report = self._witness.open_status(flaw.position)
            action = ProveOmission(proposal.round, flaw.position, report)
        else:
            bond = self.follower.task.parameters.bond
            action = Challenge(proposal.round, flaw.question, flaw.position, bond)
        about = {"question": flaw.question.name, "position": flaw.position}
        event = "omission" if flaw.question == Question.NONE else "challenged"
        return self._send(action, event, {**values, **about})

    def _find_flaw(self) -> Flaw | None:
        self._contributions = []
        report, num_updates = self._witness.fetch_report(), self._witness.num_updates
        size = self._witness.report_bytes
        if len(report) > size:
            chunk = find_unopenable_chunk(size, len(report))
            sequence = (chunk - 1) * CHUNK_BYTES
            # Header and rewards are in no question: if they alone cannot be opened, the committee
            # decides.
            return Flaw(Question.STATUS, sequence) if 0 <= sequence < num_updates else None
        statuses = report[REPORT_HEADER_BYTES : REPORT_HEADER_BYTES + num_updates]
        for sequence in range(num_updates):
            if sequence >= len(statuses) or statuses[sequence] >= len(STATUSES):
                return Flaw(Question.NONE, sequence)
        model = self._witness.fetch_model()
        header = model_header(self.follower.manifest)
        if len(model) != compute_blob_bytes(header):
            return self._find_unopenable(len(model))
        expected = encode_header(header)
        for at in range(0, len(expected), CHUNK_BYTES):
            if model[at : at + CHUNK_BYTES] != expected[at : at + CHUNK_BYTES]:
                return Flaw(Question.HEADER, at // CHUNK_BYTES)
        return self._find_wrong_value(np.frombuffer(model, VALUE, offset=len(expected)), statuses)

    def _find_wrong_value(self, proposed: Any, statuses: bytes) -> Flaw | None:
        """Return the first value that does not follow from the included updates."""
        manifest = self.follower.manifest
        number = self.follower.task.current.round
        gathered = self._gather(manifest, number, statuses)
        try:
            derived = step_round(manifest, number, self.follower.base_model(), gathered)
        except ValueOutOfRange:
            return Flaw(Question.VALUE, 0)  # of no update, or too few, nothing follows
        wrong = np.flatnonzero(derived != proposed)
        if not wrong.size:
            return None
        position = int(wrong[0])
        if self._has_values:
            self._contributions = self._witness.list_contributions(position, statuses)
        return Flaw(Question.VALUE, position)

    def _gather(self, manifest: Manifest, number: int, statuses: bytes) -> Gathering:
        """Return the updates that a report includes."""
        if manifest.privacy.is_masked:
            task = self.follower.task
            groups = list_groups(manifest, task.rounds[number])
            bases = list_base_digests(task, number, manifest.max_staleness)
            aggregation = RoundAggregation(manifest, number, bases, groups=groups)
            return gather_reported(aggregation, statuses, self._store)
        # A report may include updates with any lanes, and the contract asks for nothing else.
        gathered = begin_round(manifest, number, 2 ** (LANE_BITS - 1))
        for submission, status in zip(self._witness.submissions, statuses, strict=True):
            record = self._witness.counted(submission, status)
            if record is not None:
                lanes = self._witness.fetch_lanes(record)
                gathered.add(record.participant, lanes, record.weight)
        return gathered

    @property
    def _has_values(self) -> bool:
        """Whether the contract can carry out the task's rule, and decide about values."""
        return self.follower.task.parameters.fraction_shift != NO_VALUES

    def _find_unopenable(self, size: int) -> Flaw:
        """Return what a model of another size cannot show."""
        header_chunks = self.follower.task.parameters.header_chunks
        expected = compute_blob_bytes(model_header(self.follower.manifest))
        chunk = find_unopenable_chunk(expected, size)
        if chunk < header_chunks:
            return Flaw(Question.HEADER, chunk)
        return Flaw(Question.VALUE, (chunk - header_chunks) * CHUNK_BYTES // VALUE_BYTES)

    def _move(self) -> bool:
        """Make the challenger's move; return whether there was one."""
        task = self.follower.task
        dispute, number = task.dispute, task.current.round
        if self.follower.now > dispute.until:
            return bool(self._patiently(lambda: move_on(self.follower, 0, self._progress)))
        values: dict[str, Any] = {"round": number, "stage": Stage(dispute.stage).name}
        if dispute.stage == Stage.SPLIT:
            part = self._find_wrong_part()
            action: LedgerAction = SelectPart(number, part, task.claimed_parts)
            return self._send(action, "selected", {**values, "part": part})
        if dispute.stage == Stage.SINGLE:
            action = self._patiently(
                lambda: decide_update(self._witness, number, dispute.first, dispute.position)
            )
            return self._send(action, "decided", {**values, "sequence": dispute.first})
        return False

    def _find_wrong_part(self) -> int:
        """Return the first part of which something else is claimed than its updates contribute."""
        task = self.follower.task
        if not self._contributions:
            position = task.dispute.position
            self._contributions = self._patiently(
                lambda: self._witness.list_contributions(position, self._witness.fetch_statuses())
            )
        updates = task.dispute.updates
        for index in range(updates.num_parts):
            part = updates.part(index)
            truth = add_up(self._contributions[part.first : part.first + part.count])
            if unpack_part(task.claimed_parts[index]) != truth:
                return index
        return 0  # nothing is wrong: whatever is selected, the challenge is lost

    def _send(self, action: LedgerAction, event: str, values: dict[str, Any]) -> bool:
        try:
            receipt = self._patiently(lambda: self._ledger.send(action))
        except TransactionRejected as error:
            if error.error not in LOST_RACES:
                raise
            return False
        self._progress(event, {**values, "gas": receipt.gas_used})
        return True

    def _patiently(self, action: Any) -> Any:
        return with_patience(action, self._patience_seconds, self._progress)
