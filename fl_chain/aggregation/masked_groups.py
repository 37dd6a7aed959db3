"""The groups of a masked round on record: who is in them, who survives, and which blobs they name.

All of it follows from the records of the round, so that everybody asks for the same blobs: of each
group with survivors the bundles that commit to the seeds asked for, and the reveals of its members.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fl_chain.aggregation.round_blobs import compute_fetch_bytes
from fl_chain.aggregation.submissions import Submission
from fl_chain.errors import MalformedBlob
from fl_chain.privacy.masking.bundle import (
    SHARES,
    ShareBundle,
    compute_bundle_bytes,
    decode_bundle,
)
from fl_chain.privacy.masking.groups import GroupMember, GroupPlace, draw_groups
from fl_chain.privacy.masking.reveal import REVEAL, Reveal, compute_reveal_bytes, decode_reveal
from fl_chain.privacy.masking.survivors import (
    GroupState,
    Questions,
    find_survivors,
    list_questions,
)
from fl_chain.protocol.cid import Cid, cid_from_digest
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.records import UpdateCommitted, UpdateSubmitted, UpdateUnmasked
from fl_chain.protocol.report import ExclusionReason, RoundReport
from fl_chain.protocol.state import RoundHistory


@dataclass(frozen=True, slots=True)
class GroupBlob:
    """A bundle or a reveal that a group has on record."""

    group: int
    kind: str
    """``shares`` or ``reveal``."""
    position: int
    """Of who recorded it."""
    participant: str
    recorded_at: int
    """Block time, in seconds."""
    cid: Cid
    max_bytes: int
    """Cap to fetch it under: larger than it can be, so that larger content is verified too."""


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """One group of a masked round, and everything on record about it; positions are its own."""

    place: GroupPlace
    members: tuple[str, ...]
    """Addresses in the order of positions."""
    commitments: Mapping[int, UpdateCommitted]
    """By position, of who shared."""
    updates: Mapping[int, UpdateSubmitted]
    """By position, of who entered."""
    unmaskings: Mapping[int, UpdateUnmasked]
    """By position, of who told anything."""
    state: GroupState
    survivors: frozenset[int] = field(init=False)
    """Positions; nobody's if the group releases nothing."""
    questions: Questions = field(init=False)
    """Which seeds have to be told."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "survivors", find_survivors(self.state))
        object.__setattr__(self, "questions", list_questions(self.state))

    @property
    def number(self) -> int:
        """Of the group in its round, from 0."""
        return self.place.group

    @property
    def surviving_updates(self) -> dict[int, UpdateSubmitted]:
        """The updates in the sum, by position, ascending."""
        return {position: self.updates[position] for position in sorted(self.survivors)}

    @property
    def first_survivor(self) -> str:
        """Address of the survivor of the lowest position, by whom the sum is named."""
        return self.members[min(self.survivors)]

    @property
    def sequences(self) -> frozenset[int]:
        """Sequence numbers of the updates in the sum."""
        return frozenset(record.sequence for record in self.surviving_updates.values())

    @property
    def total_weight(self) -> int:
        """Of the survivors."""
        return sum(record.weight for record in self.surviving_updates.values())

    def member(self, position: int) -> GroupMember:
        """Return who stands at a position, as its bundle and reveal have to say."""
        return GroupMember(self.place, self.members[position], self.state.size, position)

    def find_position(self, participant: str) -> int | None:
        """Return the position of a participant; None if it is no member."""
        return self.members.index(participant) if participant in self.members else None

    def list_blobs(self) -> Iterator[GroupBlob]:
        """Yield the blobs that the sum takes: bundles of whose seeds are asked for, then reveals.

        Nothing of a group without survivors, of which nothing is asked.
        """
        if not self.survivors:
            return
        for position in sorted({low for low, _ in self.questions.names}):
            yield self.locate_bundle(position)
        for position in sorted(self.unmaskings):
            yield self.locate_reveal(position)

    def locate_bundle(self, position: int) -> GroupBlob:
        """Return where the bundle of a position that shared is."""
        record = self.commitments[position]
        size = compute_bundle_bytes(self.state.size, position)
        return self._locate(SHARES, position, record.commitment, record.timestamp, size)

    def locate_reveal(self, position: int) -> GroupBlob:
        """Return where the reveal of a position that told anything is."""
        record = self.unmaskings[position]
        size = compute_reveal_bytes(self.state.size * (self.state.size + 1) // 2)
        return self._locate(REVEAL, position, record.cid_digest, record.timestamp, size)

    def read_bundle(self, position: int, data: bytes) -> ShareBundle | None:
        """Return the bundle of a position; None if this is none, or that of somebody else."""
        try:
            bundle = decode_bundle(data)
        except MalformedBlob:
            return None
        return bundle if bundle.member == self.member(position) else None

    def read_reveal(self, position: int, data: bytes) -> Reveal | None:
        """Return the reveal of a position; None if this is none, or that of somebody else."""
        try:
            reveal = decode_reveal(data)
        except MalformedBlob:
            return None
        return reveal if reveal.member == self.member(position) else None

    def _locate(self, kind: str, position: int, digest: bytes, when: int, size: int) -> GroupBlob:
        cid, cap = cid_from_digest(digest, size), compute_fetch_bytes(size)
        return GroupBlob(self.number, kind, position, self.members[position], when, cid, cap)


def list_groups(manifest: Manifest, history: RoundHistory) -> tuple[GroupRecord, ...]:
    """Return the groups of a round, by number; none of a round without commitments or masks.

    Parameters
    ----------
    manifest
        The task.
    history
        The round's records. Who survives is known once no update can enter any more.
    """
    if not manifest.privacy.is_masked or not history.seed:
        return ()
    drawn = draw_groups(history.seed, history.drawn, manifest.privacy.group_size)
    commitments = {record.participant: record for record in reversed(history.commitments)}
    updates = {record.participant: record for record in reversed(history.updates)}
    unmaskings = {record.participant: record for record in reversed(history.unmaskings)}
    groups = []
    for number, members in enumerate(drawn):
        shared = {i: commitments[who] for i, who in enumerate(members) if who in commitments}
        entered = {i: updates[who] for i, who in enumerate(members) if who in updates}
        told = {i: unmaskings[who] for i, who in enumerate(members) if who in unmaskings}
        state = GroupState(
            len(members),
            frozenset(shared),
            {i: _read_bits(history.apart.get(members[i], 0), len(members)) for i in entered},
        )
        place = GroupPlace(manifest.task_id, history.opened.round, number)
        groups.append(GroupRecord(place, members, shared, entered, told, state))
    return tuple(groups)


def leave_out_unpaired(
    submissions: Sequence[Submission], groups: Iterable[GroupRecord]
) -> list[Submission]:
    """Return the submissions of a masked round: those that are in no sum are left out, unseen."""
    paired = frozenset[int]().union(*(group.sequences for group in groups))
    return [
        submission
        if submission.reason is not None or submission.sequence in paired
        else replace(submission, reason=ExclusionReason.UNPAIRED)
        for submission in submissions
    ]


def find_left_out(report: RoundReport | None, groups: Iterable[GroupRecord]) -> frozenset[int]:
    """Return the groups of which a report gives every update in the sum as left out with its group.

    Either a seed could not be told, or the sum is out of range. Of a group with an update that is
    none, that update has a reason of its own.
    """
    if report is None:
        return frozenset()
    told = dict(enumerate(report.statuses))
    gone = ExclusionReason.GROUP_LEFT_OUT.status
    return frozenset(
        group.number
        for group in groups
        if group.survivors and {told.get(n) for n in group.sequences} == {gone}
    )


def find_claims(report: RoundReport, groups: Sequence[GroupRecord]) -> dict[int, ExclusionReason]:
    """Return what a report gives as not there, as far as nobody can tell afterwards.

    By sequence number, with the reason that it gives: updates that are ``unavailable``, and all of
    the groups of :func:`find_left_out`.
    """
    gone = find_left_out(report, groups)
    left_out = {n for group in groups if group.number in gone for n in group.sequences}
    return {
        sequence: reason
        for sequence, reason in report.excluded
        if reason == ExclusionReason.UNAVAILABLE or sequence in left_out
    }


def _read_bits(bits: int, size: int) -> frozenset[int]:
    return frozenset(position for position in range(size) if bits >> position & 1)
