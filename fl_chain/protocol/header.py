"""The header that blobs and reports begin with: a length, canonical JSON, and spaces up to a size.

It is that of the safetensors format, and its size is a multiple of the digest's chunk, so that no
chunk holds both JSON and data. Which size, the caller knows; nobody has to ask the header.

Source: safetensors format, https://huggingface.co/docs/safetensors.
"""

from __future__ import annotations

from typing import Any, Final

from fl_chain.protocol.canonical_json import decode_json
from fl_chain.protocol.constants import CHUNK_BYTES

LENGTH_BYTES: Final = 8
"""Bytes of the length before the JSON, little-endian; it counts JSON and spaces."""


def fit_header(json_bytes: int) -> int:
    """Return the smallest size of a header that holds so many bytes of JSON."""
    return -(-(LENGTH_BYTES + json_bytes) // CHUNK_BYTES) * CHUNK_BYTES


def frame_header(text: bytes, header_bytes: int) -> bytes:
    """Return length, JSON and spaces: ``header_bytes`` bytes, into which the JSON must fit."""
    size = header_bytes - LENGTH_BYTES
    return size.to_bytes(LENGTH_BYTES, "little") + text.ljust(size)


def unframe_header(header: bytes) -> Any:
    """Return the JSON value of a whole header; its length is the caller's to compare.

    Raises
    ------
    MalformedBlob
        Not canonical JSON followed by spaces.
    """
    return decode_json(header[LENGTH_BYTES:].rstrip(b" "))


def parse_decimal(text: str, limit: int) -> int:
    """Return an integer below ``limit`` that metadata, which is all text, spells in digits.

    Zeros before it are let through: whoever encodes the value again refuses them.

    Raises
    ------
    ValueError
        Another text.
    AttributeError
        No text at all: what JSON holds has any type.
    """
    if not text.isascii() or not text.isdigit() or len(text) > len(str(limit)):
        raise ValueError(text)
    if int(text) >= limit:
        raise ValueError(text)
    return int(text)
