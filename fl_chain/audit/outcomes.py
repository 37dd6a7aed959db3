"""What comes of one update: fetched, examined and added to an aggregation."""

from __future__ import annotations

from dataclasses import dataclass

from fl_chain.aggregation.derive import RoundAggregation
from fl_chain.audit.evidence import FetchBlob
from fl_chain.audit.findings import Finding, from_store_error
from fl_chain.errors import CannotDecrypt, StoreError
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.promises import read_promise
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.protocol.report import ExclusionReason


@dataclass(frozen=True, slots=True)
class Asked:
    """One update whose content matters."""

    record: UpdateSubmitted
    is_claimed: bool
    """Whether the report gives it as unavailable: it is only asked whether it is there."""


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
