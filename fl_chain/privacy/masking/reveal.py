"""Reveals: what a member publishes once no masked update can enter its group any more.

For each seed that is asked for (:mod:`fl_chain.privacy.masking.survivors`), the share that it
holds; in place of it a survivor tells the seed of its pair with somebody who does not survive.
Nobody's word is needed: the bundles commit to every seed and share. If all survivors tell, the sum
comes out, as the self seed of each and the pairs among them have shares at enough of them.

**Nobody tells its own self seed.** Whoever shows one member a record in which it survives, and the
others one in which it is gone, would have its self seed from the one and the seeds of its pairs
from the others. As it is, a self seed takes the threshold, and two records do not both get enough
answers (:func:`fl_chain.protocol.group_sizes.threshold`). Three parts of a group that are shown
three records are more than this withstands: members have to read one chain.

**One reveal for a round.** Two of a member, for two versions of what is on record, count for both
of them. This module cannot remember: the journal of the caller has to, before anything is
published; and the caller must not make one before the record is final.

A canonical safetensors file: a header of 1,024 bytes and one tensor, ``items``, with 35 bytes for
each seed: lower position, higher position (the same for a self seed), 0 for a share or 1 for the
seed, and 32 bytes of it.

Source: round 4 of Bonawitz et al. 2017 (https://eprint.iacr.org/2017/281), figure 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fl_chain.errors import InvalidTransition, MalformedBlob
from fl_chain.privacy.masking.bundle import ReceivedShares, find_pair_seeds
from fl_chain.privacy.masking.groups import (
    SEED_BYTES,
    GroupMember,
    check_member,
    describe_member,
    parse_member,
)
from fl_chain.privacy.masking.masks import SeedName
from fl_chain.privacy.masking.survivors import GroupState, list_questions
from fl_chain.protocol.canonical_json import encode_json
from fl_chain.protocol.constants import CHUNK_BYTES
from fl_chain.protocol.header import frame_header, unframe_header

REVEAL: Final = "reveal"
HEADER_BYTES: Final = CHUNK_BYTES
"""Size of every reveal's header: the longest JSON has less than 500."""
ITEM_BYTES: Final = 3 + SEED_BYTES


@dataclass(frozen=True, slots=True)
class RevealedItem:
    """What a member tells about one seed."""

    is_seed: bool
    """Whether it is the seed; otherwise it is the share that the member holds."""
    value: bytes
    """32 bytes."""


@dataclass(frozen=True, slots=True)
class Reveal:
    """What one member publishes last."""

    member: GroupMember
    """Who it says that it is from; misbound unless that is who has it on record."""
    items: Mapping[SeedName, RevealedItem]
    """What it tells, by seeds; at least one."""


def compute_reveal_bytes(num_items: int) -> int:
    """Return the size of a reveal: at most that of as many items as seeds are asked for."""
    return HEADER_BYTES + ITEM_BYTES * num_items


def make_reveal(
    state: GroupState,
    member: GroupMember,
    seeds: Sequence[bytes],
    own_shares: Sequence[bytes],
    received: Mapping[int, ReceivedShares],
) -> Reveal:
    """Return all that a member has to tell; there are no items in it if that is nothing.

    Parameters
    ----------
    state
        What is on record, and final.
    member
        Whose reveal it is.
    seeds, own_shares
        Its own, and the shares of them that it holds itself, both in the order of its bundle; none
        if it published no bundle.
    received
        What it has of others, by their positions: of exactly those that it has masked with, if it
        entered.

    Raises
    ------
    InvalidTransition
        It is on record with other peers than it has masked with: that record is none to answer.
    ValueError
        The group on record has another size.
    """
    if state.size != member.size:
        raise ValueError(f"a member of {member.size} tells nothing about a group of {state.size}")
    position = member.position
    known = {sender: its.shares for sender, its in received.items() if sender in state.sharers}
    if position in state.entered and state.find_peers(position) != known.keys():
        raise InvalidTransition(
            "the record of this group says that this member masked with others than it did",
            "ask another chain node, and tell nothing to this one",
        )
    if own_shares:
        known[position] = tuple(own_shares)
    questions = list_questions(state)
    items = {
        (low, high): RevealedItem(False, known[low][high - low])
        for low, high in questions.names
        if low in known
    }
    pair_seeds = find_pair_seeds(position, seeds, received) if seeds else {}
    for peer, seed in pair_seeds.items():
        name = min(position, peer), max(position, peer)
        if questions.pairs.get(name) == position and peer not in questions.self_positions:
            items[name] = RevealedItem(True, seed)
    return Reveal(member, items)


def encode_reveal(reveal: Reveal) -> bytes:
    """Return the canonical bytes of a reveal.

    Raises
    ------
    MalformedBlob
        The member cannot be one; no item, one of another length, or one of no seed of the group.
    """
    check_member(reveal.member)
    size = reveal.member.size
    if not reveal.items:
        raise MalformedBlob("a reveal that tells nothing is not written")
    if not all(0 <= low <= high < size for low, high in reveal.items):
        raise MalformedBlob("a reveal tells about seeds of its group")
    if any(len(item.value) != SEED_BYTES for item in reveal.items.values()):
        raise MalformedBlob(f"seeds and shares have {SEED_BYTES} bytes")
    rows = (
        bytes((*name, reveal.items[name].is_seed)) + reveal.items[name].value
        for name in sorted(reveal.items)
    )
    return _encode_header(reveal.member, len(reveal.items)) + b"".join(rows)


def decode_reveal(data: bytes) -> Reveal:
    """Return the reveal whose canonical bytes are ``data``.

    Raises
    ------
    MalformedBlob
        Anything that is not byte for byte canonical.
    """
    if len(data) < HEADER_BYTES:
        raise MalformedBlob(f"{len(data)} bytes are shorter than any reveal")
    entries: Any = unframe_header(data[:HEADER_BYTES])
    try:
        member = parse_member(entries["__metadata__"])
    except (KeyError, TypeError, AttributeError, ValueError):
        raise MalformedBlob("reveal lacks a field or has one of the wrong kind") from None
    if len(data) > compute_reveal_bytes(member.size * (member.size + 1) // 2):
        raise MalformedBlob(f"{len(data)} bytes are more than a group has seeds")
    if (len(data) - HEADER_BYTES) % ITEM_BYTES:
        raise MalformedBlob(f"{len(data)} bytes are no reveal")
    rows = (data[at : at + ITEM_BYTES] for at in range(HEADER_BYTES, len(data), ITEM_BYTES))
    items = {(row[0], row[1]): RevealedItem(row[2] == 1, row[3:]) for row in rows}
    reveal = Reveal(member, items)
    if encode_reveal(reveal) != data:
        raise MalformedBlob("reveal has unknown fields or is not in canonical form")
    return reveal


def _encode_header(member: GroupMember, count: int) -> bytes:
    end = count * ITEM_BYTES
    entries = {
        "__metadata__": describe_member(REVEAL, member),
        "items": {"data_offsets": [0, end], "dtype": "U8", "shape": [count, ITEM_BYTES]},
    }
    return frame_header(encode_json(entries), HEADER_BYTES)
