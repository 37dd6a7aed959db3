"""Content identifiers, computed here and never taken from a node on trust.

A CID depends on how a file is cut into blocks. This project uses one import profile for everything,
``unixfs-v1-2025`` of IPIP-499 (https://specs.ipfs.tech/ipips/ipip-0499/): CIDv1, sha2-256, raw
leaves of 1 MiB, at most 1024 links per node, balanced layout. A file of at most 1 MiB is therefore
one raw block, whose digest is the plain sha2-256 of the file.

The layout of the larger ones follows https://specs.ipfs.tech/unixfs/: a dag-pb node per 1024
children, whose data field records the file size below each of them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.constants import LEAF_CHUNK_BYTES

__all__ = [
    "DAG_PB",
    "DIGEST_BYTES",
    "MAX_LINKS",
    "RAW",
    "Cid",
    "CidHasher",
    "cid_from_digest",
    "compute_cid",
]

RAW: Final = 0x55
"""Multicodec of a block that is plain bytes."""

DAG_PB: Final = 0x70
"""Multicodec of a block that links to other blocks."""

MAX_LINKS: Final = 1024
"""Number of children of every full inner node."""

DIGEST_BYTES: Final = 32

_LINKS_FIELD: Final = 2  # of a dag-pb node
_HASH_FIELD: Final = 1  # of a link
_PREFIX_BYTES: Final = 4  # version 1, codec, hash function, digest length; one byte each


@dataclass(frozen=True, slots=True, order=True)
class Cid:
    """The address of a blob.

    Parameters
    ----------
    codec
        `RAW` or `DAG_PB`.
    digest
        32 bytes, the sha2-256 of the (root) block.
    """

    codec: int
    digest: bytes

    def __post_init__(self) -> None:
        if self.codec not in (RAW, DAG_PB):
            raise MalformedBlob(f"CID codec {self.codec:#x} is neither raw nor dag-pb")
        if len(self.digest) != DIGEST_BYTES:
            raise MalformedBlob(f"CID digest has {len(self.digest)} bytes instead of 32")

    @classmethod
    def parse(cls, text: str) -> Cid:
        r"""Read the one canonical text form: CIDv1, sha2-256, base32 in lower case.

        >>> cid = Cid.parse("bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4")
        >>> cid.codec == RAW, cid.digest == hashlib.sha256(b"hello world\n").digest()
        (True, True)

        Raises
        ------
        MalformedBlob
            For any other text, even if it is a CID of the same content.
        """
        try:
            padded = text[1:].upper() + "=" * (-(len(text) - 1) % 8)
            data = base64.b32decode(padded)
        except (ValueError, binascii.Error):
            data = b""
        is_version_1_of_sha256 = data[:1] == b"\x01" and data[2:_PREFIX_BYTES] == b"\x12\x20"
        if is_version_1_of_sha256 and len(data) == _PREFIX_BYTES + DIGEST_BYTES:
            cid = cls(data[1], data[_PREFIX_BYTES:])
            if str(cid) == text:
                return cid
        raise MalformedBlob(f"not a canonical CIDv1 with sha2-256: {text[:80]!r}")

    def to_bytes(self) -> bytes:
        """Return the binary form, 36 bytes."""
        return bytes((1, self.codec, 0x12, DIGEST_BYTES)) + self.digest

    def __str__(self) -> str:
        return "b" + base64.b32encode(self.to_bytes()).decode("ascii").lower().rstrip("=")


@dataclass(frozen=True, slots=True)
class _Subtree:
    cid: Cid
    dag_bytes: int
    """All blocks below and including the root of the subtree."""
    file_bytes: int


class CidHasher:
    """Computes a CID from data that arrives in pieces, without keeping the data.

    Memory is bounded by 1024 links for each level of the tree.

    Parameters
    ----------
    chunk_bytes, max_links
        Shape of the tree. Anything but the defaults belongs to another import profile; small values
        let a test reach deep trees.
    """

    def __init__(self, *, chunk_bytes: int = LEAF_CHUNK_BYTES, max_links: int = MAX_LINKS) -> None:
        if chunk_bytes < 1 or max_links < 2:
            raise ValueError("a chunk needs at least 1 byte, a node at least 2 links")
        self._chunk_bytes = chunk_bytes
        self._max_links = max_links
        self._levels: list[list[_Subtree]] = [[]]
        self._leaf = hashlib.sha256()
        self._leaf_bytes = 0
        self.size_bytes = 0
        """Number of bytes seen so far."""

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Append a piece of the content."""
        view = memoryview(data).cast("B")
        while view:
            if self._leaf_bytes == self._chunk_bytes:
                self._close_leaf(self._levels)
                self._leaf = hashlib.sha256()
                self._leaf_bytes = 0
            piece = view[: self._chunk_bytes - self._leaf_bytes]
            self._leaf.update(piece)
            self._leaf_bytes += len(piece)
            self.size_bytes += len(piece)
            view = view[len(piece) :]

    def cid(self) -> Cid:
        """Return the CID of everything seen so far; `update` may go on afterwards."""
        levels = [list(level) for level in self._levels]
        self._close_leaf(levels)
        depth = 0
        while depth + 1 < len(levels) or len(levels[depth]) > 1:
            self._append(levels, depth + 1, _join(levels[depth]))
            depth += 1
        return levels[depth][0].cid

    def _close_leaf(self, levels: list[list[_Subtree]]) -> None:
        size = self._leaf_bytes
        self._append(levels, 0, _Subtree(Cid(RAW, self._leaf.digest()), size, size))

    def _append(self, levels: list[list[_Subtree]], depth: int, subtree: _Subtree) -> None:
        if depth == len(levels):
            levels.append([])
        if len(levels[depth]) == self._max_links:
            self._append(levels, depth + 1, _join(levels[depth]))
            levels[depth].clear()
        levels[depth].append(subtree)


