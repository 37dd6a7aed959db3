"""Share bundles: what a member of a group publishes before anybody masks anything.

A member draws its self seed and, for each peer of a higher position, the seed of their pair. It
shares every one of them among all members of the group, itself included, and encrypts to each other
member its shares, with the seed of their pair. A pair agrees on nothing by an exchange of keys of
its own: what is sent is published forever, and :mod:`fl_chain.protocol.encryption` withstands a
quantum computer that comes later.

Beside the messages the bundle commits to every seed and to every share by its SHA-256. That hides
them: each is 32 uniformly random bytes, so there is nothing likelier than the rest to try, and no
salt is missing. Of the shares of one seed, fewer than the threshold say nothing about the seed and
the other shares, each of which alone is as uniform. So anybody can tell a true seed or share from
a false one once it is shown, whoever shows it.

A canonical safetensors file: a header of 1,024 bytes and two tensors, ``commitments`` and
``messages``. Its size follows from the size of the group and the position of the member.

A receiver for whom a bundle is missing or wrong shares no mask with its sender: the sender is
*apart* for it. Whether all shares committed to tell the seed committed to, nobody sees before
they are combined: so a member can make its group be left out of a round, and no more.

Source: rounds 0 and 1 of Bonawitz et al. 2017 (https://eprint.iacr.org/2017/281), figure 4, with
pair seeds that are sent in place of agreed ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fl_chain.errors import MalformedBlob
from fl_chain.privacy.masking.groups import (
    SEED_BYTES,
    GroupMember,
    check_member,
    describe_member,
    parse_member,
)
from fl_chain.privacy.masking.masks import SeedName
from fl_chain.privacy.masking.shamir import split
from fl_chain.protocol.canonical_json import encode_json
from fl_chain.protocol.constants import CHUNK_BYTES
from fl_chain.protocol.encryption import OVERHEAD_BYTES, decrypt, encrypt
from fl_chain.protocol.group_sizes import threshold
from fl_chain.protocol.header import frame_header, unframe_header

SHARES: Final = "shares"
HEADER_BYTES: Final = CHUNK_BYTES
"""Size of every bundle's header: the longest JSON has less than 600."""
COMMITMENT_BYTES: Final = 32
_LABEL: Final = b"fl_chain/shares/1"

Draw = Callable[[int], bytes]
"""Returns so many uniformly random bytes, other ones with every call."""


@dataclass(frozen=True, slots=True)
class ShareBundle:
    """What one member publishes first."""

    member: GroupMember
    """Who it says that it is from; misbound unless that is who has it on record."""
    commitments: bytes
    """For each seed, first the self seed, then those of pairs by ascending peer: the SHA-256 of the
    seed and of its shares in the order of positions, 32 bytes each."""
    messages: bytes
    """What is encrypted to each other member, in the order of positions."""

    def is_seed(self, name: SeedName, value: bytes) -> bool:
        """Return whether a value is a seed of this member, named (position, peer or position)."""
        return self._is_committed(name, 0, value)

    def is_share(self, name: SeedName, holder: int, value: bytes) -> bool:
        """Return whether a value is the share that a position holds of a seed of this member."""
        return self._is_committed(name, 1 + holder, value)

    def _is_committed(self, name: SeedName, column: int, value: bytes) -> bool:
        row = name[1] - self.member.position
        start = (row * (1 + self.member.size) + column) * COMMITMENT_BYTES
        found = self.commitments[start : start + COMMITMENT_BYTES]
        return hashlib.sha256(value).digest() == found


@dataclass(frozen=True, slots=True)
class ReceivedShares:
    """What one member has of the bundle of another, checked against its commitments."""

    sender: int
    """Position of the other."""
    shares: tuple[bytes, ...]
    """Own share of each seed of the sender, in the order of its commitments."""
    pair_seed: bytes | None
    """Seed of the pair; None if it was not the sender's to draw, being of the higher position."""


def count_seeds(size: int, position: int) -> int:
    """Return how many seeds a member draws: its self seed, and one for each peer above it."""
    return size - position


