"""Slices: some updates of a round, fetched, examined and added up by themselves.

Rules are exact, so what a round yields follows from what its slices gathered, whoever did it and in
whatever order: the sum of their sums, by other rules than the mean all of their updates.
Everything here can be handed to another process and back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fl_chain.aggregation.derive import PartialRound, RoundAggregation
from fl_chain.aggregation.submissions import Submission
from fl_chain.audit.evidence import FetchBlob
from fl_chain.audit.findings import Finding, from_store_error
from fl_chain.errors import CannotDecrypt, StoreError
from fl_chain.privacy.sealing import KeyRing
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.promises import read_promise
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.protocol.report import ExclusionReason, RoundReport


@dataclass(frozen=True, slots=True)
class Asked:
    """One update whose content matters."""

    record: UpdateSubmitted
    is_claimed: bool
    """Whether the report gives it as unavailable: it is only asked whether it is there."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Updates of one round and of different participants."""

    manifest: Manifest
    round_number: int
    bases: tuple[str, ...]
    """Digests of the models that its updates may begin from, that of the base model first."""
    updates: tuple[Asked, ...]
    keys: KeyRing = field(default_factory=dict)
    """What opens them, where they are sealed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one update."""

    sequence: int
    num_bytes: int
    """Size of the content; 0 if there was none, or nobody wanted to know it."""
    is_there: bool
    reason: ExclusionReason | None = None
    """Why its content excludes it."""
    problem: Finding | None = None
    """What it means that it could not be had; None if it could, or is only given as unavailable."""
    is_closed: bool = False
    """Whether it is sealed and was not opened: its container is of its place, no more is known."""


@dataclass(frozen=True, slots=True)
class ExaminedSlice:
    """What came of a slice."""

    outcomes: tuple[Outcome, ...]
    partial: PartialRound
    """Those of its updates that were there, and are not given as unavailable."""


def examine_slice(part: Slice, fetch_blob: FetchBlob) -> ExaminedSlice:
    """Fetch, examine and add up the updates of a slice; one of them is in memory at a time."""
    aggregation = RoundAggregation(part.manifest, part.round_number, part.bases, part.keys)
    outcomes = tuple(examine_update(aggregation, asked, fetch_blob) for asked in part.updates)
    return ExaminedSlice(outcomes, aggregation.partial())


def examine_update(aggregation: RoundAggregation, asked: Asked, fetch_blob: FetchBlob) -> Outcome:
    """Fetch an update, and add it to an aggregation unless it is given as unavailable."""
    record = asked.record
    cid = cid_from_digest(record.cid_digest, aggregation.pinned_bytes)
    try:
        data = fetch_blob(cid, aggregation.fetch_bytes)
    except StoreError as error:
        if asked.is_claimed:
            return Outcome(record.sequence, 0, is_there=False)
        promise = read_promise(aggregation.manifest, record.participant, record.timestamp)
        problem = from_store_error("update_blob", error, cid, aggregation.round_number, promise)
        return Outcome(record.sequence, 0, is_there=False, problem=problem)
    if asked.is_claimed:
        return Outcome(record.sequence, len(data), is_there=True)
    try:
        reason = aggregation.add(record, data)
    except CannotDecrypt:
        return Outcome(record.sequence, len(data), is_there=True, is_closed=True)
    return Outcome(record.sequence, len(data), is_there=True, reason=reason)


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


def is_claimed(report: RoundReport | None, sequence: int) -> bool:
    """Return whether a report gives an update as unavailable."""
    return report is not None and report.reason_of(sequence) == ExclusionReason.UNAVAILABLE
