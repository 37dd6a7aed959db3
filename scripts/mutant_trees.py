"""The compiler's syntax trees: where a node is, of what type, and of what value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

Node = dict[str, Any]

INTEGER = re.compile(r"u?int\d+")


@dataclass
class Place:
    """Where in the tree a node is."""

    contract: str = ""
    function: str = ""
    unit: tuple[int, int] = (0, 0)
    is_unchecked: bool = False
    is_in_loop_header: bool = False
    wrap: str = ""
    """Type that a choice between literals has to be converted to, where it is not by itself."""


def span_of(node: Node) -> tuple[int, int]:
    """Return start and end of a node, in bytes."""
    start, length, _ = node["src"].split(":")
    return int(start), int(start) + int(length)


def declarations(node: Any, place: Place | None = None) -> Iterator[tuple[Place, Node]]:
    """Yield the enumerations and variables below a node, each with its contract."""
    place = place or Place()
    if isinstance(node, list):
        for entry in node:
            yield from declarations(entry, place)
    elif isinstance(node, dict):
        if node.get("nodeType") == "ContractDefinition":
            place = replace(place, contract=node["name"])
        if node.get("nodeType") in ("EnumDefinition", "VariableDeclaration"):
            yield place, node
        for entry in node.values():
            yield from declarations(entry, place)


def type_of(node: Node) -> str:
    """Return the type of an expression or a declaration."""
    return str(node["typeDescriptions"]["typeString"])


def integer_type_of(node: Node) -> str:
    """Return the type of an integer, and nothing for what is none."""
    return type_of(node) if INTEGER.fullmatch(type_of(node)) else ""


def constant_value_of(node: Node) -> int | None:
    """Return the value of what the compiler computes: a literal, or an expression of literals."""
    kind = node.get("typeDescriptions", {}).get("typeString") or ""
    match = re.fullmatch(r"int_const (-?\d+)", kind)
    return int(match[1]) if match else None
