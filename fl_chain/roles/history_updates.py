"""The updates of a task as rows, whichever way they came, and who submitted them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fl_chain.aggregation.round_blobs import compute_pinned_bytes
from fl_chain.aggregation.submissions import Place, Submission, list_submissions
from fl_chain.index.selection import EVERYTHING, Selection
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.records import UpdatesListed, UpdateSubmitted
from fl_chain.protocol.state import RoundHistory
from fl_chain.protocol.update_list import compute_list_bytes, find_entries
from fl_chain.roles.task_history import Row, TaskHistory

MOST_LIST_BYTES: Final = 2**26


def list_updates(history: TaskHistory, selection: Selection = EVERYTHING) -> Iterator[Row]:
    """Yield a row per update on record, in the order of submission.

    The chain holds only the digest inside a CID. Its codec follows from the update's exact size,
    which follows from the manifest: without that, the CID is None. Where there are lists, a row
    has who listed the update, and what is wrong with it if the list says so; of the updates of a
    list that cannot be had nothing else is known.
    """
    if history.parameters.list_seconds:
        yield from _list_with_lists(history, selection)
        return
    size = None
    for item in history.index.updates(selection):
        record = item.record
        if not isinstance(record, UpdateSubmitted):
            continue
        if size is None and history.manifest is not None:
            size = compute_pinned_bytes(history.manifest)
        yield {
            "round": record.round,
            "sequence": record.sequence,
            **_row_of(record, size),
            "transaction": "0x" + item.transaction.hex(),
        }


def _list_with_lists(history: TaskHistory, selection: Selection) -> Iterator[Row]:
    task = history.task
    size = compute_pinned_bytes(history.manifest) if history.manifest else None
    transactions = {
        (item.record.round, item.record.sequence): item.transaction
        for item in history.index.updates(selection)
        if isinstance(item.record, UpdateSubmitted)
    }
    for number, found in task.rounds.items():
        if not selection.first_round <= number <= selection.last_round:
            continue
        for submission in _submissions(history, found):
            record = submission.record
            who = record.participant if record else ""
            if selection.participant not in ("", who):
                continue
            if record is not None and not selection.covers(number, record.timestamp):
                continue
            transaction = transactions.get((number, submission.sequence))
            yield {
                "round": number,
                "sequence": submission.sequence,
                **_row_of(record, size),
                "transaction": "0x" + transaction.hex() if transaction else None,
                "listed_by": _listed_by(found, submission.sequence),
                "reason": submission.reason.value if submission.reason else None,
            }


def _submissions(history: TaskHistory, found: RoundHistory) -> list[Submission]:
    lists = {listed.first: history.shelf.find_list(listed) for listed in found.lists}
    place = Place(
        history.index.chain_id,
        history.index.ledger,
        history.parameters.manifest_digest.hex(),
        found.opened.round,
        history.parameters.max_weight,
        found.members or history.task.members,
    )
    return list_submissions(place, found, {n: data for n, data in lists.items() if data})


def _row_of(record: UpdateSubmitted | None, size: int | None) -> Row:
    if record is None:
        names = ("participant", "digest", "cid_digest", "cid", "weight", "submitted_at")
        return dict.fromkeys(names)
    return {
        "participant": record.participant,
        "digest": record.digest.hex(),
        "cid_digest": record.cid_digest.hex(),
        "cid": str(cid_from_digest(record.cid_digest, size)) if size is not None else None,
        "weight": record.weight,
        "submitted_at": record.timestamp,
    }


def _listed_by(history: RoundHistory, sequence: int) -> str | None:
    for listed in history.lists:
        if listed.first <= sequence < listed.first + listed.count:
            return listed.aggregator
    return None


def find_updates(history: TaskHistory, digest: bytes) -> Iterator[tuple[int, int]]:
    """Yield round and sequence number of the updates with a digest, in themselves or in their CID.

    Of lists the newest are searched, as many as have 64 MiB together, up to the first that cannot
    be had; whether an entry is signed by whom it names is not looked at.
    """
    index = history.index
    for item in (*index.find_digest(digest), *index.find_cid_digest(digest)):
        if isinstance(item.record, UpdateSubmitted):
            yield item.record.round, item.record.sequence
    rest = MOST_LIST_BYTES
    listed = [item.record for item in index.records(UpdatesListed)]
    for record in reversed(listed):
        if not isinstance(record, UpdatesListed):
            continue
        rest -= compute_list_bytes(record.count)
        if rest < 0:
            return
        data = history.shelf.find_list(record)
        if data is None:
            return
        for place in find_entries(data, digest):
            if place < record.count:
                yield record.round, record.first + place


def list_participants(history: TaskHistory, round_number: int | None = None) -> Iterator[Row]:
    """Yield a row per participant that is or was admitted or has submitted.

    What was listed is not counted.

    Parameters
    ----------
    history
        Of the task.
    round_number
        Round about which to say who is selected; None for the current one.
    """
    admitted = history.admissions.admitted
    counts = history.index.count_by_participant()
    is_sampled = history.parameters.sample_rate > 0
    number = round_number
    if is_sampled and number is None:
        number = history.task.current.round
    for participant in (*sorted(admitted), *(who for who in counts if who not in admitted)):
        updates, last_round, last_weight = counts.get(participant, (0, None, None))
        selected = None
        if is_sampled and number is not None:
            selected = history.task.was_selected(participant, number, history.now)
        yield {
            "participant": participant,
            "is_admitted": participant in admitted,
            "updates": updates,
            "last_round": last_round,
            "last_weight": last_weight,
            "is_selected": selected,
        }
