"""The round report: which updates a model was made from, and which not and why.

A canonical safetensors file, pinned beside the model and proposed with it: a header of 1,024 bytes
and one tensor, ``status``, with a byte for each submitted update. The status of an update is
therefore found by its sequence number alone, and a report that passes over one has another size.

Nothing in it is opinion: given the records of the round and its blobs, everybody derives the same
bytes. The one exception is the reason ``unavailable``, which only the proposer could observe; the
audit says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.canonical_json import MAX_INTEGER, encode_json
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.constants import CHUNK_BYTES, FORMAT, MAX_UPDATES
from fl_chain.protocol.digest import parse_digest
from fl_chain.protocol.header import frame_header, parse_decimal, unframe_header
from fl_chain.protocol.measurement import MeasuredTotals, parse_totals
from fl_chain.protocol.rewards import ROW_BYTES, Reward, decode_rewards, encode_rewards

REPORT: Final = "report"

REPORT_HEADER_BYTES: Final = CHUNK_BYTES
"""Size of every report's header: the longest JSON has less than 1000."""

REWARDS: Final = "~reward"
"""Tensor of the rewards, with zeros before them, so that they begin with a chunk."""

INCLUDED: Final = 0
"""Status of an update in the sum; the others have that of their reason."""


class ExclusionReason(StrEnum):
    """Why an update is left out; the first that applies is given.

    Where there are lists, 7 and 8 are asked first, before the content is fetched, and 9 once it is
    there; then, as everywhere, 2 to 6 in their order, 10 and 11. Where updates are masked, 12 is
    asked first; then 13 if seeds are missing; then 1 to 5 in their order, then 13.
    """

    UNAVAILABLE = "unavailable"
    """Status 1: no IPFS node served content of the CID on record in time."""
    OVERSIZED = "oversized"
    """Status 2: the content, verified, is larger than an update of this round can be."""
    WRONG_DIGEST = "wrong_digest"
    """Status 3: the content's digest is not the one on record."""
    MALFORMED = "malformed"
    """Status 4: the content is not a canonical blob."""
    MISBOUND = "misbound"
    """Status 5: the blob names another kind, task, round, participant, base model or layout."""
    OUT_OF_RANGE = "out_of_range"
    """Status 6: a lane's magnitude exceeds the task's max_abs."""
    UNSIGNED = "unsigned"
    """Status 7: the entry of a list could not be recorded by itself: not signed by the participant
    that it names, a weight out of range, a digest of zero, or padding that is not."""
    NOT_ADMITTED = "not_admitted"
    """Status 8: in a task with lists, the participant is not admitted when collection is over."""
    DUPLICATE = "duplicate"
    """Status 9: an update of the same participant, with a lower sequence number, was there."""
    TOO_LONG = "too_long"
    """Status 10: the update's norm exceeds the task's max_norm."""
    OVERWEIGHT = "overweight"
    """Status 11: the update weighs more than one that began from so old a model may."""
    UNPAIRED = "unpaired"
    """Status 12: in a task with masks, its sender is in no group, or is no survivor of it."""
    GROUP_LEFT_OUT = "group_left_out"
    """Status 13: in a task with masks, seeds of its group were not told, another update of it is
    none, or the sum is out of range."""

    @property
    def status(self) -> int:
        """The byte that stands for this reason in a report, 1 to 13."""
        return STATUSES.index(self)


STATUSES: Final[tuple[ExclusionReason | None, ...]] = (None, *ExclusionReason)
"""What each status means, by its number: None is included."""


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What became of every submitted update of a round."""

    task: str
    """Task id, 64 hexadecimal digits."""
    round: int
    """0 to 2^32 - 1."""
    base_model: str
    """Digest of the model that the round starts from, 64 hexadecimal digits."""
    model: str
    """Digest of the proposed model, 64 hexadecimal digits."""
    total_weight: int
    """Sum of the included updates' weights, 0 to 2^53 - 1."""
    statuses: bytes
    """Byte i is the status, 0 to 13, of the update with sequence number i; 1 to 2^24 of them."""
    totals: MeasuredTotals | None = None
    """What the included updates say of their work, exactly in a task with measurements."""
    rewards: tuple[Reward, ...] | None = None
    """What each update earned, in the order of the sequence numbers; None in a task without."""
    difference: str | None = None
    """CID of what the model differs by from its base model; None in a task without differences."""

    @property
    def included(self) -> tuple[int, ...]:
        """Sequence numbers of the updates in the sum, ascending."""
        return tuple(i for i, status in enumerate(self.statuses) if status == INCLUDED)

    @property
    def excluded(self) -> tuple[tuple[int, ExclusionReason], ...]:
        """Sequence number and reason of the others, ascending."""
        reasons = ((i, STATUSES[status]) for i, status in enumerate(self.statuses))
        return tuple((i, reason) for i, reason in reasons if reason is not None)

    def reason_of(self, sequence: int) -> ExclusionReason | None:
        """Return why an update was left out; None if it is included."""
        return STATUSES[self.statuses[sequence]]


