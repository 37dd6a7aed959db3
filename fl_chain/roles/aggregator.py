"""The aggregator: derives each round's model from chain and IPFS, pins and proposes it.

It keeps nothing of its own: whatever is killed is derived again, byte for byte.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from fl_chain.aggregation.derive import DerivedRound, RoundAggregation, decode_model_blob
from fl_chain.chain.ledger import Ledger
from fl_chain.errors import (
    BlobCorrupt,
    BlobTooLarge,
    BlobUnavailable,
    TransactionRejected,
    UsageError,
    ValueOutOfRange,
)
from fl_chain.protocol.actions import Propose
from fl_chain.protocol.cid import Cid, cid_from_digest
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.protocol.report import ExclusionReason
from fl_chain.protocol.round import Phase, Task
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.liveness import (
    LOST_RACES,
    WaitReporter,
    compute_due,
    move_on,
    report_end,
)
from fl_chain.roles.patience import AWAY, DEFAULT_PATIENCE_SECONDS, with_patience
from fl_chain.roles.progress import Progress, ignore_progress, timed
from fl_chain.storage.store import ContentStore

HEARTBEAT_SECONDS = 2.0
"""Longest wait for news before looking again, also for a blob that was unavailable."""


class AggregatorRole:
    """Aggregates every round of one task until the task is over.

    Parameters
    ----------
    ledger
        The task, with the aggregator's key.
    store
        The aggregator's IPFS node.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: ContentStore,
        *,
        progress: Progress = ignore_progress,
        patience_seconds: float = DEFAULT_PATIENCE_SECONDS,
    ) -> None:
        self.follower = TaskFollower(ledger, store)
        self._ledger = ledger
        self._store = store
        self._progress = progress
        self._patience_seconds = patience_seconds
        self._aggregation: RoundAggregation | None = None
        self._examined: set[int] = set()
        self._examined_in: Task | None = None
        self._gave_up_on = 0
        self._wait_reporter = WaitReporter(progress)

    def run(self) -> None:
        """Work until the task is over.

        Raises
        ------
        FlChainError
            Something that waiting does not mend. Running again continues where this left off.
        """
        self._patiently(self.follower.refresh)
        aggregator = self.follower.task.parameters.aggregator
        if aggregator != self._ledger.sender:
            raise UsageError(
                f"this task's aggregator is {aggregator}, the key is {self._ledger.sender}",
                "name the right one with --key",
            )
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
        phase = self.follower.phase
        if phase in (Phase.COLLECTING, Phase.AGGREGATING):
            is_new = self._examine_updates()
            if is_new and phase == Phase.COLLECTING:
                return False
        if phase == Phase.AGGREGATING and self._propose():
            return False
        if not self._patiently(lambda: move_on(self.follower, 0, self._progress)):
            self._wait_reporter.report(self.follower)
            self._ledger.wait(self._pause())
        return False

    def _examine_updates(self) -> bool:
        """Fetch and add the updates that have not been; return whether there were any."""
        task = self.follower.task
        current = task.current
        aggregation = self._aggregation
        # Where a chain was rewritten, the follower has another task and updates other numbers.
        is_other = self._examined_in is not task
        if aggregation is None or is_other or aggregation.round_number != current.round:
            manifest = self._patiently(lambda: self.follower.manifest)
            aggregation = RoundAggregation(manifest, current.round, task.base_digest.hex())
            self._aggregation, self._examined = aggregation, set()
            self._examined_in, self._gave_up_on = task, 0
            self._patiently(self.follower.base_model)
        before = len(self._examined)
        for record in task.rounds[current.round].updates:
            if record.sequence not in self._examined and self._examine(aggregation, record):
                self._examined.add(record.sequence)
        return len(self._examined) > before

    def _examine(self, aggregation: RoundAggregation, record: UpdateSubmitted) -> bool:
        """Add or exclude one update; False if its content may still become available."""
        cid = cid_from_digest(record.cid_digest, aggregation.update_bytes)
        cap = aggregation.fetch_bytes
        values: dict[str, Any] = {"round": record.round, "sequence": record.sequence}
        reason: ExclusionReason | None
        try:
            with timed(values, "fetch_seconds"):
                data = with_patience(
                    lambda: self._store.get(cid, max_bytes=cap),
                    self._patience_seconds,
                    self._progress,
                    AWAY,  # what is unavailable is asked for again later, behind the others
                )
        except (BlobUnavailable, BlobCorrupt, BlobTooLarge):
            if not self._is_time_up():
                return False
            reason = ExclusionReason.UNAVAILABLE
            aggregation.exclude(record, reason)
        else:
            with timed(values, "verify_seconds"):
                reason = aggregation.add(record, data)
        self._progress(
            "excluded" if reason else "examined",
            {**values, "participant": record.participant, "reason": reason or ""},
        )
        return True

    def _is_time_up(self) -> bool:
        """Return whether to stop waiting for content: half of the time to propose has passed."""
        task = self.follower.task
        half = task.parameters.aggregate_seconds // 2
        until = task.current.opened_at + task.parameters.collect_seconds + half
        return self.follower.phase == Phase.AGGREGATING and self.follower.now >= until

    def _propose(self) -> bool:
        """Derive, pin and propose; return whether a proposal was made."""
        task, aggregation = self.follower.task, self._aggregation
        round_number = task.current.round
        num_examined, num_updates = len(self._examined), task.current.num_updates
        if aggregation is None or num_examined < num_updates or self._gave_up_on == round_number:
            return False
        values: dict[str, Any] = {"round": round_number}
        try:
            with timed(values, "aggregate_seconds"):
                derived = aggregation.derive(self.follower.base_model())
        except ValueOutOfRange as error:
            # The deadline will expire the round; proposing nothing is the honest answer.
            self._gave_up_on = round_number
            self._progress("gave_up", {"round": round_number, "reason": error.message})
            return False
        with timed(values, "pin_seconds"):
            model_cid, report_cid = self._pin(derived.model, derived.report)
        action = Propose(
            round_number,
            derived.model_digest,
            model_cid.digest,
            derived.report_digest,
            report_cid.digest,
            len(derived.report),
        )
        try:
            with timed(values, "propose_seconds"):
                receipt = self._patiently(lambda: self._ledger.send(action))
        except TransactionRejected as error:
            if error.error not in LOST_RACES:
                raise
            return False
        self._remember(round_number, derived)
        self._progress(
            "proposed",
            {
                **values,
                "model": derived.model_digest.hex(),
                "bytes": len(derived.model) + len(derived.report),
                "gas": receipt.gas_used,
                "included": aggregation.num_included,
                "updates": num_updates,
            },
        )
        return True

    def _pin(self, *blobs: bytes) -> list[Cid]:
        """Pin several blobs at once: each waits for the disk, so they wait together."""
        with ThreadPoolExecutor(len(blobs)) as pool:
            return list(
                pool.map(lambda blob: self._patiently(partial(self._store.put, blob)), blobs)
            )

    def _remember(self, round_number: int, derived: DerivedRound) -> None:
        self._patiently(self.follower.refresh)
        header, _ = self.follower.locate_model(round_number)
        self.follower.remember_model(derived.model_digest, decode_model_blob(derived.model, header))

    def _pause(self) -> float:
        due = compute_due(self.follower)
        if due is None:
            return HEARTBEAT_SECONDS
        return min(HEARTBEAT_SECONDS, max(0.02, due - self.follower.now))

    def _patiently(self, action: Any) -> Any:
        return with_patience(action, self._patience_seconds, self._progress)
