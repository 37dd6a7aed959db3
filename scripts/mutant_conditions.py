"""Mutants of what is true or false: comparisons, ``&&`` and ``||``, conditions of branches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from scripts.mutant_trees import INTEGER, Node, Place, constant_value_of, integer_type_of, span_of
from scripts.mutant_walk import Walker

ORDERED = {
    "<": ("lt", ["<=", ">="]),
    "<=": ("le", ["<", ">"]),
    ">": ("gt", [">=", "<="]),
    ">=": ("ge", [">", "<"]),
    "==": ("eq", ["!=", "<=", ">="]),
    "!=": ("ne", ["==", "<", ">"]),
}
"""Comparisons, each with its mutants; the negation is always among them."""


class Conditions(Walker):
    """Mutants of conditions."""

    def __init__(
        self, sources: dict[str, str], trees: dict[str, Any], left_out: Collection[int]
    ) -> None:
        super().__init__(sources, trees, left_out)
        self.first_of: dict[int, int] = {}
        """Of mutants that are one call, the number that stands in it."""

    def _visit_IfStatement(self, node: Node, place: Place) -> None:  # noqa: N802
        condition = node["condition"]
        unit = (span_of(node)[0], span_of(condition)[1] + 1)
        self._condition(condition, replace(place, unit=unit))
        self._visit([node["trueBody"], node.get("falseBody")], place)

    def _visit_WhileStatement(self, node: Node, place: Place) -> None:  # noqa: N802
        unit = (span_of(node)[0], span_of(node["condition"])[1] + 1)
        self._condition(node["condition"], replace(place, unit=unit))
        self._visit(node["body"], place)

    def _visit_ForStatement(self, node: Node, place: Place) -> None:  # noqa: N802
        unit = (span_of(node)[0], span_of(node["body"])[0])
        header = replace(place, unit=unit, is_in_loop_header=True)
        start = node.get("initializationExpression")
        self._visit(start.get("initialValue") if start else None, header)
        self._condition(node["condition"], header)
        self._visit(node["body"], place)

    def _visit_Conditional(self, node: Node, place: Place) -> None:  # noqa: N802
        self._condition(node["condition"], replace(place, wrap=""))
        # Literals in both branches may have to agree on a type.
        inner = replace(place, wrap=integer_type_of(node))
        self._visit([node["trueExpression"], node["falseExpression"]], inner)

    def _condition(self, node: Node, place: Place) -> None:
        inner = node
        while inner["nodeType"] == "TupleExpression" and len(inner["components"]) == 1:
            inner = inner["components"][0]
        if not (inner["nodeType"] == "BinaryOperation" and inner["operator"] in ORDERED):
            start, end = span_of(node)
            text = self.text_of(start, end)
            mutated = text[1:] if inner["nodeType"] == "UnaryOperation" else f"!({text})"
            number = self.add(place, start, end, text, mutated)
            self.wrap(number, start, end, f"(Mutants.on({number}) != (", "))", level=-20)
        if inner["nodeType"] == "UnaryOperation":
            self._descend(inner, place)
        else:
            self._visit(node, place)

    def _comparison(self, node: Node, place: Place) -> None:
        operator = node["operator"]
        left, right = node["leftExpression"], node["rightExpression"]
        name, others = ORDERED[operator]
        common = node["commonType"]["typeString"]
        middle = (span_of(left)[1], span_of(right)[0])
        is_with_zero = common.startswith("uint") and constant_value_of(right) == 0
        if not INTEGER.fullmatch(common) or (operator in ("==", "!=") and is_with_zero):
            number = self.add(place, *middle, operator, others[0])
            self.wrap(number, *span_of(node), "((", f") != Mutants.on({number}))")
            return
        numbers = [self.add(place, *middle, operator, other) for other in others]
        self.first_of.update(dict.fromkeys(numbers, numbers[0]))
        wide = "int256" if common.startswith("int") else "uint256"
        cases = "".join(
            f"if (block.basefee == k + {index}) return a {other} b;\n"
            for index, other in enumerate(others)
        )
        helper = f"{name}_{wide}"
        self.helpers[helper] = (
            f"function {helper}(uint256 k, {wide} a, {wide} b) internal view returns (bool) {{\n"
            f"{cases}return a {operator} b;\n}}\n"
        )
        self._call(node, helper, numbers[0])

    def _boolean(self, node: Node, place: Place) -> None:
        operator = node["operator"]
        left, right = node["leftExpression"], node["rightExpression"]
        other = "||" if operator == "&&" else "&&"
        number = self.add(place, span_of(left)[1], span_of(right)[0], operator, other)
        # By De Morgan, so that each operand stands here once, and is evaluated when it would be.
        start, end = span_of(node)
        before, after = "((", f") != Mutants.on({number}))"
        self.wrap(number, start, end, "(", f" != Mutants.on({number}))", level=-2)
        self.wrap(number, start, end, "(", ")", level=-1)
        self.wrap(number, *span_of(left), before, after, level=-12)
        self.wrap(number, *span_of(right), before, after, level=-12)
        for operand in (left, right):
            if operand["nodeType"] == "BinaryOperation" and operand["operator"] == operator:
                continue
            start, end = span_of(operand)
            text = self.text_of(start, end)
            drop = self.add(place, start, end, text, "true" if operator == "&&" else "false")
            if operator == "&&":
                self.wrap(drop, start, end, f"(Mutants.on({drop}) || (", "))", level=-11)
            else:
                self.wrap(drop, start, end, f"(!Mutants.on({drop}) && (", "))", level=-11)

    def _call(self, node: Node, helper: str, number: int) -> None:
        left, right = node["leftExpression"], node["rightExpression"]
        self.wrap(number, *span_of(node), f"Mutants.{helper}({number}, ", ")")
        self.cut(number, span_of(left)[1], span_of(right)[0], ", ")