def compute_report_bytes(num_updates: int, has_rewards: bool = False) -> int:
    """Return the size of the report of a round with so many submitted updates."""
    if not has_rewards:
        return REPORT_HEADER_BYTES + num_updates
    return compute_reward_offset(num_updates) + ROW_BYTES * num_updates


def compute_reward_offset(num_updates: int) -> int:
    """Return the byte at which rewards begin in a report: the next chunk behind the statuses.

    Examples
    --------
    >>> [compute_reward_offset(num_updates) for num_updates in (1, 1024, 1025)]
    [2048, 2048, 3072]
    """
    return REPORT_HEADER_BYTES - (-num_updates // CHUNK_BYTES) * CHUNK_BYTES


def encode_report(report: RoundReport) -> bytes:
    """Return the canonical bytes of a report.

    Raises
    ------
    MalformedBlob
        No status, more than 2^24, or one above 13; or rewards of more or fewer updates.
    """
    count = len(report.statuses)
    if not 0 < count <= MAX_UPDATES:
        raise MalformedBlob(f"a report is about 1 to {MAX_UPDATES} updates, not {count}")
    if max(report.statuses) >= len(STATUSES):
        raise MalformedBlob(f"a status is 0 to {len(STATUSES) - 1}, not {max(report.statuses)}")
    metadata = {
        "base_model": report.base_model,
        "format": FORMAT,
        "kind": REPORT,
        "model": report.model,
        "round": str(report.round),
        "task": report.task,
        "total_weight": str(report.total_weight),
        **(report.totals.to_metadata() if report.totals else {}),
        **({"difference": report.difference} if report.difference else {}),
    }
    status = {"data_offsets": [0, count], "dtype": "U8", "shape": [count]}
    entries: dict[str, Any] = {"__metadata__": metadata, "status": status}
    data = report.statuses
    if report.rewards is not None:
        if len(report.rewards) != count:
            raise MalformedBlob(f"{len(report.rewards)} rewards of {count} updates")
        filler = bytes(compute_reward_offset(count) - REPORT_HEADER_BYTES - count)
        data += filler + encode_rewards(report.rewards)
        end = len(data)
        entries[REWARDS] = {"data_offsets": [count, end], "dtype": "U8", "shape": [end - count]}
    return frame_header(encode_json(entries), REPORT_HEADER_BYTES) + data


def decode_report(data: bytes) -> RoundReport:
    """Return the report whose canonical bytes are ``data``.

    Raises
    ------
    MalformedBlob
        Not a canonical report.
    """
    largest = compute_report_bytes(MAX_UPDATES, has_rewards=True)
    if not REPORT_HEADER_BYTES < len(data) <= largest:
        raise MalformedBlob(f"{len(data)} bytes are no report, which has 1025 to {largest}")
    entries: Any = unframe_header(data[:REPORT_HEADER_BYTES])
    try:
        metadata, count = entries["__metadata__"], entries["status"]["shape"][0]
        if type(count) is not int or not 0 < count <= MAX_UPDATES:
            raise MalformedBlob(f"a report is about 1 to {MAX_UPDATES} updates, not {count}")
        rewards = None
        if REWARDS in entries:
            rewards = tuple(decode_rewards(data[compute_reward_offset(count) :]))
        for name in ("task", "base_model", "model"):
            parse_digest(metadata[name])
        report = RoundReport(
            task=metadata["task"],
            round=parse_decimal(metadata["round"], 2**32),
            base_model=metadata["base_model"],
            model=metadata["model"],
            total_weight=parse_decimal(metadata["total_weight"], MAX_INTEGER + 1),
            statuses=data[REPORT_HEADER_BYTES : REPORT_HEADER_BYTES + count],
            totals=parse_totals(metadata),
            rewards=rewards,
            difference=str(Cid.parse(metadata["difference"])) if "difference" in metadata else None,
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        raise MalformedBlob("report lacks a field or has one of the wrong kind") from None
    if encode_report(report) != data:
        raise MalformedBlob("report has unknown fields or is not in canonical form")
    return report
