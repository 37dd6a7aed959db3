"""Where in some content a value stands: chunk and byte, from its position alone.

Every blob of a layout has a header of one size, and a report has a byte for each update
(docs/spec.md), so nobody has to read any JSON to find one value.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl_chain.protocol.constants import CHUNK_BYTES
from fl_chain.protocol.records import TaskParameters
from fl_chain.protocol.report import (
    REPORT_HEADER_BYTES,
    compute_report_bytes,
    compute_reward_offset,
)
from fl_chain.protocol.update_list import ENTRY_BYTES, LIST_HEADER_BYTES, compute_list_bytes

VALUE_BYTES = 4
LANE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value begins."""

    chunk: int
    """Index of the chunk, from 0."""
    num_chunks: int
    """Chunks of the content."""
    offset: int
    """First byte within the chunk."""
    length: int
    """Bytes of the chunk, 1 to 1,024; fewer than 1,024 only in the last one."""


def locate_value(parameters: TaskParameters, position: int) -> Place:
    """Return where value ``position`` of a model stands."""
    return _locate(parameters, position, VALUE_BYTES)


def locate_lane(parameters: TaskParameters, position: int) -> Place:
    """Return where lane ``position`` of an update stands."""
    return _locate(parameters, position, LANE_BYTES)


def locate_status(num_updates: int, sequence: int, has_rewards: bool = False) -> Place:
    """Return where the status of an update stands in the report of its round.

    Parameters
    ----------
    num_updates
        Updates on record in the round.
    sequence
        The update.
    has_rewards
        Whether the report says rewards as well.

    Examples
    --------
    >>> locate_status(1025, 1024)
    Place(chunk=2, num_chunks=3, offset=0, length=1)
    """
    size = compute_report_bytes(num_updates, has_rewards)
    return _place(REPORT_HEADER_BYTES + sequence, size)


def locate_rewards(num_updates: int, part: int) -> Place:
    """Return where the rewards of a part of a round's updates begin in its report.

    Examples
    --------
    >>> locate_rewards(40, 1)
    Place(chunk=3, num_chunks=4, offset=0, length=256)
    """
    at = compute_reward_offset(num_updates) + part * CHUNK_BYTES
    return _place(at, compute_report_bytes(num_updates, has_rewards=True))


def locate_entry(count: int, position: int) -> Place:
    """Return where entry ``position`` of a list of ``count`` updates stands.

    Examples
    --------
    >>> locate_entry(6, 5)
    Place(chunk=2, num_chunks=3, offset=256, length=512)
    """
    return _place(LIST_HEADER_BYTES + ENTRY_BYTES * position, compute_list_bytes(count))


def locate_header(parameters: TaskParameters, chunk: int) -> Place:
    """Return where a chunk of a model's header stands."""
    size = parameters.header_chunks * CHUNK_BYTES + VALUE_BYTES * parameters.num_values
    return _place(chunk * CHUNK_BYTES, size)


def _locate(parameters: TaskParameters, position: int, width: int) -> Place:
    header_bytes = parameters.header_chunks * CHUNK_BYTES
    return _place(header_bytes + width * position, header_bytes + width * parameters.num_values)


def _place(at: int, num_bytes: int) -> Place:
    chunk, offset = divmod(at, CHUNK_BYTES)
    rest = num_bytes - chunk * CHUNK_BYTES
    return Place(chunk, -(-num_bytes // CHUNK_BYTES), offset, min(rest, CHUNK_BYTES))
