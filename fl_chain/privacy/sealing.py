"""Sealed updates: an update that its readers alone can open.

The update's blob is encrypted once, with AES-256-GCM under a content key that is drawn for it, and
the content key once to each reader (:mod:`fl_chain.protocol.encryption`). The container is a
canonical safetensors file whose header says of what task, round and participant it is; header and
encrypted keys are associated data of the content, so nothing of it can stand elsewhere.

What is on record is the digest of the blob *inside*: readers hold what they open against it, so a
participant cannot show two readers two updates. The CID on record is the container's.

Whether each reader can open it, nobody else can tell. A reader that cannot is in the place of one
that could not fetch the update.

Source: HPKE, RFC 9180; AES-GCM, NIST SP 800-38D.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fl_chain.errors import CannotDecrypt, MalformedBlob
from fl_chain.protocol.address import parse_address
from fl_chain.protocol.canonical_json import encode_json
from fl_chain.protocol.constants import CHUNK_BYTES, FORMAT
from fl_chain.protocol.digest import parse_digest
from fl_chain.protocol.encryption import OVERHEAD_BYTES, decrypt, encrypt, name_key
from fl_chain.protocol.header import frame_header, parse_decimal, unframe_header

SEALED: Final = "sealed"
CONTENT_KEY_BYTES: Final = 32
HEADER_BYTES: Final = CHUNK_BYTES
"""Size of every container's header: the longest JSON has less than 500."""
NAME_BYTES: Final = 32
ROW_BYTES: Final = NAME_BYTES + OVERHEAD_BYTES + CONTENT_KEY_BYTES
"""For each reader: the name of its key, and the content key encrypted to it."""
TAG_BYTES: Final = 16
_LABEL: Final = b"fl_chain/sealed/1"
_NONCE: Final = bytes(12)
"""The same for every content, as no content key is used twice."""

KeyRing = Mapping[bytes, bytes]
"""Secrets of one reader by the names of their public keys, former ones as well."""
NO_KEYS: Final[KeyRing] = {}
"""Of whoever reads only what is open to all."""


@dataclass(frozen=True, slots=True)
class SealPlace:
    """What a sealed update says of itself in the clear."""

    task: str
    """Task id, 64 hexadecimal digits."""
    round: int
    """0 to 2^32 - 1."""
    participant: str
    """Address, 0x and 40 lower-case digits."""


@dataclass(frozen=True, slots=True)
class SealedUpdate:
    """A container, taken apart."""

    place: SealPlace
    rows: tuple[bytes, ...]
    """For each reader its row; zeros for one that had no key."""
    prefix: bytes
    """Header and rows."""
    content: bytes
    """The encrypted blob, and its tag."""


def compute_sealed_bytes(blob_bytes: int, num_readers: int) -> int:
    """Return the exact size of the container of a blob."""
    return HEADER_BYTES + ROW_BYTES * num_readers + blob_bytes + TAG_BYTES


def seal_update(
    place: SealPlace, blob: bytes, public_keys: Sequence[bytes | None], content_key: bytes
) -> bytes:
    """Return the container of a blob.

    Parameters
    ----------
    place
        Where the update belongs.
    blob
        The update.
    public_keys
        Of the readers in the order of the manifest, 1,216 bytes each; None for one that has none.
    content_key
        32 random bytes, never used before.

    Raises
    ------
    MalformedBlob
        A public key is none.
    """
    rows = b"".join(
        bytes(ROW_BYTES) if key is None else _make_row(place, key, content_key)
        for key in public_keys
    )
    content_bytes = len(blob) + TAG_BYTES
    prefix = _encode_header(place, len(public_keys), content_bytes) + rows
    return prefix + AESGCM(content_key).encrypt(_NONCE, blob, prefix)


