"""Fetches and examines the updates of the current round, each once, whatever order they come in."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from fl_chain.aggregation.derive import RoundAggregation
from fl_chain.aggregation.masked_groups import (
    GroupBlob,
    GroupRecord,
    leave_out_unpaired,
    list_groups,
)
from fl_chain.aggregation.masked_round import MaskedRound
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
from fl_chain.roles.group_blobs import GroupBlobs, MapAtOnce, order_by_group
from fl_chain.roles.patience import AWAY, TRANSIENT, with_patience
from fl_chain.roles.progress import Progress, timed
from fl_chain.storage.store import ContentStore

__all__ = ["BYTES_AT_ONCE", "FETCHES_AT_ONCE", "Examination", "MapAtOnce"]

T = TypeVar("T")

FETCHES_AT_ONCE = 8
"""Most updates that are fetched together, and held until they are added."""
BYTES_AT_ONCE = 2**26
"""Most bytes of them, but for a single one."""
_Found = tuple[bytes | None, float]
"""Content of an update, None if it is not there, and the seconds that it took."""
_NOT_THERE = (BlobUnavailable, BlobCorrupt, BlobTooLarge)
_MASKED_PHASES = (Phase.AGGREGATING, Phase.PROPOSED, Phase.CHALLENGED)
"""Those in which nothing enters the record of a masked round any more."""


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
        self._counted = (0, 0)
        self._lists: dict[int, bytes | None] = {}
        """Lists by the sequence number of their first entry; None is one that was given up."""
        self._submissions: tuple[object, list[Submission]] = (None, [])
        self._groups: GroupBlobs | None = None
        """Of a masked round."""
        self.given_up: dict[int, ExclusionReason] = {}
        """Sequence numbers of the updates that were excluded because content was not there, and
        the reasons: their own, or that of a seed of their group."""
        self.aggregation: RoundAggregation | None = None
        """The round so far; None before the first look."""

    @property
    def groups(self) -> tuple[GroupRecord, ...]:
        """Of a masked round, those with survivors."""
        masked = None if self.aggregation is None else self.aggregation.masked
        return () if masked is None else masked.records

    def look(self) -> bool:
        """Fetch and add the updates that have not been; return whether there were any.

        Where there are lists, not before collection is over: until then somebody may be admitted
        or removed, and who is not admitted does not count. Where updates are masked, not before
        seeds are told.
        """
        task, phase = self._follower.task, self._follower.phase
        if task.is_masked and phase not in _MASKED_PHASES:
            return False
        self._begin_round()
        if phase == Phase.COLLECTING and task.has_lists:
            return False
        before = len(self._examined)
        for listed in self._history.lists:
            if listed.first not in self._lists:
                self._fetch_list(listed)
        self._behind = set()
        if self._groups is not None:
            self._groups.look()
            self._note_groups()
        new = self._list_new()
        waiting = set[str]()
        count = BYTES_AT_ONCE // self._aggregation().fetch_bytes
        count = min(max(count, 1), FETCHES_AT_ONCE)
        for first in range(0, len(new), count):
            self._examine_several(new[first : first + count], waiting)
        self._note_groups()
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

    def _list_new(self) -> list[Submission]:
        """Return what has not been examined; of masked updates those whose turn it is."""
        new = [one for one in self._list_known() if one.sequence not in self._examined]
        masked = self._aggregation().masked
        if masked is None:
            return new
        by_sequence = {one.sequence: one for one in new}
        ready = order_by_group(masked, by_sequence)
        unpaired = [one for one in new if one.reason is not None]
        return [*unpaired, *(by_sequence[sequence] for sequence in ready)]

    def _note_groups(self) -> None:
        """Report the updates that were left out with their groups."""
        left_out = {} if self._groups is None else self._groups.take_left_out()
        for sequence, participant in left_out.items():
            self._examined.add(sequence)
            self._report(sequence, participant, {}, ExclusionReason.GROUP_LEFT_OUT)

    def pending(self) -> list[int]:
        """Return the sequence numbers of the updates whose content could not be had so far."""
        total = self._follower.task.current.num_updates
        return [sequence for sequence in range(total) if sequence not in self._examined]

    def missing(self) -> list[int]:
        """Return those of the pending that were asked for, and not those that come after them."""
        return [sequence for sequence in self.pending() if sequence not in self._behind]

    def give_up_on(self, sequences: Collection[int]) -> None:
        """Exclude pending updates as unavailable, and lists all of whose entries are among them.

        Masked ones, if seeds of their group are not known, with all of the group.
        """
        if self._groups is not None:
            lost = self._groups.give_up({*sequences, *self._examined})
            self.given_up |= dict.fromkeys(lost, ExclusionReason.GROUP_LEFT_OUT)
            self._note_groups()
        for listed in self._history.lists:
            if listed.first not in self._lists and are_all(sequences, listed):
                self._lists[listed.first] = None
        for submission in self._list_known():
            if submission.sequence in sequences and submission.sequence not in self._examined:
                gone = replace(submission, reason=ExclusionReason.UNAVAILABLE)
                self._exclude(gone if submission.reason is None else submission)
        self.look()  # an update behind one that was given up may count now

    def repeat_without(self, claimed: Mapping[int, ExclusionReason]) -> RoundAggregation | None:
        """Return the round as somebody sees it who could not get some updates.

        None if one of the others can not be had any more.

        Parameters
        ----------
        claimed
            Those, by sequence number, and whether it is they that could not be had, or seeds of
            their group.
        """
        mine = self._aggregation()
        place = mine.manifest, mine.round_number, mine.bases, self._keys
        aggregation = RoundAggregation(*place, self.groups)
        lists: dict[int, bytes] = {}
        for listed in self._history.lists:
            data = self._lists.get(listed.first)
            if are_all(claimed, listed):
                continue
            if data is None:
                return None
            lists[listed.first] = data
        masked = aggregation.masked
        if masked is not None and not self._repeat_groups(aggregation, masked, claimed):
            return None
        for submission in self._list_submissions(lists):
            record = submission.record
            if record is None or submission.reason is not None:
                reason = submission.reason or ExclusionReason.UNAVAILABLE
                aggregation.exclude(submission.sequence, reason)
                continue
            if aggregation.exclude_duplicate(record):
                continue
            if masked is not None and masked.group_of(record.sequence).is_settled:
                continue
            if record.sequence in claimed:
                aggregation.exclude(record.sequence, ExclusionReason.UNAVAILABLE)
                continue
            try:
                aggregation.add(record, self._fetch(record))
            except (*_NOT_THERE, CannotDecrypt):
                return None
        return aggregation

    def _repeat_groups(
        self,
        aggregation: RoundAggregation,
        masked: MaskedRound,
        claimed: Mapping[int, ExclusionReason],
    ) -> bool:
        """Fetch the seeds of all groups but those claimed; return whether they could be had."""
        for group in masked.unsettled:
            told = {claimed.get(sequence) for sequence in group.record.sequences}
            if told == {ExclusionReason.GROUP_LEFT_OUT}:
                aggregation.exclude(min(group.record.sequences), ExclusionReason.GROUP_LEFT_OUT)
                continue
            for blob in group.pending_blobs:
                data = self._fetch_blob(blob)
                if data is not None:
                    aggregation.take_group_blob(blob, data)
            if not group.is_settled and not group.has_seeds:
                return False
        return True

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
            submissions = self._list_submissions(known)
            found = [one for one in submissions if one.sequence not in missing]
            self._submissions = key, found
        return self._submissions[1]

    def _list_submissions(self, lists: Mapping[int, bytes]) -> list[Submission]:
        submissions = list_submissions(self._follower.place, self._history, lists)
        is_masked = self._follower.task.is_masked
        return leave_out_unpaired(submissions, self.groups) if is_masked else submissions

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
        is_other = self._task is not task or (task.is_masked and self._count() != self._counted)
        if aggregation is None or is_other or aggregation.round_number != number:
            manifest = self._patiently(lambda: self._follower.manifest)
            bases = list_base_digests(task, number, manifest.max_staleness)
            groups = list_groups(manifest, self._history)
            self.aggregation = RoundAggregation(manifest, number, bases, self._keys, groups)
            self._groups = self._begin_groups(self.aggregation)
            self._counted = self._count()
            self._examined, self.given_up, self._task = set(), {}, task
            self._behind = set()
            self._lists, self._submissions = {}, (None, [])
            self._patiently(self._follower.base_model)

    def _begin_groups(self, aggregation: RoundAggregation) -> GroupBlobs | None:
        masked = aggregation.masked
        if masked is None:
            return None
        fetching = self._fetch_blob, self._map_at_once, FETCHES_AT_ONCE
        return GroupBlobs(aggregation, masked, *fetching, self._progress)

    def _count(self) -> tuple[int, int]:
        """Return how much is on record of what makes a masked round; our clock may be ahead."""
        return len(self._history.updates), len(self._history.unmaskings)

    def _exclude(self, submission: Submission) -> None:
        """Leave an update out whatever its content is."""
        reason = submission.reason or ExclusionReason.UNAVAILABLE
        self._aggregation().exclude(submission.sequence, reason)
        self._examined.add(submission.sequence)
        if reason == ExclusionReason.UNAVAILABLE:
            self.given_up[submission.sequence] = reason
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
        if reason == ExclusionReason.GROUP_LEFT_OUT:
            reason = None  # which is said of all of the group
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

    def _fetch_blob(self, blob: GroupBlob) -> bytes | None:
        try:
            return self._patiently(
                lambda: self._store.get(blob.cid, max_bytes=blob.max_bytes), AWAY
            )
        except _NOT_THERE:
            return None

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
