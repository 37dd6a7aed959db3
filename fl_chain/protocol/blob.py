"""Blobs: a strict canonical subset of safetensors.

Layout of a blob: 8 bytes little-endian header length, the header as canonical JSON padded with
spaces so that the data starts on a chunk border, then the tensors sorted by name, row-major,
little-endian, without holes. Any safetensors reader opens it; this decoder refuses everything that
is not byte for byte what :func:`encode_blob` would have written.

The header's metadata binds a blob to its place (task, round, participant, base model), so that a
copied or replayed blob is invalid by inspection.

Source: safetensors format, https://huggingface.co/docs/safetensors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.address import parse_address
from fl_chain.protocol.canonical_json import decode_json, encode_json
from fl_chain.protocol.constants import (
    CHUNK_BYTES,
    FORMAT,
    MAX_BLOB_BYTES,
    MAX_DIMENSIONS,
    MAX_HEADER_BYTES,
    MAX_TENSORS,
)
from fl_chain.protocol.digest import parse_digest

Layout = tuple[tuple[str, tuple[int, ...]], ...]
"""Tensor names with shapes, sorted by name."""

UPDATE: Final = "update"
MODEL: Final = "model"

DTYPES: Final[dict[str, tuple[str, np.dtype[Any]]]] = {
    UPDATE: ("I16", np.dtype("<i2")),
    MODEL: ("I32", np.dtype("<i4")),
}
"""Kind of blob to the safetensors and numpy names of its integers."""

_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class BlobHeader:
    """What a blob says it is and where it belongs."""

    kind: str
    """``update`` or ``model``."""
    task: str
    """Task id: digest of the manifest, 64 hexadecimal digits."""
    round: int
    """Round that the update was made for, or that yielded the model; 0 is genesis."""
    base_model: str
    """Digest of the model that it starts from, 64 hexadecimal digits; zeros for genesis."""
    participant: str
    """Address of the update's sender, 0x and 40 lower-case digits; empty for a model."""
    layout: Layout
    """Tensors of the blob."""


def count_values(layout: Layout) -> int:
    """Return the number of integers that a blob of this layout holds."""
    return sum(math.prod(shape) for _, shape in layout)


