"""What comes of one group of a masked round: its seeds and updates fetched, and its sum taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fl_chain.aggregation.derive import RoundAggregation
from fl_chain.aggregation.masked_groups import GroupRecord
from fl_chain.aggregation.masked_sum import FalseBlob, MaskedGroup
from fl_chain.audit.evidence import FetchBlob
from fl_chain.audit.findings import Finding, from_store_error
from fl_chain.audit.outcomes import Asked, examine_update
from fl_chain.errors import StoreError
from fl_chain.protocol.promises import read_promise
from fl_chain.protocol.report import ExclusionReason

_GONE = ExclusionReason.GROUP_LEFT_OUT


@dataclass(frozen=True, slots=True)
class AskedGroup:
    """A group whose sum matters."""

    record: GroupRecord
    unavailable: frozenset[int]
    """Sequence numbers of the updates that the report gives as unavailable: it is only asked
    whether they are there."""
    is_left_out: bool
    """Whether the report leaves it out as a whole: it is only asked whether it has to."""


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """What came of a group."""

    number: int
    num_bytes: int
    """Read of its updates."""
    num_fetched: int
    """Updates that were there."""
    statuses: Mapping[int, int]
    """Sequence number to status, as the group's blobs and updates have it; empty if one that it
    takes to know them could not be had."""
    problems: tuple[Finding, ...] = ()
    """What it means that content could not be had; none if the report leaves the group out."""
    present: frozenset[int] = frozenset()
    """Updates that are there, and given as unavailable."""
    is_left_out: bool = False
    """Whether the report leaves it out as a whole; that is then what the sum is without."""
    false_blobs: tuple[FalseBlob, ...] = ()

    @property
    def is_released(self) -> bool:
        """Whether the sum of the group is in the round."""
        return not self.is_left_out and not any(self.statuses.values()) and bool(self.statuses)

    @property
    def is_doubtful(self) -> bool:
        """Whether the report leaves out a group for which, by now, there is another status."""
        return self.is_left_out and any(one != _GONE.status for one in self.statuses.values())


@dataclass(slots=True)
class _Fetched:
    num_bytes: int = 0
    num_fetched: int = 0
    problems: list[Finding] = field(default_factory=list)
    present: set[int] = field(default_factory=set)


def examine_group(
    aggregation: RoundAggregation, asked: AskedGroup, fetch_blob: FetchBlob
) -> GroupOutcome:
    """Fetch what the sum of a group takes, and add it to an aggregation.

    Unless the report leaves it out as a whole: then it is left out, whatever can be had.
    """
    record, trial = asked.record, aggregation
    if asked.is_left_out:
        place = aggregation.manifest, aggregation.round_number, aggregation.bases
        trial = RoundAggregation(*place, groups=[record])
        aggregation.exclude(min(record.sequences), _GONE)
    assert trial.masked is not None  # noqa: S101 - it has a group
    group, fetched = trial.masked.group(record.number), _Fetched()
    _fetch_seeds(trial, group, fetch_blob, fetched)
    if group.has_seeds:
        fetched.problems.clear()  # the others suffice
        _fetch_updates(trial, asked, fetch_blob, fetched)
    return GroupOutcome(
        record.number,
        fetched.num_bytes,
        fetched.num_fetched,
        dict(group.statuses),
        () if asked.is_left_out else tuple(fetched.problems),
        frozenset(fetched.present),
        asked.is_left_out,
        group.false_blobs,
    )


def _fetch_seeds(
    trial: RoundAggregation, group: MaskedGroup, fetch_blob: FetchBlob, fetched: _Fetched
) -> None:
    for blob in group.pending_blobs:
        try:
            data = fetch_blob(blob.cid, blob.max_bytes)
        except StoreError as error:
            promise = read_promise(trial.manifest, blob.participant, blob.recorded_at)
            place = blob.cid, trial.round_number, promise
            fetched.problems.append(from_store_error("update_blob", error, *place))
            continue
        trial.take_group_blob(blob, data)


def _fetch_updates(
    trial: RoundAggregation, asked: AskedGroup, fetch_blob: FetchBlob, fetched: _Fetched
) -> None:
    for record in asked.record.surviving_updates.values():
        is_claimed = record.sequence in asked.unavailable
        outcome = examine_update(trial, Asked(record, is_claimed), fetch_blob)
        fetched.num_bytes += outcome.num_bytes
        fetched.num_fetched += outcome.is_there
        if is_claimed:
            trial.exclude(record.sequence, ExclusionReason.UNAVAILABLE)
            if outcome.is_there:
                fetched.present.add(record.sequence)
        if outcome.problem is not None:
            fetched.problems.append(outcome.problem)
