"""Masked rounds of docs/masks-and-noise.md in dull code, from what defines them.

Nothing here imports fl_chain, and there is no table: ciphers, fields and survivors are written out.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rfc8785

from tests import reference as ref

MASK32 = 2**32 - 1
SeedName = tuple[int, int]
"""Low and high position."""
Item = tuple[bool, bytes]
"""Whether it is the seed, and seed or share."""


@dataclass(frozen=True)
class Seat:
    """Where a member stands, of which all that it publishes speaks."""

    task: str
    round: int
    group: int
    participant: str
    size: int
    position: int

    @property
    def place(self) -> bytes:
        return bytes.fromhex(self.task) + self.round.to_bytes(4) + self.group.to_bytes(4)

    def metadata(self, kind: str) -> dict[str, str]:
        numbers = {
            "group": self.group,
            "position": self.position,
            "round": self.round,
            "size": self.size,
        }
        texts = {"format": ref.FORMAT, "kind": kind, "participant": self.participant}
        return texts | {"task": self.task} | {key: str(value) for key, value in numbers.items()}


@dataclass(frozen=True)
class Record:
    """What is on record of a group: its size, who shared, and who entered, apart from whom."""

    size: int
    sharers: Collection[int]
    entered: Mapping[int, Collection[int]]

    def peers(self, position: int) -> set[int]:
        return set(self.sharers) - {position} - set(self.entered[position])

    def are_mutual(self, one: int, other: int) -> bool:
        both = (one, other), (other, one)
        return all(i in self.sharers and i in self.entered and j in self.peers(i) for i, j in both)


def threshold(size: int) -> int:
    return 2 * size // 3 + 1


def survivors(record: Record) -> list[int]:
    """The largest set in which all have enough partners, by looking at every set."""
    needed = threshold(record.size)
    for count in range(len(record.entered), max(3, needed) - 1, -1):
        for chosen in itertools.combinations(sorted(record.entered), count):
            if all(sum(record.are_mutual(i, j) for j in chosen) >= needed - 1 for i in chosen):
                return list(chosen)
    return []


def questions(record: Record) -> dict[SeedName, int]:
    """Each seed asked for, with the survivor whose lanes hold its mask."""
    alive = survivors(record)
    asked = {(i, i): i for i in alive}
    for i in alive:
        for j in record.peers(i):
            if j not in alive or not record.are_mutual(i, j):
                asked[min(i, j), max(i, j)] = i
    return dict(sorted(asked.items()))


def bundle_tensors(
    seat: Seat,
    seeds: Sequence[bytes],
    coefficients: Sequence[bytes],
    encrypt: Callable[[int, bytes, bytes], bytes],
) -> tuple[bytes, bytes]:
    """Commitments and messages; ``encrypt`` takes a receiver, the context and the content."""
    i, commitments, messages = seat.position, b"", b""
    shares = [
        [share(seed, drawn, position) for position in range(seat.size)]
        for seed, drawn in zip(seeds, coefficients, strict=True)
    ]
    for seed, its in zip(seeds, shares, strict=True):
        commitments += b"".join(hashlib.sha256(value).digest() for value in (seed, *its))
    for j in range(seat.size):
        if j != i:
            content = b"".join(its[j] for its in shares) + (seeds[j - i] if j > i else b"")
            context = b"fl_chain/shares/1" + seat.place + bytes([i, j])
            messages += encrypt(j, context, content)
    return commitments, messages


def bundle_header(seat: Seat, messages: bytes) -> bytes:
    """The JSON of a bundle's header."""
    shape = [seat.size - seat.position, 1 + seat.size, 32]
    begin = shape[0] * shape[1] * shape[2]
    end = begin + len(messages)
    header: dict[str, Any] = {
        "__metadata__": seat.metadata("shares"),
        "commitments": {"data_offsets": [0, begin], "dtype": "U8", "shape": shape},
        "messages": {"data_offsets": [begin, end], "dtype": "U8", "shape": [end - begin]},
    }
    return rfc8785.dumps(header)


def reveal_header(seat: Seat, count: int) -> bytes:
    """The JSON of a reveal's header."""
    items: dict[str, Any] = {"data_offsets": [0, 35 * count], "dtype": "U8", "shape": [count, 35]}
    return rfc8785.dumps({"__metadata__": seat.metadata("reveal"), "items": items})


def reveal_items(items: Mapping[SeedName, Item]) -> bytes:
    """What stands behind the header of a reveal."""
    rows = (bytes([*name, items[name][0]]) + items[name][1] for name in sorted(items))
    return b"".join(rows)


def framed(header: bytes, data: bytes) -> bytes:
    """A container with a header of 1,024 bytes."""
    return ref.join_parts(*ref.blob_parts(header, data, 1024))


