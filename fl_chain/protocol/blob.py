"""Blobs: a strict canonical subset of safetensors.

Layout of a blob: 8 bytes little-endian header length, the header as canonical JSON padded with
spaces, then the tensors sorted by name, row-major, little-endian, without holes. Any safetensors
reader opens it; this decoder refuses everything that is not byte for byte what
:func:`encode_blob` would have written.

All blobs of one layout have headers of one size, a multiple of the digest's chunk: which chunk
holds a lane or a parameter follows from its position alone, without reading any JSON.

An update's metadata binds it to its place (task, round, participant, base model), so that a copied
or replayed one is invalid by inspection. A model's binds it to its task only: which round has
which model is on chain.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.address import parse_address
from fl_chain.protocol.canonical_json import encode_json
from fl_chain.protocol.constants import (
    CHUNK_BYTES,
    FORMAT,
    LANE_BITS,
    MAX_BLOB_BYTES,
    MAX_DIMENSIONS,
    MAX_HEADER_BYTES,
    MAX_TENSORS,
    MODEL_BITS,
    PACKED_LANE_BITS,
    SHORT_LANE_BITS,
)
from fl_chain.protocol.digest import parse_digest
from fl_chain.protocol.header import (
    LENGTH_BYTES,
    fit_header,
    frame_header,
    parse_decimal,
    unframe_header,
)
from fl_chain.protocol.measurement import LONGEST_MEASUREMENT, Measurement, parse_measurement

Layout = tuple[tuple[str, tuple[int, ...]], ...]
"""Tensor names with shapes, sorted by name."""

UPDATE: Final = "update"
MODEL: Final = "model"
MEASUREMENTS: Final = "measurements"
CLAIMED: Final = "claimed"
"""What the metadata of a model says of measurements if updates carry them; otherwise nothing."""

DTYPES: Final[dict[int, tuple[str, np.dtype[Any]]]] = {
    SHORT_LANE_BITS: ("I8", np.dtype("<i1")),
    PACKED_LANE_BITS: ("U8", np.dtype("<u1")),
    LANE_BITS: ("I16", np.dtype("<i2")),
    MODEL_BITS: ("I32", np.dtype("<i4")),
}
"""Bits of lanes, or of a model's integers, to what tensors hold, as safetensors and numpy name it:
the integers themselves, or the bytes into which they are packed."""
MASKED_DTYPES: Final[dict[int, tuple[str, np.dtype[Any]]]] = {
    16: ("U16", np.dtype("<u2")),
    32: ("U32", np.dtype("<u4")),
}
"""Bits of masked lanes, integers modulo 2^16 or 2^32, to what tensors hold."""
_UPDATE_FORMS = {
    **{DTYPES[bits][0]: (bits, False) for bits in (SHORT_LANE_BITS, PACKED_LANE_BITS, LANE_BITS)},
    **{name: (bits, True) for bits, (name, _) in MASKED_DTYPES.items()},
}
"""What tensors of an update hold to the bits of its lanes, and whether they are masked."""


@dataclass(frozen=True, slots=True)
class BlobHeader:
    """What a blob says it is and where it belongs."""

    kind: str
    """``update`` or ``model``."""
    task: str
    """Task id: digest of the manifest, 64 hexadecimal digits."""
    layout: Layout
    """Tensors of the blob."""
    round: int = 0
    """Round that an update was made for, 0 to 2^32 - 1; 0 for a model, which names none."""
    base_model: str = ""
    """Digest of the model that an update starts from, 64 hexadecimal digits; empty for a model."""
    participant: str = ""
    """Address of an update's sender, 0x and 40 lower-case digits; empty for a model."""
    is_measured: bool = False
    """Whether the updates of the task carry measurements; models say so, as it fixes the size."""
    measurement: Measurement | None = None
    """What the sender says of its work, exactly in an update of a task with measurements."""
    lane_bits: int = LANE_BITS
    """Bits of a lane of an update, 8, 12 or 16, or 16 or 32 if it is masked; of no meaning in a
    model."""
    is_masked: bool = False
    """Whether the lanes of an update are masked, integers modulo a power of 2."""

    @property
    def bits(self) -> int:
        """Bits of a lane or of a model's integer."""
        return self.lane_bits if self.kind == UPDATE else MODEL_BITS

    @property
    def dtype(self) -> tuple[str, np.dtype[Any]]:
        """What tensors hold, as safetensors and numpy name it."""
        return (MASKED_DTYPES if self.is_masked else DTYPES)[self.bits]


def count_values(layout: Layout) -> int:
    """Return the number of entries that all tensors of a layout have."""
    return sum(math.prod(shape) for _, shape in layout)