def encode_header(header: BlobHeader) -> bytes:
    """Return the bytes before a blob's data, a multiple of 1,024."""
    name, dtype = DTYPES[header.kind]
    entries: dict[str, Any] = {"__metadata__": _metadata(header)}
    offset = 0
    for tensor, shape in header.layout:
        end = offset + math.prod(shape) * dtype.itemsize
        entries[tensor] = {"data_offsets": [offset, end], "dtype": name, "shape": list(shape)}
        offset = end
    text = encode_json(entries)
    size = -(-(_LENGTH_BYTES + len(text)) // CHUNK_BYTES) * CHUNK_BYTES
    return (size - _LENGTH_BYTES).to_bytes(_LENGTH_BYTES, "little") + text.ljust(
        size - _LENGTH_BYTES
    )


def encode_blob(header: BlobHeader, values: NDArray[Any]) -> bytes:
    """Return the canonical bytes of a blob.

    Parameters
    ----------
    header
        Identity and layout.
    values
        All integers of all tensors in the order of the layout, one dimension.

    Raises
    ------
    MalformedBlob
        The values do not fit the layout or the kind's integer type.
    """
    _, dtype = DTYPES[header.kind]
    if values.shape != (count_values(header.layout),):
        raise MalformedBlob(f"{values.shape} values do not fill the layout")
    if values.dtype.newbyteorder("<") != dtype:
        raise MalformedBlob(f"values of a {header.kind} are {dtype}, not {values.dtype}")
    return encode_header(header) + values.astype(dtype, copy=False).tobytes()


def decode_blob(data: bytes) -> tuple[BlobHeader, NDArray[Any]]:
    """Return header and integers of a blob; the integers are a read-only view of ``data``.

    Raises
    ------
    MalformedBlob
        Anything that is not byte for byte canonical.
    """
    if len(data) < CHUNK_BYTES:
        raise MalformedBlob(f"{len(data)} bytes are shorter than any blob")
    header_bytes = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    if header_bytes > min(MAX_HEADER_BYTES, len(data)):
        raise MalformedBlob(f"header of {header_bytes} bytes exceeds the blob or the cap")
    header = _parse_header(decode_json(data[_LENGTH_BYTES:header_bytes].rstrip(b" ")))
    if encode_header(header) != data[:header_bytes]:
        raise MalformedBlob("header is not in canonical form")
    _, dtype = DTYPES[header.kind]
    expected = header_bytes + count_values(header.layout) * dtype.itemsize
    if len(data) != expected:
        raise MalformedBlob(f"blob has {len(data)} bytes, its header describes {expected}")
    return header, np.frombuffer(data, dtype, offset=header_bytes)


def check_layout(layout: Layout) -> None:
    """Check that blobs of this layout exist.

    Raises
    ------
    MalformedBlob
        Names unsorted, repeated or not printable ASCII; shapes empty, negative or too large; a
        header that would pass its cap.
    """
    names = [name for name, _ in layout]
    if not 0 < len(names) <= MAX_TENSORS:
        raise MalformedBlob(f"a layout has 1 to {MAX_TENSORS} tensors, not {len(names)}")
    if names != sorted(set(names)):
        raise MalformedBlob("tensor names are not sorted and distinct")
    for name, shape in layout:
        if not (name.isascii() and name.isprintable() and 0 < len(name) <= 256):
            raise MalformedBlob(f"tensor name {name[:80]!r} is not printable ASCII")
        if name == "__metadata__":
            raise MalformedBlob("the tensor name __metadata__ is reserved")
        if len(shape) > MAX_DIMENSIONS or any(
            type(size) is not int or not 0 < size < 2**32 for size in shape
        ):
            raise MalformedBlob(f"tensor {name} has an impossible shape")
    if count_values(layout) * 4 > MAX_BLOB_BYTES:
        raise MalformedBlob(f"a layout holds at most {MAX_BLOB_BYTES // 4} values")
    digest, participant = "0" * 64, "0x" + "0" * 40
    for kind in DTYPES:
        longest = BlobHeader(kind, digest, 2**32 - 1, digest, participant, layout)
        if len(encode_header(longest)) > MAX_HEADER_BYTES:
            raise MalformedBlob(f"the header of this layout exceeds {MAX_HEADER_BYTES} bytes")


def _metadata(header: BlobHeader) -> dict[str, str]:
    metadata = {
        "base_model": header.base_model,
        "format": FORMAT,
        "kind": header.kind,
        "round": str(header.round),
        "task": header.task,
    }
    if header.kind == UPDATE:
        metadata["participant"] = header.participant
    return metadata


def _parse_header(entries: Any) -> BlobHeader:
    """Read a header's fields; that they are canonical is checked by encoding them again."""
    try:
        metadata = entries.pop("__metadata__")
        if metadata["format"] != FORMAT or metadata["kind"] not in DTYPES:
            raise MalformedBlob("format or kind of the blob is unknown")
        layout = tuple((name, tuple(entry["shape"])) for name, entry in sorted(entries.items()))
        header = BlobHeader(
            kind=metadata["kind"],
            task=metadata["task"],
            round=_parse_round(metadata["round"]),
            base_model=metadata["base_model"],
            participant=metadata["participant"] if metadata["kind"] == UPDATE else "",
            layout=layout,
        )
        parse_digest(header.task)
        parse_digest(header.base_model)
        if header.kind == UPDATE:
            parse_address(header.participant)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise MalformedBlob("header lacks a field or has one of the wrong kind") from None
    check_layout(layout)
    return header


def _parse_round(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) >= 2**32:
        raise ValueError(text)
    return int(text)
