"""Lists of signed updates: what an aggregator records by one digest in place of many records.

A canonical safetensors file: a header of 1,024 bytes and one tensor, ``entries``, with 256 bytes
for each update. An entry is eight words: participant (an address after 12 zero bytes), digest, CID
digest, weight (big-endian), r and vs of the signature, and two zero words. Four entries are one
chunk of the list's digest, so that a contract can look at any of them.

A list is the word of the aggregator that made it. What its entries are worth, everybody decides by
the same rules: :mod:`fl_chain.aggregation.submissions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.attestation import WORD_BYTES, Signature
from fl_chain.protocol.canonical_json import encode_json
from fl_chain.protocol.cid import Cid, cid_from_digest
from fl_chain.protocol.constants import CHUNK_BYTES, FORMAT, MAX_UPDATES
from fl_chain.protocol.digest import parse_digest
from fl_chain.protocol.header import frame_header, parse_decimal, unframe_header
from fl_chain.protocol.signed_update import SignedUpdate

LIST: Final = "update_list"
LIST_HEADER_BYTES: Final = CHUNK_BYTES
ENTRY_BYTES: Final = 8 * WORD_BYTES


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One update of a list."""

    participant: str
    """Who is said to have signed."""
    update: SignedUpdate


@dataclass(frozen=True, slots=True)
class UpdateList:
    """Signed updates of one round."""

    task: str
    """Task id, 64 hexadecimal digits."""
    round: int
    """0 to 2^32 - 1."""
    entries: tuple[ListEntry | None, ...]
    """1 to 2^24 of them; None is one that says nothing, since its padding is not zero or its
    weight not below 2^32."""


def compute_list_bytes(count: int) -> int:
    """Return the size of a list of so many entries."""
    return LIST_HEADER_BYTES + ENTRY_BYTES * count


def locate_list(cid_digest: bytes, count: int) -> tuple[Cid, int]:
    """Return the CID of a list on record, and the cap to fetch it under.

    That is twice its size, so that a larger one is read whole and seen for what it is.
    """
    size = compute_list_bytes(count)
    return cid_from_digest(cid_digest, size), 2 * size


def encode_update_list(updates: UpdateList) -> bytes:
    """Return the canonical bytes of a list.

    Raises
    ------
    MalformedBlob
        No entry, more than 2^24, or one that says nothing.
    """
    if None in updates.entries:
        raise MalformedBlob("an entry that says nothing is not written")
    entries = b"".join(_encode_entry(entry) for entry in updates.entries if entry)
    return _encode_header(updates, len(updates.entries)) + entries


def decode_update_list(data: bytes) -> UpdateList:
    """Return the list whose canonical bytes are ``data``.

    Raises
    ------
    MalformedBlob
        Not a canonical list.
    """
    count, rest = divmod(len(data) - LIST_HEADER_BYTES, ENTRY_BYTES)
    if rest or not 0 < count <= MAX_UPDATES:
        raise MalformedBlob(f"{len(data)} bytes are no list of updates")
    header: Any = unframe_header(data[:LIST_HEADER_BYTES])
    try:
        metadata = header["__metadata__"]
        parse_digest(metadata["task"])
        place = metadata["task"], parse_decimal(metadata["round"], 2**32)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise MalformedBlob("list lacks a field or has one of the wrong kind") from None
    body = memoryview(data)[LIST_HEADER_BYTES:]
    starts = range(0, len(body), ENTRY_BYTES)
    entries = (decode_entry(bytes(body[start : start + ENTRY_BYTES])) for start in starts)
    updates = UpdateList(*place, tuple(entries))
    if _encode_header(updates, count) != data[:LIST_HEADER_BYTES]:
        raise MalformedBlob("list has unknown fields or is not in canonical form")
    return updates


def find_entries(data: bytes, digest: bytes) -> list[int]:
    """Return the places, from 0, of entries of a list with this digest or CID digest.

    Examples
    --------
    >>> find_entries(bytes(1_024 + 256) + bytes(64) + b"c" * 32 + bytes(160), b"c" * 32)
    [1]
    """
    words = (WORD_BYTES, 2 * WORD_BYTES)
    found: list[int] = []
    at = data.find(digest, LIST_HEADER_BYTES)
    while at >= 0:
        place, within = divmod(at - LIST_HEADER_BYTES, ENTRY_BYTES)
        if within in words and place not in found[-1:]:
            found.append(place)
        at = data.find(digest, at + 1)
    return found


def _encode_header(updates: UpdateList, count: int) -> bytes:
    if not 0 < count <= MAX_UPDATES:
        raise MalformedBlob(f"a list has 1 to {MAX_UPDATES} updates, not {count}")
    metadata = {
        "format": FORMAT,
        "kind": LIST,
        "round": str(updates.round),
        "task": updates.task,
    }
    shape = [count, ENTRY_BYTES]
    entries = {"data_offsets": [0, count * ENTRY_BYTES], "dtype": "U8", "shape": shape}
    text = encode_json({"__metadata__": metadata, "entries": entries})
    return frame_header(text, LIST_HEADER_BYTES)


def _encode_entry(entry: ListEntry) -> bytes:
    update = entry.update
    words = (
        bytes.fromhex(entry.participant[2:]).rjust(WORD_BYTES, b"\0"),
        update.digest,
        update.cid_digest,
        update.weight.to_bytes(WORD_BYTES),
        update.signature.r,
        update.signature.vs,
    )
    return b"".join(words).ljust(ENTRY_BYTES, b"\0")


def decode_entry(data: bytes) -> ListEntry | None:
    """Return the update that the 256 bytes of an entry hold; None if they say nothing."""
    words = [data[i : i + WORD_BYTES] for i in range(0, ENTRY_BYTES, WORD_BYTES)]
    who, digest, cid_digest, counted, r, vs, *rest = words
    weight = int.from_bytes(counted)
    if any(who[:12]) or weight >= 2**32 or any(map(any, rest)):
        return None
    update = SignedUpdate(digest, cid_digest, weight, Signature(r, vs))
    return ListEntry("0x" + who[12:].hex(), update)
