"""Mutants of assembly."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from scripts.mutant_trees import Node, Place, declarations, span_of
from scripts.mutant_walk import Walker


class Assembly(Walker):
    """Mutants of assembly."""

    def __init__(
        self, sources: dict[str, str], trees: dict[str, Any], left_out: Collection[int]
    ) -> None:
        super().__init__(sources, trees, left_out)
        self.in_calldata = {
            node["id"]
            for name in sources
            for _, node in declarations(trees[name])
            if node.get("storageLocation") == "calldata"
        }
        self.pointers: set[str] = set()
        """Places where assembly names a pointer into calldata."""

    def _visit_YulExpressionStatement(self, node: Node, place: Place) -> None:  # noqa: N802
        self._leave_out(place)
        self._descend(node, place)

    def _visit_YulAssignment(self, node: Node, place: Place) -> None:  # noqa: N802
        # The compiler wants a pointer into calldata assigned.
        if not any(name["src"] in self.pointers for name in node["variableNames"]):
            self._leave_out(place)
        self._descend(node, place)

    def _visit_InlineAssembly(self, node: Node, place: Place) -> None:  # noqa: N802
        for reference in node["externalReferences"]:
            if reference["declaration"] in self.in_calldata:
                self.pointers.add(reference["src"])
        self._visit(node["AST"], place)

    def _visit_YulLiteral(self, node: Node, place: Place) -> None:  # noqa: N802
        if node["kind"] != "number":
            return
        value = int(node["value"], 0)
        start, end = span_of(node)
        text = self.text_of(start, end)
        other = 0 if value == 1 else value + 1
        number = self.add(place, start, end, text, str(other))
        change = "sub" if value == 1 else "add"
        self.cut(number, start, end, f"{change}({text}, eq(basefee(), {number}))")

    def _visit_YulSwitch(self, node: Node, place: Place) -> None:  # noqa: N802
        self._visit(node["expression"], replace(place, unit=span_of(node["expression"])))
        for case in node["cases"]:
            self._visit(case["body"], place)

    def _visit_YulIf(self, node: Node, place: Place) -> None:  # noqa: N802
        start, end = span_of(node["condition"])
        place_of_condition = replace(place, unit=(span_of(node)[0], end))
        text = self.text_of(start, end)
        number = self.add(place_of_condition, start, end, text, f"iszero({text})")
        self.wrap(number, start, end, "xor(iszero(iszero(", f")), eq(basefee(), {number}))")
        self._visit(node["condition"], place_of_condition)
        self._visit(node["body"], place)

    def _leave_out(self, place: Place) -> None:
        start, end = place.unit
        number = self.add(place, start, end, self.text_of(start, end), None)
        self.wrap(number, start, end, f"if iszero(eq(basefee(), {number})) {{ ", " }", level=-3)