@functools.lru_cache(maxsize=16)  # a task has one layout, and asks for it with every blob
def compute_header_bytes(layout: Layout, is_measured: bool = False, is_masked: bool = False) -> int:
    """Return the size of the header of every update and every model of a task.

    It is that of the longest header that any of them needs, whatever its round: the size in bytes,
    length prefix and padding included, a multiple of 1,024. Value i of a blob therefore begins at
    byte ``header_bytes + width * i``, with a width of 4 in models, and in updates of 2, or 1 if
    lanes are short or packed. Masked updates have a size of their own, for lanes of 32 bits,
    whichever theirs are.

    Parameters
    ----------
    layout
        Tensors of the task.
    is_measured
        Whether its updates carry measurements, for which there must be room.
    is_masked
        Whether it is about a masked update.

    Examples
    --------
    >>> compute_header_bytes((("bias", (2,)), ("weight", (2, 3))))
    1024
    """
    digest = "0" * 64
    longest = (
        BlobHeader(
            *(UPDATE, digest, layout, 2**32 - 1, digest, "0x" + "0" * 40),
            is_measured,
            LONGEST_MEASUREMENT if is_measured else None,
            MODEL_BITS if is_masked else LANE_BITS,
            is_masked,
        ),
        BlobHeader(MODEL, digest, layout, is_measured=is_measured),
    )
    return fit_header(max(len(_encode_entries(header)) for header in longest))


def encode_header(header: BlobHeader) -> bytes:
    """Return the bytes before a blob's data, as many as its layout's blobs all have.

    Raises
    ------
    MalformedBlob
        A model that names a round, a base model or a participant, or has a measurement; an update
        without one in a task with measurements, or with one in another, or an impossible one.
    """
    size = compute_header_bytes(header.layout, header.is_measured, header.is_masked)
    return frame_header(_encode_entries(header), size)


def encode_blob(header: BlobHeader, values: NDArray[Any]) -> bytes:
    """Return the canonical bytes of a blob.

    Parameters
    ----------
    header
        Identity and layout.
    values
        All entries of all tensors in the order of the layout, one dimension.

    Raises
    ------
    MalformedBlob
        The values do not fit the layout or the kind's integer type.
    """
    _, dtype = header.dtype
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
    header_bytes = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "little")
    if header_bytes > min(MAX_HEADER_BYTES, len(data)):
        raise MalformedBlob(f"header of {header_bytes} bytes exceeds the blob or the cap")
    header = _parse_header(unframe_header(data[:header_bytes]))
    if encode_header(header) != data[:header_bytes]:
        raise MalformedBlob("header is not in canonical form, or not of its layout's size")
    _, dtype = header.dtype
    expected = header_bytes + count_values(header.layout) * dtype.itemsize
    if len(data) != expected:
        raise MalformedBlob(f"blob has {len(data)} bytes, its header describes {expected}")
    return header, np.frombuffer(data, dtype, offset=header_bytes)


def check_layout(layout: Layout, is_measured: bool = False) -> None:
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
    if compute_header_bytes(layout, is_measured) > MAX_HEADER_BYTES:
        raise MalformedBlob(f"the header of this layout exceeds {MAX_HEADER_BYTES} bytes")


def _encode_entries(header: BlobHeader) -> bytes:
    name, dtype = header.dtype
    entries: dict[str, Any] = {"__metadata__": _metadata(header)}
    offset = 0
    for tensor, shape in header.layout:
        end = offset + math.prod(shape) * dtype.itemsize
        entries[tensor] = {"data_offsets": [offset, end], "dtype": name, "shape": list(shape)}
        offset = end
    return encode_json(entries)


def _metadata(header: BlobHeader) -> dict[str, str]:
    metadata = {"format": FORMAT, "kind": header.kind, "task": header.task}
    if header.kind == UPDATE:
        if header.is_measured != (header.measurement is not None):
            raise MalformedBlob("an update has a measurement exactly in a task with measurements")
        return metadata | {
            "base_model": header.base_model,
            "participant": header.participant,
            "round": str(header.round),
            **(header.measurement.to_metadata() if header.measurement else {}),
        }
    if header.round or header.base_model or header.participant or header.measurement:
        raise MalformedBlob("a model names no round, base model, participant or measurement")
    if header.is_masked:
        raise MalformedBlob("a model is not masked")
    return metadata | ({MEASUREMENTS: CLAIMED} if header.is_measured else {})


def _parse_header(entries: Any) -> BlobHeader:
    """Read a header's fields; that they are canonical is checked by encoding them again."""
    try:
        metadata = entries.pop("__metadata__")
        if metadata["format"] != FORMAT or metadata["kind"] not in (UPDATE, MODEL):
            raise MalformedBlob("format or kind of the blob is unknown")
        layout = tuple((name, tuple(entry["shape"])) for name, entry in sorted(entries.items()))
        header = BlobHeader(metadata["kind"], metadata["task"], layout)
        parse_digest(header.task)
        if header.kind == UPDATE:
            names = {entry["dtype"] for entry in entries.values()}
            lane_bits, is_masked = _UPDATE_FORMS[names.pop()]
            header = replace(
                header,
                lane_bits=lane_bits,
                is_masked=is_masked,
                round=parse_decimal(metadata["round"], 2**32),
                base_model=metadata["base_model"],
                participant=metadata["participant"],
            )
            parse_digest(header.base_model)
            parse_address(header.participant)
            measurement = parse_measurement(metadata)
            header = replace(header, is_measured=measurement is not None, measurement=measurement)
        else:
            header = replace(header, is_measured=MEASUREMENTS in metadata)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise MalformedBlob("header lacks a field or has one of the wrong kind") from None
    check_layout(layout, header.is_measured)
    return header
