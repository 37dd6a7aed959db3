"""The updates of a round, whichever way they came: one submission for each sequence number.

An update that has a record of its own is what the record says. One that an aggregator listed is
what its entry says, if the entry is genuine: it could have been recorded by itself, signed by the
participant that it names. In a task with lists whoever is not admitted when collection is over
does not count, so that the ledger's bound on the number of participants bounds the sum.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.attestation import compute_signing_hash
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.records import UpdatesListed, UpdateSubmitted
from fl_chain.protocol.report import ExclusionReason
from fl_chain.protocol.signed_update import compute_update_message
from fl_chain.protocol.signers import recover_signer
from fl_chain.protocol.state import RoundHistory
from fl_chain.protocol.update_list import ListEntry, compute_list_bytes, decode_update_list


@dataclass(frozen=True, slots=True)
class Place:
    """The round that submissions are for, and what it takes to tell what their lists are worth."""

    chain_id: int
    ledger: str
    task: str
    """Task id, 64 hexadecimal digits."""
    round: int
    max_weight: int
    members: frozenset[str] | None
    """Who is admitted as collection is over; None in a task without lists."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One update on record."""

    sequence: int
    record: UpdateSubmitted | None
    """As if it had a record of its own; None if nobody can tell what it is, or it says nothing."""
    reason: ExclusionReason | None = None
    """Why it is left out, whatever its content; None if its content decides."""


def list_submissions(
    place: Place, history: RoundHistory, lists: Mapping[int, bytes]
) -> list[Submission]:
    """Return the submissions of a round, by sequence number.

    Parameters
    ----------
    place
        Of the round.
    history
        The round's records.
    lists
        Content of the lists that could be had, verified against its CID, by the sequence number
        of the first entry. The entries of the others are unavailable.
    """
    found = [Submission(record.sequence, record) for record in history.updates]
    if place.members is None:
        return found
    for listed in history.lists:
        found += open_list(place, listed, lists.get(listed.first))
    found.sort(key=lambda submission: submission.sequence)
    return [_without_strangers(submission, place.members) for submission in found]


def are_all(sequences: Collection[int], listed: UpdatesListed) -> bool:
    """Return whether every entry of a list is among some sequence numbers.

    If they are those that somebody could not get, it may be the list that it could not get; what
    follows is the same.
    """
    return all(listed.first + position in sequences for position in range(listed.count))


def _without_strangers(submission: Submission, members: Collection[str]) -> Submission:
    record = submission.record
    if record is None or submission.reason is not None or record.participant in members:
        return submission
    return Submission(submission.sequence, record, ExclusionReason.NOT_ADMITTED)


def open_list(place: Place, listed: UpdatesListed, data: bytes | None) -> Iterator[Submission]:
    """Yield the submissions of a list; None is a list that cannot be had."""
    entries = read_list(place, listed, data)
    for position in range(listed.count):
        sequence = listed.first + position
        if isinstance(entries, ExclusionReason):
            yield Submission(sequence, None, entries)
            continue
        entry = entries[position]
        if entry is None:
            yield Submission(sequence, None, ExclusionReason.UNSIGNED)
            continue
        update = entry.update
        record = UpdateSubmitted(
            place.round,
            entry.participant,
            sequence,
            update.digest,
            update.cid_digest,
            update.weight,
            listed.timestamp,
        )
        reason = None if is_genuine(place, entry) else ExclusionReason.UNSIGNED
        yield Submission(sequence, record, reason)


def read_list(
    place: Place, listed: UpdatesListed, data: bytes | None
) -> tuple[ListEntry | None, ...] | ExclusionReason:
    """Return the entries of a valid list, or the first rule that it breaks."""
    if data is None:
        return ExclusionReason.UNAVAILABLE
    if len(data) > compute_list_bytes(listed.count):
        return ExclusionReason.OVERSIZED
    if compute_digest(data) != listed.digest:
        return ExclusionReason.WRONG_DIGEST
    try:
        updates = decode_update_list(data)
    except MalformedBlob:
        return ExclusionReason.MALFORMED
    if len(updates.entries) != listed.count:
        return ExclusionReason.MALFORMED
    if (updates.task, updates.round) != (place.task, place.round):
        return ExclusionReason.MISBOUND
    return updates.entries


def is_genuine(place: Place, entry: ListEntry) -> bool:
    """Return whether an entry could have been recorded by itself, and who it names signed it."""
    update = entry.update
    what = (update.digest, update.cid_digest, update.weight)
    if not 1 <= update.weight <= place.max_weight or not any(what[0]) or not any(what[1]):
        return False
    message = compute_update_message(place.round, *what)
    signing_hash = compute_signing_hash(place.chain_id, place.ledger, message)
    return recover_signer(signing_hash, update.signature) == entry.participant