def decode_sealed(data: bytes) -> SealedUpdate:
    """Take a container apart, without opening it.

    Raises
    ------
    MalformedBlob
        Anything that is not byte for byte canonical.
    """
    if len(data) < HEADER_BYTES:
        raise MalformedBlob(f"{len(data)} bytes are shorter than any sealed update")
    header = data[:HEADER_BYTES]
    place, num_readers, content_bytes = _parse_header(header)
    if _encode_header(place, num_readers, content_bytes) != header:
        raise MalformedBlob("header of the sealed update is not in canonical form")
    begin = HEADER_BYTES + ROW_BYTES * num_readers
    if len(data) != begin + content_bytes:
        raise MalformedBlob(f"{len(data)} bytes are not what the sealed update's header describes")
    rows = tuple(data[start : start + ROW_BYTES] for start in range(HEADER_BYTES, begin, ROW_BYTES))
    return SealedUpdate(place, rows, data[:begin], data[begin:])


def open_sealed(sealed: SealedUpdate, keys: KeyRing) -> bytes:
    """Return the blob of a container.

    It is to be held against the digest on record: a participant can put anything inside.

    Raises
    ------
    CannotDecrypt
        None of the keys is one that it was sealed to; or it was sealed wrongly, or altered.
    """
    for row in sealed.rows:
        name = row[:NAME_BYTES]
        if name in keys:
            content_key = decrypt(keys[name], _context(sealed.place, name), row[NAME_BYTES:])
            if len(content_key) != CONTENT_KEY_BYTES:
                break
            try:
                return AESGCM(content_key).decrypt(_NONCE, sealed.content, sealed.prefix)
            except InvalidTag:
                break
    else:
        raise CannotDecrypt(
            "this update is sealed, and none of the keys at hand opens it",
            "open it with the key of an aggregator or of an auditor whom the task names: --reader",
        )
    raise CannotDecrypt("this update was sealed wrongly, or altered")


def _make_row(place: SealPlace, public_key: bytes, content_key: bytes) -> bytes:
    name = name_key(public_key)
    return name + encrypt(public_key, _context(place, name), content_key)


def _context(place: SealPlace, key_name: bytes) -> bytes:
    """Return what binds a content key to its place; every part has one length."""
    participant = bytes.fromhex(place.participant.removeprefix("0x"))
    return _LABEL + bytes.fromhex(place.task) + place.round.to_bytes(4) + participant + key_name


def _encode_header(place: SealPlace, num_readers: int, content_bytes: int) -> bytes:
    rows_end = num_readers * ROW_BYTES
    entries = {
        "__metadata__": {
            "format": FORMAT,
            "kind": SEALED,
            "participant": place.participant,
            "round": str(place.round),
            "task": place.task,
        },
        "keys": {
            "data_offsets": [0, rows_end],
            "dtype": "U8",
            "shape": [num_readers, ROW_BYTES],
        },
        "update": {
            "data_offsets": [rows_end, rows_end + content_bytes],
            "dtype": "U8",
            "shape": [content_bytes],
        },
    }
    return frame_header(encode_json(entries), HEADER_BYTES)


def _parse_header(header: bytes) -> tuple[SealPlace, int, int]:
    """Read the fields; that they are canonical is checked by encoding them again."""
    entries: Any = unframe_header(header)
    try:
        metadata = entries["__metadata__"]
        place = SealPlace(
            metadata["task"], parse_decimal(metadata["round"], 2**32), metadata["participant"]
        )
        parse_digest(place.task)
        parse_address(place.participant)
        num_readers, content_bytes = entries["keys"]["shape"][0], entries["update"]["shape"][0]
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        raise MalformedBlob("header of the sealed update lacks a field") from None
    if type(num_readers) is not int or type(content_bytes) is not int:
        raise MalformedBlob("header of the sealed update has a size that is none")
    if num_readers < 0 or content_bytes < TAG_BYTES:
        raise MalformedBlob("header of the sealed update has a size that is none")
    return place, num_readers, content_bytes
