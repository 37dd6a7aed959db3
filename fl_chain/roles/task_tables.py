"""Values out of the tables of a task.toml, or an error that names the field as people wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, TypeVar

from fl_chain.errors import UsageError

T = TypeVar("T", int, str, bool)

_NOT_WRITTEN = ("environment",)
_SPOKEN: dict[type, str] = {int: "a whole number", str: "text", bool: "true or false"}


def read_table(contents: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a table; an empty one if it is not there."""
    table = contents.get(name, {})
    if not isinstance(table, dict):
        raise UsageError(f"{name} is a table: write [{name}]")
    return table


def build(name: str, kind: Callable[..., Any], values: dict[str, Any]) -> Any:
    """Return the dataclass that the values of a table are the fields of."""
    known = [entry.name for entry in fields(kind) if entry.name not in _NOT_WRITTEN]  # type: ignore[arg-type]
    check_names(f"{name}.", values, known)
    types = {entry.name: entry.type for entry in fields(kind)}  # type: ignore[arg-type]
    checked: dict[str, Any] = {}
    for key, value in values.items():
        if types[key] == "tuple[str, ...]":
            checked[key] = value  # made from what people wrote before
            continue
        if types[key] == "str" and isinstance(value, Decimal | int) and type(value) is not bool:
            value = str(value)  # numbers with fractions travel as text
        expected = int if types[key] == "int" else str
        if type(value) is not expected:
            raise UsageError(f"{name}.{key} is {show(value)}, expected {_SPOKEN[expected]}")
        checked[key] = value
    try:
        return kind(**checked)
    except TypeError as error:
        missing = str(error).partition("argument")[2].lstrip("s: ")
        hint = "or name a project, which has both" if name == "recipe" else ""
        raise UsageError(f"[{name}] lacks {missing}", hint) from None


def check_names(prefix: str, values: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a field that does not exist."""
    names = list(known)
    for key in values:
        if key not in names:
            close = get_close_matches(key, names, n=1)
            guess = f"did you mean {prefix}{close[0]}?" if close else f"known: {', '.join(names)}"
            raise UsageError(f"unknown field {prefix}{key}", guess)


def take(contents: dict[str, Any], name: str, default: T) -> T:
    """Return a value of the type of its default."""
    value = contents.get(name, default)
    if type(value) is not type(default):
        raise UsageError(f"{name} is {show(value)}, expected {_SPOKEN[type(default)]}")
    return value


def take_list(
    key: str, values: dict[str, Any], what: str = "names of keys, or addresses"
) -> list[str]:
    """Return a list of text; ``key`` ends with its name in the table."""
    value = values.get(key.rpartition(".")[2], [])
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise UsageError(f"{key} is a list of {what}, as text")
    return value


def pop_number(table: dict[str, Any], key: str) -> Decimal | None:
    """Take a number out of a table, by the last part of its key; None if it is not there."""
    name = key.rpartition(".")[2]
    if name not in table:
        return None
    value = table.pop(name)
    if not is_number(value):
        raise UsageError(f"{key} is {show(value)}, expected a number")
    return Decimal(value)


def is_number(value: Any) -> bool:
    """Return whether a value of task.toml, where decimals are exact, is finite."""
    if isinstance(value, Decimal):
        return value.is_finite()
    return type(value) is int


def show(value: object) -> str:
    """Return a value as it stands in the file, or nearly so."""
    return str(value) if isinstance(value, Decimal) else repr(value)


def resolve_all(key: str, listed: list[str], resolve: Callable[[str], str]) -> tuple[str, ...]:
    """Return the addresses of what may stand for accounts, none of them twice."""
    addresses: list[str] = []
    for account in listed:
        address = resolve_one(key, account, resolve)
        if address in addresses:
            raise UsageError(f"{key}: {account} is listed twice")
        addresses.append(address)
    return tuple(addresses)


def resolve_one(key: str, text: str, resolve: Callable[[str], str]) -> str:
    """Return the address of what may stand for an account."""
    try:
        return resolve(text)
    except UsageError as error:
        raise UsageError(f"{key}: {error.message}", error.hint) from None
