"""Slices: some updates of a round, fetched, examined and added up by themselves.

Rules are exact, so what a round yields follows from what its slices gathered, whoever did it and in
whatever order: the sum of their sums, by other rules than the mean all of their updates.
Everything here can be handed to another process and back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fl_chain.aggregation.derive import PartialRound, RoundAggregation
from fl_chain.aggregation.masked_groups import GroupRecord, find_left_out
from fl_chain.aggregation.submissions import Submission
from fl_chain.audit.evidence import FetchBlob
from fl_chain.audit.group_outcomes import AskedGroup, GroupOutcome, examine_group
from fl_chain.audit.outcomes import Asked, Outcome, examine_update
from fl_chain.privacy.sealing import KeyRing
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.report import ExclusionReason, RoundReport


@dataclass(frozen=True, slots=True)
class Slice:
    """Updates of one round and of different participants; of a masked round whole groups."""

    manifest: Manifest
    round_number: int
    bases: tuple[str, ...]
    """Digests of the models that its updates may begin from, that of the base model first."""
    updates: tuple[Asked, ...]
    keys: KeyRing = field(default_factory=dict)
    """What opens them, where they are sealed."""
    groups: tuple[AskedGroup, ...] = ()
    """Where they are masked, in their place."""


@dataclass(frozen=True, slots=True)
class ExaminedSlice:
    """What came of a slice."""

    outcomes: tuple[Outcome, ...]
    partial: PartialRound
    """Those of its updates that were there, and are not given as unavailable."""
    groups: tuple[GroupOutcome, ...] = ()
    """What came of its groups, where updates are masked."""


def examine_slice(part: Slice, fetch_blob: FetchBlob) -> ExaminedSlice:
    """Fetch, examine and add up the updates of a slice; one of them is in memory at a time."""
    records = [asked.record for asked in part.groups]
    place = part.manifest, part.round_number, part.bases, part.keys
    aggregation = RoundAggregation(*place, records)
    outcomes = tuple(examine_update(aggregation, asked, fetch_blob) for asked in part.updates)
    groups = tuple(examine_group(aggregation, asked, fetch_blob) for asked in part.groups)
    return ExaminedSlice(outcomes, aggregation.partial(), groups)


def cut_slices(
    aggregation: RoundAggregation,
    submissions: Sequence[Submission],
    report: RoundReport | None,
    most_updates: int,
) -> Iterator[Slice]:
    """Yield the updates of a round whose content decides, in slices of a largest size.

    Left out is every update whose sender has an earlier one: whether its content counts is known
    only after that one.
    """
    senders = set[str]()
    waiting: list[Asked] = []

    def cut() -> Slice:
        part = Slice(
            aggregation.manifest,
            aggregation.round_number,
            aggregation.bases,
            tuple(waiting),
            aggregation.keys,
        )
        waiting.clear()
        return part

    for submission in submissions:
        record = submission.record
        if record is None or submission.reason is not None or record.participant in senders:
            continue
        senders.add(record.participant)
        waiting.append(Asked(record, is_claimed(report, record.sequence)))
        if len(waiting) == most_updates:
            yield cut()
    if waiting:
        yield cut()


def cut_group_slices(
    aggregation: RoundAggregation,
    groups: Sequence[GroupRecord],
    report: RoundReport | None,
    most_updates: int,
) -> Iterator[Slice]:
    """Yield the groups of a masked round, in slices of a largest size but for a single group."""
    left_out = find_left_out(report, groups)
    place = aggregation.manifest, aggregation.round_number, aggregation.bases
    waiting: list[AskedGroup] = []
    count = 0
    for group in groups:
        if waiting and count + len(group.survivors) > most_updates:
            yield Slice(*place, (), groups=tuple(waiting))
            waiting, count = [], 0
        unavailable = frozenset(n for n in group.sequences if is_claimed(report, n))
        waiting.append(AskedGroup(group, unavailable, group.number in left_out))
        count += len(group.survivors)
    if waiting:
        yield Slice(*place, (), groups=tuple(waiting))


def is_claimed(report: RoundReport | None, sequence: int) -> bool:
    """Return whether a report gives an update as unavailable."""
    return report is not None and report.reason_of(sequence) == ExclusionReason.UNAVAILABLE
