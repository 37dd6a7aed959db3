"""Small files that one person hands to another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fl_chain.errors import LocalStateError, UsageError
from fl_chain.whole_file import write_whole

MAX_BYTES = 4096


def read_facts(path: Path, refusal: UsageError) -> Any:
    """Return the JSON value in a file of at most 4,096 bytes.

    Raises
    ------
    UsageError
        The file cannot be read; or ``refusal``, if it is larger or no JSON.
    """
    data = read_start(path, MAX_BYTES)
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(path)
        return json.loads(data)
    except (ValueError, RecursionError):
        raise refusal from None


def write_facts(path: Path, facts: dict[str, Any]) -> None:
    """Write a JSON object, as :func:`~fl_chain.whole_file.write_whole` does."""
    write_whole(path, f"{json.dumps(facts, indent=1)}\n".encode("ascii"))


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet.

    Raises
    ------
    UsageError
        It is there: what somebody signed or paid for is not overwritten.
    LocalStateError
        It cannot be written.
    """
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise UsageError(f"{path} is there already", "name another file") from None
    except OSError as error:
        raise LocalStateError(f"cannot write {path}: {error.strerror}") from None


def read_start(path: Path, max_bytes: int) -> bytes:
    """Return a file, and of one that is larger than allowed one byte more than that.

    Raises
    ------
    UsageError
        The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


def parse_word(text: str) -> bytes:
    """Return the 32 bytes that 64 hexadecimal digits stand for.

    Raises
    ------
    ValueError, TypeError
        Anything else.
    """
    data = bytes.fromhex(text)
    if len(data) != 32 or len(text) != 64:
        raise ValueError(text)
    return data
