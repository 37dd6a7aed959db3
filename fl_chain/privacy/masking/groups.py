"""Groups: who masks with whom in a round, and how many of a group have to answer.

Masks cancel within a group, so what a member computes and sends grows with the group and not with
the round. The seed of the round draws the groups: nobody chooses whom it stands with, and whoever
has many keys finds them spread.

Source: Bonawitz et al. 2017 (Practical secure aggregation, https://eprint.iacr.org/2017/281),
section 6; small sets of neighbours in place of all: Bell et al. 2020
(https://eprint.iacr.org/2020/704).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from fl_chain.errors import MalformedBlob, ValueOutOfRange
from fl_chain.protocol.address import parse_address
from fl_chain.protocol.constants import FORMAT
from fl_chain.protocol.digest import parse_digest
from fl_chain.protocol.header import parse_decimal
from fl_chain.protocol.privacy import MAX_GROUP_SIZE, MIN_GROUP_SIZE

MIN_MEMBERS: Final = MIN_GROUP_SIZE
"""Fewest members of a group that releases a sum: of two, each would know the other's update."""
MAX_MEMBERS: Final = 2 * MAX_GROUP_SIZE - 1
"""Most members of a group: fewer than two groups' worth are drawn into one."""
SEED_BYTES: Final = 32
_LABEL: Final = b"fl_chain/groups/1"
_ROUNDS: Final = 2**32
_GROUPS: Final = 2**32


@dataclass(frozen=True, slots=True)
class GroupPlace:
    """Which group."""

    task: str
    """Task id, 64 hexadecimal digits."""
    round: int
    """0 to 2^32 - 1."""
    group: int
    """0 to 2^32 - 1, in the order in which groups are drawn."""

    def encode(self) -> bytes:
        """Return 40 bytes that stand for the place: task, round and group, big-endian."""
        return bytes.fromhex(self.task) + self.round.to_bytes(4) + self.group.to_bytes(4)


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One member of a group; what it publishes says so, and is misbound if it says another."""

    place: GroupPlace
    participant: str
    """Address, 0x and 40 lower-case digits."""
    size: int
    """Members of the group, 3 to 127."""
    position: int
    """Among them, from 0, in the order of addresses."""


def draw_groups(
    seed: bytes, members: Collection[str], group_size: int
) -> tuple[tuple[str, ...], ...]:
    """Return the groups of a round, and in each the members in the order of their positions.

    Of m members there are max(1, m // group_size) groups; their sizes differ by at most one, and
    the larger ones come first. Nobody is in no group.

    Parameters
    ----------
    seed
        32 bytes that nobody could choose once members were known.
    members
        Addresses; one that is named twice counts once.
    group_size
        Fewest members of a group, 2 to 64, unless all of them are fewer.

    Raises
    ------
    ValueOutOfRange
        Another group size.
    MalformedBlob
        A member is no address.

    Examples
    --------
    >>> members = [f"0x{number:040x}" for number in range(10)]
    >>> [[int(who, 16) for who in group] for group in draw_groups(bytes(32), members, 3)]
    [[1, 7, 8, 9], [0, 2, 3], [4, 5, 6]]
    """
    if not 2 <= group_size <= MAX_GROUP_SIZE:
        raise ValueOutOfRange(f"groups have 2 to {MAX_GROUP_SIZE} members, not {group_size}")
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes")
    drawn = sorted(set(members), key=lambda member: (_draw(seed, member), member))
    count = max(1, len(drawn) // group_size)
    least, larger = divmod(len(drawn), count)
    ends = [number * least + min(number, larger) for number in range(count + 1)]
    groups = (drawn[start:end] for start, end in itertools.pairwise(ends))
    return tuple(tuple(sorted(group)) for group in groups if group)


def check_member(member: GroupMember) -> None:
    """Check that a member can be one.

    Raises
    ------
    MalformedBlob
        A task or an address that is none; a number out of range.
    """
    parse_digest(member.place.task)
    parse_address(member.participant)
    if not (0 <= member.place.round < _ROUNDS and 0 <= member.place.group < _GROUPS):
        raise MalformedBlob("round and group are 0 to 2^32 - 1")
    if not MIN_MEMBERS <= member.size <= MAX_MEMBERS:
        raise MalformedBlob(f"a group that masks has {MIN_MEMBERS} to {MAX_MEMBERS} members")
    if not 0 <= member.position < member.size:
        raise MalformedBlob(f"a group of {member.size} has no position {member.position}")


def describe_member(kind: str, member: GroupMember) -> dict[str, str]:
    """Return the metadata of what a member publishes."""
    return {
        "format": FORMAT,
        "group": str(member.place.group),
        "kind": kind,
        "participant": member.participant,
        "position": str(member.position),
        "round": str(member.place.round),
        "size": str(member.size),
        "task": member.place.task,
    }


def parse_member(metadata: Mapping[str, str]) -> GroupMember:
    """Return the member that metadata names; whether they are canonical the caller compares.

    Raises
    ------
    MalformedBlob
        As for :func:`check_member`.
    KeyError, TypeError, AttributeError, ValueError
        A field is missing or of the wrong kind.
    """
    number, group = (parse_decimal(metadata[name], 2**32) for name in ("round", "group"))
    size, position = (
        parse_decimal(metadata[name], MAX_MEMBERS + 1) for name in ("size", "position")
    )
    place = GroupPlace(metadata["task"], number, group)
    member = GroupMember(place, metadata["participant"], size, position)
    check_member(member)
    return member


def _draw(seed: bytes, member: str) -> bytes:
    return hashlib.sha256(_LABEL + seed + bytes.fromhex(parse_address(member)[2:])).digest()