def draw_seeds(size: int, position: int, draw: Draw) -> tuple[bytes, ...]:
    """Return the seeds of a member: its self seed, then those of pairs by ascending peer.

    They are to be kept before the bundle is published: without them the member cannot mask.
    """
    return tuple(draw(SEED_BYTES) for _ in range(count_seeds(size, position)))


def compute_bundle_bytes(size: int, position: int) -> int:
    """Return the exact size of a bundle.

    Examples
    --------
    >>> compute_bundle_bytes(16, 0), compute_bundle_bytes(16, 15)
    (34928, 19088)
    """
    num_commitments = count_seeds(size, position) * (1 + size)
    _, messages_end = _find_message(size, position, _others(size, position)[-1])
    return HEADER_BYTES + COMMITMENT_BYTES * num_commitments + messages_end


def make_bundle(
    member: GroupMember, public_keys: Sequence[bytes | None], seeds: Sequence[bytes], draw: Draw
) -> tuple[ShareBundle, tuple[bytes, ...]]:
    """Return the bundle of a member, and the shares of its seeds that it holds itself.

    Two calls return different ones, of which one may be published; what this returns is to be kept
    before. Whoever has no usable key gets zeros, cannot open them, and so has the member apart: no
    other member suffers from the key that one of them names.

    Parameters
    ----------
    member
        Whose bundle it is.
    public_keys
        Of all members in the order of positions, 1,216 bytes each; None for one that has none. The
        member's own is not looked at.
    seeds
        Of :func:`draw_seeds`.
    draw
        Where coefficients come from.

    Raises
    ------
    MalformedBlob
        The member cannot be one.
    ValueError
        Keys or seeds of another number or length.
    """
    check_member(member)
    size, position = member.size, member.position
    if len(public_keys) != size or len(seeds) != count_seeds(size, position):
        raise ValueError(f"{len(public_keys)} keys and {len(seeds)} seeds at position {position}")
    needed = threshold(size)
    tables = [split(seed, needed, size, draw(SEED_BYTES * (needed - 1))) for seed in seeds]
    commitments = (
        hashlib.sha256(value).digest()
        for seed, shares in zip(seeds, tables, strict=True)
        for value in (seed, *shares)
    )
    messages = []
    for receiver in _others(size, position):
        content = b"".join(shares[receiver] for shares in tables)
        if receiver > position:
            content += seeds[receiver - position]
        messages.append(_encrypt(public_keys[receiver], _context(member, receiver), content))
    bundle = ShareBundle(member, b"".join(commitments), b"".join(messages))
    return bundle, tuple(shares[position] for shares in tables)


def encode_bundle(bundle: ShareBundle) -> bytes:
    """Return the canonical bytes of a bundle.

    Raises
    ------
    MalformedBlob
        The member cannot be one, or commitments or messages are not as long as its have to be.
    """
    member = bundle.member
    check_member(member)
    data = _encode_header(member) + bundle.commitments + bundle.messages
    shape = _shape_commitments(member)
    is_full = len(bundle.commitments) == shape[0] * shape[1] * shape[2]
    if not is_full or len(data) != compute_bundle_bytes(member.size, member.position):
        raise MalformedBlob("commitments or messages are not as long as those of this member")
    return data


def decode_bundle(data: bytes) -> ShareBundle:
    """Return the bundle whose canonical bytes are ``data``.

    Raises
    ------
    MalformedBlob
        Anything that is not byte for byte canonical.
    """
    if len(data) < HEADER_BYTES:
        raise MalformedBlob(f"{len(data)} bytes are shorter than any share bundle")
    entries: Any = unframe_header(data[:HEADER_BYTES])
    try:
        member = parse_member(entries["__metadata__"])
    except (KeyError, TypeError, AttributeError, ValueError):
        raise MalformedBlob("share bundle lacks a field or has one of the wrong kind") from None
    rows, columns, width = _shape_commitments(member)
    begin = HEADER_BYTES + rows * columns * width
    bundle = ShareBundle(member, data[HEADER_BYTES:begin], data[begin:])
    if encode_bundle(bundle) != data:
        raise MalformedBlob("share bundle has unknown fields or is not in canonical form")
    return bundle


