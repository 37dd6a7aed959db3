"""Between people, who name accounts by their keys, and everything else, which needs addresses."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from fl_chain.chain import keys
from fl_chain.errors import KeyFileError, MalformedBlob, UsageError
from fl_chain.protocol.address import parse_address


def read_address(text: str) -> str:
    """Return an address in its one form, whatever the case of its digits.

    Raises
    ------
    UsageError
        The text is no address.
    """
    try:
        return parse_address(text.lower())
    except MalformedBlob:
        raise UsageError(f"{text[:80]!r} is no address", "an address is 0x and 40 digits") from None


def resolve_address(text: str, key_directory: Path) -> str:
    """Return the address that ``text`` is, or that of the key that it names.

    No password is needed: a key file says its address in the open. What can be read as an address
    is one, so that no file in the directory can take its place.

    Raises
    ------
    UsageError
        Neither an address nor the name of a key in the directory.
    KeyFileError
        The key's file is damaged, or does not say its address.
    """
    try:
        return read_address(text)
    except UsageError:
        pass
    names = sorted(path.stem for path in key_directory.glob("*.json"))
    if text not in names:
        raise UsageError(
            f"{text[:80]!r} is neither an address nor the name of a key in {key_directory}",
            _hint(text, names),
        )
    path = key_directory / f"{text}.json"
    address = str(keys.read_keystore(path).get("address", "")).removeprefix("0x")
    try:
        return read_address(f"0x{address}")
    except UsageError:
        raise KeyFileError(f"{path} does not say its address", "write the address itself") from None


def _hint(text: str, names: list[str]) -> str:
    if text.lower().startswith("0x"):
        return "an address is 0x and 40 digits"
    close = get_close_matches(text, names, n=1)
    if close:
        return f"did you mean {close[0]}? fl-chain key list shows every key"
    return "fl-chain key list shows what there is; fl-chain key new makes one"
