"""The header of blobs and reports: whole chunks, one text, nothing behind it but spaces."""

from __future__ import annotations

from typing import Any

import pytest

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.header import fit_header, frame_header, parse_decimal, unframe_header


@pytest.mark.parametrize(
    ("json_bytes", "header_bytes"), [(0, 1024), (1016, 1024), (1017, 2048), (2040, 2048)]
)
def test_a_header_has_as_few_chunks_as_hold_length_and_text(
    json_bytes: int, header_bytes: int
) -> None:
    assert fit_header(json_bytes) == header_bytes


@pytest.mark.parametrize("header_bytes", [1024, 2048])
def test_a_header_has_the_size_that_it_is_given(header_bytes: int) -> None:
    header = frame_header(b'{"a":1}', header_bytes)
    assert len(header) == header_bytes
    assert int.from_bytes(header[:8], "little") == header_bytes - 8
    assert unframe_header(header) == {"a": 1}


@pytest.mark.parametrize("text", [b"", b' {"a":1}', b'{"a":1}\0', b'{"a": 1}', b'{"a":1}\n'])
def test_what_is_not_canonical_json_before_spaces_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedBlob):
        unframe_header(frame_header(text, 1024))


def test_numbers_are_read_up_to_their_limit() -> None:
    assert parse_decimal("0", 2**32) == 0
    assert parse_decimal("4294967295", 2**32) == 2**32 - 1


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", " 1", "1_0", "1.0", "٣", "4294967296", "9" * 10**6]
)
def test_other_texts_are_no_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_decimal(text, 2**32)


@pytest.mark.parametrize("value", [3, None, ["3"], {"3": 3}, True])
def test_what_is_no_text_is_no_number(value: Any) -> None:
    with pytest.raises(AttributeError):
        parse_decimal(value, 2**32)