def open_bundle(bundle: ShareBundle, secret_key: bytes, receiver_position: int) -> ReceivedShares:
    """Return what a bundle holds for one member, if all of it is what the bundle commits to.

    Parameters
    ----------
    bundle
        Of another member, held against who has it on record.
    secret_key
        Of the receiver, 32 bytes.
    receiver_position
        In the same group.

    Raises
    ------
    CannotDecrypt
        The message was not encrypted to this key for this position, or it was altered.
    MalformedBlob
        A share or the seed of the pair is not the one committed to.
    ValueError
        No other position of the group.
    """
    sender, size = bundle.member.position, bundle.member.size
    if receiver_position not in _others(size, sender):
        raise ValueError(f"position {receiver_position} receives nothing from {sender}")
    start, end = _find_message(size, sender, receiver_position)
    context = _context(bundle.member, receiver_position)
    content = decrypt(secret_key, context, bundle.messages[start:end])
    words = [content[at : at + SEED_BYTES] for at in range(0, len(content), SEED_BYTES)]
    shares, seeds = words[: count_seeds(size, sender)], words[count_seeds(size, sender) :]
    are_shares = all(
        bundle.is_share((sender, sender + row), receiver_position, share)
        for row, share in enumerate(shares)
    )
    name = (sender, receiver_position)
    if not are_shares or not all(bundle.is_seed(name, seed) for seed in seeds):
        raise MalformedBlob("what the bundle holds for this member is not what it commits to")
    return ReceivedShares(sender, tuple(shares), seeds[0] if seeds else None)


def find_pair_seeds(
    position: int, seeds: Sequence[bytes], received: Mapping[int, ReceivedShares]
) -> dict[int, bytes]:
    """Return the seeds of a member's pairs, by peer: one with each whose bundle it could open.

    Parameters
    ----------
    position
        Of the member.
    seeds
        Its own, of :func:`draw_seeds`.
    received
        What it has of others, by their positions; those not among them are apart.
    """
    pairs = {}
    for peer, its in received.items():
        pairs[peer] = seeds[peer - position] if its.pair_seed is None else its.pair_seed
    return pairs


def _others(size: int, position: int) -> tuple[int, ...]:
    return tuple(other for other in range(size) if other != position)


def _find_message(size: int, position: int, receiver: int) -> tuple[int, int]:
    """Return where, among messages, that to a receiver begins and ends."""
    length = OVERHEAD_BYTES + SEED_BYTES * count_seeds(size, position)
    if receiver < position:
        return receiver * length, (receiver + 1) * length
    longer = length + SEED_BYTES
    start = position * length + (receiver - position - 1) * longer
    return start, start + longer


def _encrypt(public_key: bytes | None, context: bytes, content: bytes) -> bytes:
    nothing = bytes(OVERHEAD_BYTES + len(content))
    if public_key is None:
        return nothing
    try:
        return encrypt(public_key, context, content)
    except MalformedBlob:
        return nothing


def _context(member: GroupMember, receiver: int) -> bytes:
    """Return what binds a message to its way; every part has one length."""
    return _LABEL + member.place.encode() + bytes((member.position, receiver))


def _shape_commitments(member: GroupMember) -> tuple[int, int, int]:
    return count_seeds(member.size, member.position), 1 + member.size, COMMITMENT_BYTES


def _encode_header(member: GroupMember) -> bytes:
    shape = _shape_commitments(member)
    split_at = shape[0] * shape[1] * shape[2]
    end = compute_bundle_bytes(member.size, member.position) - HEADER_BYTES
    entries = {
        "__metadata__": describe_member(SHARES, member),
        "commitments": {"data_offsets": [0, split_at], "dtype": "U8", "shape": list(shape)},
        "messages": {"data_offsets": [split_at, end], "dtype": "U8", "shape": [end - split_at]},
    }
    return frame_header(encode_json(entries), HEADER_BYTES)