def compute_cid(data: bytes | bytearray | memoryview | Iterable[bytes]) -> Cid:
    r"""Compute the CID of a blob, given whole or in pieces of any size.

    >>> str(compute_cid(b"hello world\n"))
    'bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4'
    >>> compute_cid([b"hello ", b"world\n"]) == compute_cid(b"hello world\n")
    True
    """
    hasher = CidHasher()
    pieces = (data,) if isinstance(data, bytes | bytearray | memoryview) else data
    for piece in pieces:
        hasher.update(piece)
    return hasher.cid()


def split_blocks(data: bytes) -> Iterator[tuple[Cid, bytes]]:
    r"""Yield the blocks of a blob by the import profile: its leaves, then the nodes above.

    The root comes last.

    Examples
    --------
    >>> [(str(cid)[:12], block) for cid, block in split_blocks(b"hello world\n")]
    [('bafkreifjjci', b'hello world\n')]
    """
    level: list[_Subtree] = []
    for start in range(0, max(len(data), 1), LEAF_CHUNK_BYTES):
        leaf = data[start : start + LEAF_CHUNK_BYTES]
        cid = Cid(RAW, hashlib.sha256(leaf).digest())
        level.append(_Subtree(cid, len(leaf), len(leaf)))
        yield cid, leaf
    while len(level) > 1:
        groups = [level[i : i + MAX_LINKS] for i in range(0, len(level), MAX_LINKS)]
        level = []
        for children in groups:
            subtree, block = _join_block(children)
            level.append(subtree)
            yield subtree.cid, block


def list_links(block: bytes) -> list[Cid]:
    """Return what a dag-pb node of the import profile links to, in order.

    Raises
    ------
    MalformedBlob
        No dag-pb, more links than a node has, or links with other hashes.
    """
    links = [value for number, value in _iterate_fields(block) if number == _LINKS_FIELD]
    if len(links) > MAX_LINKS:
        raise MalformedBlob(f"a node has at most {MAX_LINKS} links, not {len(links)}")
    cids = []
    for link in links:
        names = [value for number, value in _iterate_fields(link) if number == _HASH_FIELD]
        if len(names) != 1 or names[0][:1] != b"\x01" or names[0][2:4] != b"\x12\x20":
            raise MalformedBlob("a link of a node names no content by its sha2-256")
        cids.append(Cid(names[0][1], names[0][_PREFIX_BYTES:]))
    return cids


def cid_from_digest(digest: bytes, size_bytes: int) -> Cid:
    """Rebuild the CID of a blob whose digest and size are on record.

    The chain holds only the 32-byte digest; the codec follows from the size of the content, which
    is one raw block up to 1 MiB and a tree above.

    Raises
    ------
    MalformedBlob
        When the digest does not have 32 bytes or the size is negative.
    """
    if size_bytes < 0:
        raise MalformedBlob(f"a blob cannot have {size_bytes} bytes")
    return Cid(RAW if size_bytes <= LEAF_CHUNK_BYTES else DAG_PB, digest)


def _join(children: list[_Subtree]) -> _Subtree:
    return _join_block(children)[0]


def _join_block(children: list[_Subtree]) -> tuple[_Subtree, bytes]:
    """Build the dag-pb node above some subtrees."""
    file_bytes = sum(child.file_bytes for child in children)
    links = b"".join(
        _bytes_field(
            2,
            _bytes_field(1, child.cid.to_bytes())  # Hash
            + _bytes_field(2, b"")  # Name
            + _varint_field(3, child.dag_bytes),  # Tsize
        )
        for child in children
    )
    unixfs = (
        _varint_field(1, 2)  # Type: File
        + _varint_field(3, file_bytes)
        + b"".join(_varint_field(4, child.file_bytes) for child in children)  # blocksizes
    )
    # dag-pb writes the links before the data, although their field number is higher.
    block = links + _bytes_field(1, unixfs)
    subtree = _Subtree(
        cid=Cid(DAG_PB, hashlib.sha256(block).digest()),
        dag_bytes=len(block) + sum(child.dag_bytes for child in children),
        file_bytes=file_bytes,
    )
    return subtree, block


def _iterate_fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of a protobuf message's byte fields; integers are passed over."""
    position = 0
    while position < len(message):
        key, position = _read_varint(message, position)
        value, position = _read_varint(message, position)
        match key & 7:
            case 0:
                continue
            case 2 if position + value <= len(message):
                yield key >> 3, message[position : position + value]
                position += value
            case _:
                raise MalformedBlob("a node is no dag-pb")


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return an integer and where it ends."""
    value = 0
    for shift in range(0, 63, 7):
        if position >= len(data):
            break
        value |= (data[position] & 0x7F) << shift
        position += 1
        if not data[position - 1] & 0x80:
            return value, position
    raise MalformedBlob("a node is no dag-pb")


def encode_varint(value: int) -> bytes:
    """Return an unsigned integer as an LEB128 varint, seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _varint_field(number: int, value: int) -> bytes:
    return encode_varint(number << 3) + encode_varint(value)


def _bytes_field(number: int, value: bytes) -> bytes:
    return encode_varint(number << 3 | 2) + encode_varint(len(value)) + value
