"""CAR files, version 1: blocks of content, one after the other, that any IPFS node imports.

Only what the evidence of a task needs: blocks whose CIDs are version 1 with sha2-256, each of which
is held against its CID when the file is opened, so that what is read later is what was named.

Source: CARv1 specification, https://ipld.io/specs/transport/car/carv1/; DAG-CBOR,
https://ipld.io/specs/codecs/dag-cbor/spec/.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from fl_chain.errors import BlobCorrupt, BlobTooLarge, BlobUnavailable, MalformedBlob
from fl_chain.protocol.cid import (
    DAG_PB,
    RAW,
    Cid,
    compute_cid,
    encode_varint,
    list_links,
)
from fl_chain.protocol.constants import LEAF_CHUNK_BYTES

MAX_BLOCK_BYTES: Final = 2**21
"""Largest block that is read: a leaf has 1 MiB, a node with 1,024 links less than 60 kB."""
MAX_CAR_HEADER_BYTES: Final = 2**28
_CID_BYTES: Final = 36
_CID_TAG: Final = b"\xd8\x2a"

ReadAt = Callable[[int, int], bytes]
"""Takes offset and size; returns so many bytes of a file, fewer at its end."""


@dataclass(frozen=True, slots=True)
class BlockPlace:
    """Where in a file the bytes of a block are."""

    offset: int
    size: int


def encode_car_header(roots: Sequence[Cid]) -> bytes:
    """Return the beginning of a file whose blobs are ``roots``."""
    links = b"".join(_CID_TAG + _cbor(2, _CID_BYTES + 1) + b"\0" + cid.to_bytes() for cid in roots)
    text = _cbor(5, 2) + _text("roots") + _cbor(4, len(roots)) + links + _text("version") + b"\x01"
    return encode_varint(len(text)) + text


def encode_section(cid: Cid, block: bytes) -> bytes:
    """Return one block as a file holds it."""
    return encode_varint(_CID_BYTES + len(block)) + cid.to_bytes() + block


@dataclass(slots=True)
class CarIndex:
    """What is where in a file."""

    places: dict[bytes, BlockPlace] = field(default_factory=dict)
    """CID to the block that hashes to it."""
    damaged: set[bytes] = field(default_factory=set)
    """CIDs of blocks that do not."""
    problem: str = ""
    """Why nothing could be read from some place on; empty if all of the file was."""

    def name_damaged(self) -> str:
        """Return the CID of some damaged block."""
        name = min(self.damaged)
        return str(Cid(name[1], name[4:])) if name[1] in (RAW, DAG_PB) else name.hex()

    def find(self, cid: Cid) -> BlockPlace:
        """Return where a block is.

        Raises
        ------
        BlobUnavailable
            It is not in the file.
        BlobCorrupt
            What is there in its place does not hash to its CID.
        """
        name = cid.to_bytes()
        if name in self.places:
            return self.places[name]
        if name in self.damaged:
            raise BlobCorrupt(f"the CAR file holds {cid} damaged")
        raise BlobUnavailable(f"the CAR file does not hold {cid}")


def index_blocks(read_at: ReadAt) -> CarIndex:
    """Return the place of every block of a file.

    A block that is damaged takes nothing from the others.
    """
    index = CarIndex()
    try:
        for name, place, is_intact in _walk(read_at):
            if is_intact:
                index.places[name] = place
            else:
                index.damaged.add(name)
    except MalformedBlob as error:
        index.problem = error.message
    return index


def _walk(read_at: ReadAt) -> Iterator[tuple[bytes, BlockPlace, bool]]:
    """Yield the CID of every block, its place, and whether it hashes to its CID."""
    size, offset = _read_length(read_at, 0, MAX_CAR_HEADER_BYTES)
    offset += size  # which blobs are in the file, the chain says
    while read_at(offset, 1):
        size, offset = _read_length(read_at, offset, MAX_BLOCK_BYTES + _CID_BYTES)
        section = read_at(offset, size)
        name, block = section[:_CID_BYTES], section[_CID_BYTES:]
        if len(section) != size or name[:1] != b"\x01" or name[2:4] != b"\x12\x20":
            raise MalformedBlob(f"there is no block at byte {offset} of the CAR file")
        place = BlockPlace(offset + _CID_BYTES, size - _CID_BYTES)
        yield name, place, hashlib.sha256(block).digest() == name[4:]
        offset += size


def read_blob(index: CarIndex, read_at: ReadAt, cid: Cid, max_bytes: int) -> bytes:
    """Return the blob of a CID from the blocks of a file.

    Raises
    ------
    BlobUnavailable
        A block of it is not in the file.
    BlobTooLarge
        It has more than ``max_bytes``.
    BlobCorrupt
        A block of it is damaged, or its blocks are no blob of the import profile.
    """
    pieces: list[bytes] = []
    size = 0
    # A blob of the profile has one leaf for each MiB, and few nodes: more is an attempt to keep us.
    patience = 2 * (max_bytes // LEAF_CHUNK_BYTES + 8)
    for leaf in _leaves(index, read_at, cid, [patience]):
        size += len(leaf)
        if size > max_bytes:
            raise BlobTooLarge(f"{cid} has more than {max_bytes} bytes")
        pieces.append(leaf)
    data = b"".join(pieces)
    if compute_cid(data) != cid:
        raise BlobCorrupt(f"the blocks below {cid} are no blob of the import profile")
    return data


def _leaves(index: CarIndex, read_at: ReadAt, cid: Cid, patience: list[int]) -> Iterator[bytes]:
    place = index.find(cid)
    patience[0] -= 1
    if patience[0] < 0:
        raise BlobTooLarge(f"there are more blocks below {cid} than a blob here can have")
    block = read_at(place.offset, place.size)
    if cid.codec == RAW:
        yield block
        return
    try:
        links = list_links(block)
    except MalformedBlob as error:
        raise BlobCorrupt(f"{cid}: {error.message}") from None
    for link in links:
        yield from _leaves(index, read_at, link, patience)


def _read_length(read_at: ReadAt, offset: int, largest: int) -> tuple[int, int]:
    """Return a length and where it ends."""
    size = shift = 0
    for byte in read_at(offset, 5):
        offset += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            if 0 < size <= largest:
                return size, offset
            break
    raise MalformedBlob(f"there is no block at byte {offset} of the CAR file")


def _cbor(kind: int, value: int) -> bytes:
    """Return the head of a CBOR item: its kind and a number, in the shortest form."""
    for width, code in ((0, value), (1, 24), (2, 25), (4, 26), (8, 27)):
        if width == 0 and value < 24:
            return bytes([kind << 5 | value])
        if width and value < 256**width:
            return bytes([kind << 5 | code]) + value.to_bytes(width)
    raise ValueError(value)


def _text(value: str) -> bytes:
    return _cbor(3, len(value)) + value.encode("ascii")
