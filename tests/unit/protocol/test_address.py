"""Addresses have one form."""

from __future__ import annotations

import pytest

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.address import parse_address


def test_an_address_is_0x_and_40_lower_case_digits() -> None:
    assert parse_address("0x" + "0a" * 20) == "0x" + "0a" * 20


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        "0a" * 20,
        "0x" + "0a" * 19,
        "0x" + "0a" * 21,
        "0X" + "0a" * 20,
        "0x" + "0A" * 20,
        "0x" + "0g" * 20,
        " 0x" + "0a" * 20,
        "0x" + "0a" * 20 + "\n",
        "0x" + "٣" * 40,
    ],
)
def test_any_other_text_is_no_address(text: str) -> None:
    with pytest.raises(MalformedBlob, match="40 lower-case digits"):
        parse_address(text)
