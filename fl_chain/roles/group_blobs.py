"""Fetches what members of the groups of a masked round published about their seeds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from fl_chain.aggregation.derive import RoundAggregation
from fl_chain.aggregation.gathering import Gathering
from fl_chain.aggregation.masked_groups import GroupBlob
from fl_chain.aggregation.masked_round import MaskedRound
from fl_chain.aggregation.masked_sum import MaskedGroup
from fl_chain.errors import StoreError
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.report import STATUSES, ExclusionReason
from fl_chain.roles.progress import Progress
from fl_chain.storage.store import ContentStore

Fetch = Callable[[GroupBlob], bytes | None]
"""Returns content, verified; None if it is not there."""
MapAtOnce = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]
_GONE = ExclusionReason.GROUP_LEFT_OUT


class GroupBlobs:
    """Bundles and reveals of one masked round.

    Parameters
    ----------
    aggregation
        The round, which takes them.
    masked
        Its groups.
    fetch
        Fetches one of them.
    map_at_once
        Fetches several.
    most_at_once
        So many, at most.
    progress
        Told about false ones.
    """

    def __init__(
        self,
        aggregation: RoundAggregation,
        masked: MaskedRound,
        fetch: Fetch,
        map_at_once: MapAtOnce,
        most_at_once: int,
        progress: Progress,
    ) -> None:
        self._aggregation = aggregation
        self._masked = masked
        self._fetch = fetch
        self._map_at_once = map_at_once
        self._most_at_once = most_at_once
        self._progress = progress
        self._unnoted = {group.number for group in masked.records}
        """Groups of which nobody was told what became of them."""

    def look(self) -> None:
        """Fetch what is not here, of groups of which seeds are not known."""
        for group in self._masked.unsettled:
            blobs = [] if group.has_seeds else group.pending_blobs
            for first in range(0, len(blobs), self._most_at_once):
                some = blobs[first : first + self._most_at_once]
                for blob, data in zip(some, self._map_at_once(self._fetch, some), strict=True):
                    if data is not None:
                        self._aggregation.take_group_blob(blob, data)

    def give_up(self, sequences: Collection[int]) -> set[int]:
        """Leave out groups whose seeds are not known; return the updates that went with them.

        Parameters
        ----------
        sequences
            Of a group with other updates than these nothing is given up.
        """
        gone = set[int]()
        for group in self._masked.unsettled:
            if group.record.sequences.issubset(sequences) and not group.has_seeds:
                for blob in group.pending_blobs:
                    self._aggregation.take_group_blob(blob, None)
                gone |= group.record.sequences
        return gone

    def take_left_out(self) -> dict[int, str]:
        """Return who was left out with a group since this was asked last, by sequence number.

        Of the groups that are settled it also tells which bundles and reveals were false.
        """
        found: dict[int, str] = {}
        for number in sorted(self._unnoted):
            group = self._masked.group(number)
            if not group.is_settled:
                continue
            self._unnoted.remove(number)
            self._report(group)
            for record in group.record.surviving_updates.values():
                if STATUSES[group.statuses[record.sequence]] == _GONE:
                    found[record.sequence] = record.participant
        return found

    def _report(self, group: MaskedGroup) -> None:
        for false in group.false_blobs:
            self._progress(
                "false_seeds",
                {
                    "round": self._aggregation.round_number,
                    "group": group.record.number,
                    "kind": false.kind,
                    "participant": false.participant,
                },
            )


def gather_reported(
    aggregation: RoundAggregation, statuses: bytes, store: ContentStore
) -> Gathering:
    """Return the sum of the groups that a report includes, as far as they have one.

    Parameters
    ----------
    aggregation
        A masked round, of which nothing was added.
    statuses
        Of the report.
    store
        Where content is fetched from.

    Raises
    ------
    StoreError
        Something that the sum of an included group takes cannot be had.
    """
    masked = aggregation.masked
    assert masked is not None  # noqa: S101 - its updates are masked
    for group in masked.unsettled:
        record = group.record
        if any(statuses[sequence] for sequence in record.sequences):
            aggregation.exclude(min(record.sequences), _GONE)
            continue
        problem: StoreError | None = None
        for blob in group.pending_blobs:
            try:
                data = store.get(blob.cid, max_bytes=blob.max_bytes)
            except StoreError as error:
                problem = error
            else:
                aggregation.take_group_blob(blob, data)
        if problem is not None and not group.has_seeds:
            raise problem
        for update in record.surviving_updates.values():
            if not group.is_settled:
                cid = cid_from_digest(update.cid_digest, aggregation.pinned_bytes)
                aggregation.add(update, store.get(cid, max_bytes=aggregation.fetch_bytes))
    return aggregation.partial().gathered


def order_by_group(masked: MaskedRound, sequences: Iterable[int]) -> list[int]:
    """Return the updates whose groups' seeds are known, group by group: one sum at a time."""
    ready = {
        sequence: group.record.number
        for group in masked.unsettled
        if group.has_seeds
        for sequence in group.record.sequences
    }
    return sorted(ready.keys() & set(sequences), key=lambda sequence: (ready[sequence], sequence))
