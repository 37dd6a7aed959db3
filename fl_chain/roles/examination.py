"""Fetches and examines the updates of the current round, each once, whatever order they come in."""

from __future__ import annotations

from typing import Any

from fl_chain.aggregation.derive import RoundAggregation
from fl_chain.errors import BlobCorrupt, BlobTooLarge, BlobUnavailable
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.protocol.report import ExclusionReason
from fl_chain.protocol.round import Task
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.patience import AWAY, with_patience
from fl_chain.roles.progress import Progress, timed
from fl_chain.storage.store import ContentStore

_NOT_THERE = (BlobUnavailable, BlobCorrupt, BlobTooLarge)


class Examination:
    """What an aggregator knows about the updates of the current round.

    Parameters
    ----------
    follower
        The task.
    store
        Where updates are fetched from.
    progress
        Told about every update that was examined or excluded.
    patience_seconds
        How long to wait for a store that is away.
    """

    def __init__(
        self,
        follower: TaskFollower,
        store: ContentStore,
        progress: Progress,
        patience_seconds: float,
    ) -> None:
        self._follower = follower
        self._store = store
        self._progress = progress
        self._patience_seconds = patience_seconds
        self._examined: set[int] = set()
        self._task: Task | None = None
        self.given_up: set[int] = set()
        """Sequence numbers of the updates that were excluded without having been seen."""
        self.aggregation: RoundAggregation | None = None
        """The round so far; None before the first look."""

    def look(self) -> bool:
        """Fetch and add the updates that have not been; return whether there were any."""
        self._begin_round()
        before = len(self._examined)
        for record in self.pending():
            self._examine(record)
        return len(self._examined) > before

    def pending(self) -> list[UpdateSubmitted]:
        """Return the updates on record whose content could not be had so far."""
        history = self._follower.task.rounds[self._follower.task.current.round]
        return [record for record in history.updates if record.sequence not in self._examined]

    def give_up_on(self, record: UpdateSubmitted) -> None:
        """Exclude an update as unavailable."""
        aggregation = self._aggregation()
        aggregation.exclude(record, ExclusionReason.UNAVAILABLE)
        self._examined.add(record.sequence)
        self.given_up.add(record.sequence)
        self._report(record, {}, ExclusionReason.UNAVAILABLE)

    def repeat_without(self, claimed: set[int]) -> RoundAggregation | None:
        """Return the round as somebody sees it who could not get some updates.

        None if one of the others can not be had any more.
        """
        mine = self._aggregation()
        aggregation = RoundAggregation(mine.manifest, mine.round_number, mine.base_model)
        for record in self._follower.task.rounds[mine.round_number].updates:
            if record.sequence in claimed:
                aggregation.exclude(record, ExclusionReason.UNAVAILABLE)
                continue
            try:
                aggregation.add(record, self._fetch(record))
            except _NOT_THERE:
                return None
        return aggregation

    def _begin_round(self) -> None:
        task = self._follower.task
        number, aggregation = task.current.round, self.aggregation
        # Where a chain was rewritten, the follower has another task and updates other numbers.
        is_other = self._task is not task
        if aggregation is None or is_other or aggregation.round_number != number:
            manifest = self._patiently(lambda: self._follower.manifest)
            self.aggregation = RoundAggregation(manifest, number, task.base_digest.hex())
            self._examined, self.given_up, self._task = set(), set(), task
            self._patiently(self._follower.base_model)

    def _examine(self, record: UpdateSubmitted) -> None:
        """Add or exclude one update, unless its content may still become available."""
        aggregation = self._aggregation()
        values: dict[str, Any] = {}
        try:
            with timed(values, "fetch_seconds"):
                data = self._fetch(record)
        except _NOT_THERE:
            return
        with timed(values, "verify_seconds"):
            reason = aggregation.add(record, data)
        self._examined.add(record.sequence)
        self._report(record, values, reason)

    def _fetch(self, record: UpdateSubmitted) -> bytes:
        aggregation = self._aggregation()
        cid = cid_from_digest(record.cid_digest, aggregation.update_bytes)
        return with_patience(
            lambda: self._store.get(cid, max_bytes=aggregation.fetch_bytes),
            self._patience_seconds,
            self._progress,
            AWAY,  # what is unavailable is asked for again later, behind the others
        )

    def _report(
        self, record: UpdateSubmitted, values: dict[str, Any], reason: ExclusionReason | None
    ) -> None:
        self._progress(
            "excluded" if reason else "examined",
            {
                "round": record.round,
                "sequence": record.sequence,
                **values,
                "participant": record.participant,
                "reason": reason or "",
            },
        )

    def _aggregation(self) -> RoundAggregation:
        assert self.aggregation is not None  # noqa: S101 - look() comes first
        return self.aggregation

    def _patiently(self, action: Any) -> Any:
        return with_patience(action, self._patience_seconds, self._progress)
