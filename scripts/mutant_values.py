"""Mutants of values: literals, constants and the names of enumerations."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from scripts.mutant_trees import (
    INTEGER,
    Node,
    Place,
    constant_value_of,
    declarations,
    integer_type_of,
    span_of,
    type_of,
)
from scripts.mutant_walk import Walker


class Values(Walker):
    """Mutants of values.

    A constant is changed wherever it is used, by one mutant, since its declaration has to be one.
    """

    def __init__(
        self, sources: dict[str, str], trees: dict[str, Any], left_out: Collection[int]
    ) -> None:
        super().__init__(sources, trees, left_out)
        self.constants: dict[int, tuple[int, Node]] = {}
        self.enums: dict[int, list[str]] = {}
        for name in sorted(sources):
            for place, node in declarations(trees[name]):
                if node["nodeType"] == "EnumDefinition":
                    names = [member["name"] for member in node["members"]]
                    self.enums.update({member["id"]: names for member in node["members"]})
                elif node.get("constant") and _is_flippable(node):
                    start, end = span_of(node)
                    where = replace(place, unit=(start, end))
                    self.source = self.sources[name]
                    number = self.add(where, end, end, "", " ^ 1")
                    self.constants[node["id"]] = (number, node)

    def _visit_VariableDeclarationStatement(self, node: Node, place: Place) -> None:  # noqa: N802
        # The compiler takes a choice between literals for no signed integer.
        declared = node["declarations"]
        wrap = integer_type_of(declared[0]) if len(declared) == 1 else ""
        self._visit(node.get("initialValue"), replace(place, wrap=wrap))

    def _visit_Literal(self, node: Node, place: Place) -> None:  # noqa: N802
        if node["kind"] == "bool":
            other = "false" if node["value"] == "true" else "true"
            self._choose(node, place, other)
        elif node["kind"] == "number":
            self._number(node, place)

    def _number(self, node: Node, place: Place) -> None:
        value = constant_value_of(node)
        if value is None or value < 0:
            return
        other = 0 if value == 1 else value + 1
        if place.wrap.startswith("bytes"):
            kind, size = place.wrap, 8 * int(place.wrap[5:])
            self._choose(node, place, f"{kind}(uint{size}({other}))", shown=str(other), kind=kind)
        else:
            kind = place.wrap if INTEGER.fullmatch(place.wrap) else ""
            self._choose(node, place, str(other), kind=kind)

    def _choose(
        self, node: Node, place: Place, other: str, shown: str = "", kind: str = ""
    ) -> None:
        start, end = span_of(node)
        text = self.text_of(start, end)
        number = self.add(place, start, end, text, shown or other)
        if kind.startswith("bytes"):
            choice = f"(Mutants.on({number}) ? {other} : {kind}({text}))"
        elif kind:
            choice = f"(Mutants.on({number}) ? {kind}({other}) : {kind}({text}))"
        else:
            choice = f"(Mutants.on({number}) ? {other} : {text})"
        self.cut(number, start, end, choice)

    def _visit_FunctionCall(self, node: Node, place: Place) -> None:  # noqa: N802
        text = self.text_of(*span_of(node))
        if node["kind"] == "typeConversion" and constant_value_of(node["arguments"][0]) is not None:
            if text == "address(0)":
                self._choose(node, place, "address(1)")
            elif INTEGER.fullmatch(type_of(node)):
                self._visit(node["arguments"], replace(place, wrap=type_of(node)))
            return
        self._visit([node["expression"], node["arguments"]], replace(place, wrap=""))

    def _visit_IndexAccess(self, node: Node, place: Place) -> None:  # noqa: N802
        self._descend(node, replace(place, wrap=""))

    def _visit_MemberAccess(self, node: Node, place: Place) -> None:  # noqa: N802
        declaration = node.get("referencedDeclaration")
        if declaration in self.enums:
            names = self.enums[declaration]
            text = self.text_of(*span_of(node))
            other = names[(names.index(node["memberName"]) + 1) % len(names)]
            self._choose(node, place, text[: -len(node["memberName"])] + other, shown=other)
        elif declaration in self.constants:
            self._constant(node, declaration)
        else:
            self._descend(node, replace(place, wrap=""))

    def _visit_Identifier(self, node: Node, place: Place) -> None:  # noqa: N802
        del place
        if node["referencedDeclaration"] in self.constants:
            self._constant(node, node["referencedDeclaration"])

    def _constant(self, node: Node, declaration: int) -> None:
        number, declared = self.constants[declaration]
        start, end = span_of(node)
        text = self.text_of(start, end)
        kind = type_of(declared)
        flipped = f"bytes32(uint256({text}) ^ 1)" if kind == "bytes32" else f"{text} ^ 1"
        self.cut(number, start, end, f"(Mutants.on({number}) ? {flipped} : {text})")


def _is_flippable(node: Node) -> bool:
    return type_of(node) == "bytes32" or INTEGER.fullmatch(type_of(node)) is not None
