"""Fetches and examines the updates of the current round, each once, whatever order they come in."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from fl_chain.aggregation.derive import RoundAggregation
from fl_chain.aggregation.submissions import Submission, are_all, list_submissions
from fl_chain.errors import (
    BlobCorrupt,
    BlobTooLarge,
    BlobUnavailable,
    CannotDecrypt,
    FlChainError,
)
from fl_chain.privacy.sealing import NO_KEYS, KeyRing
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import UpdatesListed, UpdateSubmitted
from fl_chain.protocol.report import ExclusionReason
from fl_chain.protocol.round import Task
from fl_chain.protocol.staleness import list_base_digests
from fl_chain.protocol.state import RoundHistory
from fl_chain.protocol.update_list import locate_list
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.patience import AWAY, TRANSIENT, with_patience
from fl_chain.roles.progress import Progress, timed
from fl_chain.storage.store import ContentStore

T = TypeVar("T")
MapAtOnce = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]
"""As ``map``, which takes one after the other, or the ``map`` of a crew of threads."""

FETCHES_AT_ONCE = 8
"""Most updates that are fetched together, and held until they are added."""
BYTES_AT_ONCE = 2**26
"""Most bytes of them, but for a single one."""
_Found = tuple[bytes | None, float]
"""Content of an update, None if it is not there, and the seconds that it took."""
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
    map_at_once
        Fetches several updates.
    keys
        What opens updates, where they are sealed.
    """

    def __init__(
        self,
        follower: TaskFollower,
        store: ContentStore,
        progress: Progress,
        patience_seconds: float,
        map_at_once: MapAtOnce = map,
        keys: KeyRing = NO_KEYS,
    ) -> None:
        self._follower = follower
        self._store = store
        self._progress = progress
        self._patience_seconds = patience_seconds
        self._map_at_once = map_at_once
        self._keys = keys
        self._examined: set[int] = set()
        self._behind: set[int] = set()
        """Sequence numbers of updates whose participants have an earlier one that is missing."""
        self._task: Task | None = None
        self._lists: dict[int, bytes | None] = {}
        """Lists by the sequence number of their first entry; None is one that was given up."""
        self._submissions: tuple[object, list[Submission]] = (None, [])
        self.given_up: set[int] = set()
        """Sequence numbers of the updates that were excluded without having been seen."""
        self.aggregation: RoundAggregation | None = None
        """The round so far; None before the first look."""

    def look(self) -> bool:
        """Fetch and add the updates that have not been; return whether there were any.

        Where there are lists, not before collection is over: until then somebody may be admitted
        or removed, and who is not admitted does not count.
        """
        self._begin_round()
        is_early = self._follower.phase == Phase.COLLECTING
        if is_early and self._follower.task.has_lists:
            return False
        before = len(self._examined)
        for listed in self._history.lists:
            if listed.first not in self._lists:
                self._fetch_list(listed)
        self._behind = set()
        new = [one for one in self._list_known() if one.sequence not in self._examined]
        waiting = set[str]()
        count = BYTES_AT_ONCE // self._aggregation().fetch_bytes
        count = min(max(count, 1), FETCHES_AT_ONCE)
        for first in range(0, len(new), count):
            self._examine_several(new[first : first + count], waiting)
        return len(self._examined) > before

    def _examine_several(self, submissions: Sequence[Submission], waiting: set[str]) -> None:
        """Fetch at once, and add or exclude in order; ``waiting`` grows by whom to wait for."""
        wanted = dict[str, UpdateSubmitted]()
        for record in (one.record for one in submissions if one.reason is None):
            if record is None or record.participant in waiting:
                continue
            if not self._aggregation().has_seen(record):
                wanted.setdefault(record.participant, record)
        answers = self._map_at_once(self._try_fetch, list(wanted.values()))
        found = dict(zip(wanted, answers, strict=True))
        for submission in submissions:
            record = submission.record
            if record is None or submission.reason is not None:
                self._exclude(submission)
            elif record.participant in waiting:
                # Of the updates of one participant the first that is available counts.
                self._behind.add(submission.sequence)
            elif not self._examine(record, found):
                waiting.add(record.participant)

    def pending(self) -> list[int]:
        """Return the sequence numbers of the updates whose content could not be had so far."""
        total = self._follower.task.current.num_updates
        return [sequence for sequence in range(total) if sequence not in self._examined]

    def missing(self) -> list[int]:
        """Return those of the pending that were asked for, and not those that come after them."""
        return [sequence for sequence in self.pending() if sequence not in self._behind]

    def give_up_on(self, sequences: Collection[int]) -> None:
        """Exclude pending updates as unavailable, and lists all of whose entries are among them."""
        for listed in self._history.lists:
            if listed.first not in self._lists and are_all(sequences, listed):
                self._lists[listed.first] = None
        for submission in self._list_known():
            if submission.sequence in sequences and submission.sequence not in self._examined:
                gone = replace(submission, reason=ExclusionReason.UNAVAILABLE)
                self._exclude(gone if submission.reason is None else submission)
        self.look()  # an update behind one that was given up may count now

    def repeat_without(self, claimed: set[int]) -> RoundAggregation | None:
        """Return the round as somebody sees it who could not get some updates.

        None if one of the others can not be had any more.
        """
        mine = self._aggregation()
        aggregation = RoundAggregation(mine.manifest, mine.round_number, mine.bases, self._keys)
        lists: dict[int, bytes] = {}
        for listed in self._history.lists:
            data = self._lists.get(listed.first)
            if are_all(claimed, listed):
                continue
            if data is None:
                return None
            lists[listed.first] = data
        for submission in list_submissions(self._follower.place, self._history, lists):
            record = submission.record
            if record is None or submission.reason is not None:
                reason = submission.reason or ExclusionReason.UNAVAILABLE
                aggregation.exclude(submission.sequence, reason)
                continue
            if aggregation.exclude_duplicate(record):
                continue
            if record.sequence in claimed:
                aggregation.exclude(record.sequence, ExclusionReason.UNAVAILABLE)
                continue
            try:
                aggregation.add(record, self._fetch(record))
            except (*_NOT_THERE, CannotDecrypt):
                return None
        return aggregation

    @property
    def _history(self) -> RoundHistory:
        return self._follower.task.rounds[self._follower.task.current.round]

    def _list_known(self) -> list[Submission]:
        """Return the updates on record but those of lists that may still become available."""
        history, place = self._history, self._follower.place
        key = (place, len(history.updates), tuple(sorted(self._lists)))
        if self._submissions[0] != key:
            known = {first: data for first, data in self._lists.items() if data is not None}
            missing = {
                listed.first + position
                for listed in history.lists
                if listed.first not in self._lists
                for position in range(listed.count)
            }
            submissions = list_submissions(place, history, known)
            found = [one for one in submissions if one.sequence not in missing]
            self._submissions = key, found
        return self._submissions[1]

    def _fetch_list(self, listed: UpdatesListed) -> None:
        cid, cap = locate_list(listed.cid_digest, listed.count)
        with contextlib.suppress(*_NOT_THERE):
            self._lists[listed.first] = self._patiently(
                lambda: self._store.get(cid, max_bytes=cap), AWAY
            )

    def _begin_round(self) -> None:
        task = self._follower.task
        number, aggregation = task.current.round, self.aggregation
        # Where a chain was rewritten, the follower has another task and updates other numbers.
        is_other = self._task is not task
        if aggregation is None or is_other or aggregation.round_number != number:
            manifest = self._patiently(lambda: self._follower.manifest)
            bases = list_base_digests(task, number, manifest.max_staleness)
            self.aggregation = RoundAggregation(manifest, number, bases, self._keys)
            self._examined, self.given_up, self._task = set(), set(), task
            self._behind = set()
            self._lists, self._submissions = {}, (None, [])
            self._patiently(self._follower.base_model)

    def _exclude(self, submission: Submission) -> None:
        """Leave an update out whatever its content is."""
        reason = submission.reason or ExclusionReason.UNAVAILABLE
        self._aggregation().exclude(submission.sequence, reason)
        self._examined.add(submission.sequence)
        if reason == ExclusionReason.UNAVAILABLE:
            self.given_up.add(submission.sequence)
        participant = submission.record.participant if submission.record else ""
        self._report(submission.sequence, participant, {}, reason)

    def _examine(self, record: UpdateSubmitted, found: Mapping[str, _Found]) -> bool:
        """Add or exclude one update; False if its content may still become available.

        ``found`` has it by its participant, unless that one has an earlier update in the round.
        """
        aggregation = self._aggregation()
        if aggregation.exclude_duplicate(record):
            self._examined.add(record.sequence)
            self._report(record.sequence, record.participant, {}, ExclusionReason.DUPLICATE)
            return True
        data, seconds = found[record.participant]
        if data is None:
            return False
        values: dict[str, Any] = {"fetch_seconds": seconds}
        try:
            with timed(values, "verify_seconds"):
                reason = aggregation.add(record, data)
        except CannotDecrypt:
            # It will not be opened later either: for this aggregator it is not there.
            self._exclude(Submission(record.sequence, record, ExclusionReason.UNAVAILABLE))
            return True
        self._examined.add(record.sequence)
        self._report(record.sequence, record.participant, values, reason)
        return True

    def _try_fetch(self, record: UpdateSubmitted) -> _Found:
        start = time.perf_counter()
        try:
            data = self._fetch(record)
        except _NOT_THERE:
            return None, 0.0
        return data, round(time.perf_counter() - start, 6)

    def _fetch(self, record: UpdateSubmitted) -> bytes:
        aggregation = self._aggregation()
        cid = cid_from_digest(record.cid_digest, aggregation.pinned_bytes)
        # What is unavailable is asked for again later, behind the others.
        return self._patiently(
            lambda: self._store.get(cid, max_bytes=aggregation.fetch_bytes), AWAY
        )

    def _report(
        self,
        sequence: int,
        participant: str,
        values: dict[str, Any],
        reason: ExclusionReason | None,
    ) -> None:
        self._progress(
            "excluded" if reason else "examined",
            {
                "round": self._aggregation().round_number,
                "sequence": sequence,
                **values,
                "participant": participant,
                "reason": reason or "",
            },
        )

    def _aggregation(self) -> RoundAggregation:
        assert self.aggregation is not None  # noqa: S101 - look() comes first
        return self.aggregation

    def _patiently(
        self, action: Callable[[], T], transient: tuple[type[FlChainError], ...] = TRANSIENT
    ) -> T:
        return with_patience(action, self._patience_seconds, self._progress, transient)