def list_told(
    record: Record, position: int, share_of: Callable[[SeedName], bytes], seeds: Mapping[int, bytes]
) -> dict[SeedName, Item]:
    """What a member that entered tells of the seeds asked for.

    ``share_of`` gives its share of a seed whose owner it has heard, and ``seeds`` that of its pair
    with each peer.
    """
    told: dict[SeedName, Item] = {}
    alive, heard = survivors(record), record.peers(position) | {position}
    for (low, high), carrier in questions(record).items():
        other = low + high - position
        if low != high and carrier == position and other not in alive:
            told[low, high] = True, seeds[other]
        elif low in heard:
            told[low, high] = False, share_of((low, high))
    return told


def masked_lanes(
    seat: Seat,
    weighted: Sequence[int],
    self_seed: bytes,
    seeds: Mapping[int, bytes],
    ring_bits: int,
) -> list[int]:
    """Weighted lanes with all their masks; ``seeds`` are those of the pairs, by peer."""
    i, lanes = seat.position, list(weighted)
    masks = [(1, (i, i), self_seed)]
    masks += [(1 if j > i else -1, (min(i, j), max(i, j)), seed) for j, seed in seeds.items()]
    for sign, name, seed in masks:
        stream = mask(seed, seat.place + bytes(name), len(lanes), ring_bits)
        lanes = [lane + sign * word for lane, word in zip(lanes, stream, strict=True)]
    return [lane % 2**ring_bits for lane in lanes]


def ring_bits_of(group_size: int, max_weight: int, max_abs: int) -> int:
    largest = (2 * group_size - 1) * max_weight * max_abs
    return 16 if 2 * largest + 1 <= 2**16 else 32


def masked_update(
    metadata: dict[str, str], tensors: dict[str, list[int]], lanes: Sequence[int], ring_bits: int
) -> bytes:
    """The blob of a masked update, for layouts whose header fits 1,024 bytes."""
    header = ref.blob_header(metadata, tensors, ring_bits)
    for name in tensors:
        header[name]["dtype"] = f"U{ring_bits}"
    data = b"".join(lane.to_bytes(ring_bits // 8, "little") for lane in lanes)
    return framed(rfc8785.dumps(header), data)


def expand_key(seed: bytes, label: bytes) -> bytes:
    """HKDF-SHA256 of RFC 5869, of which one block is all that is needed."""
    extracted = hmac.digest(b"fl_chain/mask/1", seed, "sha256")
    return hmac.digest(extracted, label + b"\x01", "sha256")


def keystream(key: bytes, num_bytes: int) -> bytes:
    """ChaCha20 of RFC 8439 with counter and nonce 0."""
    blocks = (_block(key, counter) for counter in range(-(-num_bytes // 64)))
    return b"".join(blocks)[:num_bytes]


def mask(seed: bytes, label: bytes, num_lanes: int, ring_bits: int) -> list[int]:
    width = ring_bits // 8
    stream = keystream(expand_key(seed, label), num_lanes * width)
    return [int.from_bytes(stream[i : i + width], "little") for i in range(0, len(stream), width)]


def multiply(left: int, right: int) -> int:
    """Product in GF(2^8), by shifting and adding (FIPS 197, section 4.2)."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left <<= 1
        if left & 0x100:
            left ^= 0x11B
        right >>= 1
    return product


def share(secret: bytes, coefficients: bytes, position: int) -> bytes:
    """The values of all polynomials at position + 1, term by term."""
    values = list(secret)
    power = 1
    for start in range(0, len(coefficients), 32):
        power = multiply(power, position + 1)
        for i in range(32):
            values[i] ^= multiply(coefficients[start + i], power)
    return bytes(values)


def draw(seed: bytes, members: list[str], group_size: int) -> list[list[str]]:
    def lot(member: str) -> tuple[bytes, int]:
        address = int(member, 16)
        data = b"fl_chain/groups/1" + seed + address.to_bytes(20, "big")
        return hashlib.sha256(data).digest(), address

    rest = sorted(members, key=lot)
    count = max(1, len(rest) // group_size)
    groups: list[list[str]] = []
    while rest:
        size = -(-len(rest) // (count - len(groups)))
        groups.append(sorted(rest[:size]))
        rest = rest[size:]
    return groups


def _rotate(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & MASK32


def _block(key: bytes, counter: int) -> bytes:
    start = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key)]
    start += [counter, 0, 0, 0]
    state = list(start)
    columns = [(i, i + 4, i + 8, i + 12) for i in range(4)]
    diagonals = [(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12) for i in range(4)]
    for _ in range(10):
        for a, b, c, d in columns + diagonals:
            for into, other, turned, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8)):
                state[into] = (state[into] + state[other]) & MASK32
                state[turned] = _rotate(state[turned] ^ state[into], bits)
            state[c] = (state[c] + state[d]) & MASK32
            state[b] = _rotate(state[b] ^ state[c], 7)
    return struct.pack("<16I", *((a + b) & MASK32 for a, b in zip(state, start, strict=True)))
