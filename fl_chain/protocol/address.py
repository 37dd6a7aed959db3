"""Addresses: 0x and 40 lower-case hexadecimal digits, everywhere but at the chain's door."""

from __future__ import annotations

from fl_chain.errors import MalformedBlob


def parse_address(text: str) -> str:
    """Return ``text`` if it is an address in its one form.

    Raises
    ------
    MalformedBlob
        Any other text, mixed case included.

    Examples
    --------
    >>> parse_address("0x" + "ab" * 20) == "0x" + "ab" * 20
    True
    """
    digits = text[2:]
    if text[:2] != "0x" or len(digits) != 40 or not set(digits) <= set("0123456789abcdef"):
        raise MalformedBlob(f"an address is 0x and 40 lower-case digits, not {text[:80]!r}")
    return text
