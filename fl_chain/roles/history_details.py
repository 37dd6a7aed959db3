"""One round, or one participant, with everything on record about it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from fl_chain.errors import UsageError
from fl_chain.index.index import IndexedRecord
from fl_chain.index.selection import Selection
from fl_chain.protocol.records import (
    ParticipantAdmitted,
    ParticipantRemoved,
    ParticipantSucceeded,
    UpdateCommitted,
)
from fl_chain.roles.history import list_rounds
from fl_chain.roles.history_disputes import list_disputes
from fl_chain.roles.history_updates import list_participants, list_updates
from fl_chain.roles.task_history import Row, TaskHistory


def describe_round(history: TaskHistory, number: int) -> Row:
    """Return a round: its row, its updates, its disputes, and every other record in order.

    Raises
    ------
    UsageError
        There is no such round.
    """
    only = Selection(number, number)
    for row in list_rounds(history, only):
        records = [
            describe_record(item)
            for item in history.index.records_of_round(number)
            if not isinstance(item.record, UpdateCommitted)
        ]
        return {
            **row,
            "submissions": list(list_updates(history, only)),
            "disputes": list(list_disputes(history, only)),
            "records": records,
        }
    raise UsageError(f"there is no round {number}", "fl-chain history rounds lists them")


def describe_participant(history: TaskHistory, participant: str) -> Row:
    """Return a participant: its row, what happened to its admission, and its updates.

    Raises
    ------
    UsageError
        It is nobody that this task knows.
    """
    standing = describe_participant_standing(history, participant)
    rows = {row["participant"]: row for row in list_participants(history)}
    if participant not in rows and not standing:
        raise UsageError(
            f"{participant} never took part in this task",
            "fl-chain history participants lists who did",
        )
    return {
        **rows.get(participant, {"participant": participant, "is_admitted": False, "updates": 0}),
        "submissions": list(list_updates(history, Selection(participant=participant))),
        "records": standing,
    }


def describe_participant_standing(history: TaskHistory, participant: str) -> list[Row]:
    """Return every record of what happened to a participant's admission, in order."""
    kinds = (ParticipantAdmitted, ParticipantRemoved, ParticipantSucceeded)
    return [
        describe_record(item)
        for item in history.index.records(*kinds)
        if participant in (getattr(item.record, name, "") for name in ("participant", "successor"))
    ]


def describe_record(item: IndexedRecord) -> Row:
    """Return a record and where on the chain it stands, as text and numbers."""
    return {
        "record": type(item.record).__name__,
        "number": item.position,
        "block": item.block,
        "transaction": "0x" + item.transaction.hex(),
        **{entry.name: _plain(getattr(item.record, entry.name)) for entry in fields(item.record)},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return list(value)
    if is_dataclass(value):
        return {entry.name: _plain(getattr(value, entry.name)) for entry in fields(value)}
    return value
