"""Mutants of arithmetic, and of the operators that assign or negate."""

from __future__ import annotations

from dataclasses import replace

from scripts.mutant_conditions import ORDERED, Conditions
from scripts.mutant_trees import Node, Place, constant_value_of, span_of, type_of
from scripts.mutant_values import Values

ARITHMETIC = {
    "+": ("add", "-"),
    "-": ("sub", "+"),
    "*": ("mul", "/"),
    "/": ("div", "*"),
    "%": ("mod", "*"),
    "&": ("and", "|"),
    "|": ("or", "&"),
    "^": ("xor", "|"),
    "<<": ("shl", ">>"),
    ">>": ("shr", "<<"),
}


class Operators(Conditions, Values):
    """Mutants of operators."""

    def _visit_BinaryOperation(self, node: Node, place: Place) -> None:  # noqa: N802
        operator = node["operator"]
        left, right = node["leftExpression"], node["rightExpression"]
        if constant_value_of(node) is not None or type_of(node).startswith("int_const"):
            self._number(node, place)
            return
        inner = replace(place, wrap=node["commonType"]["typeString"])
        if operator in ("&&", "||"):
            self._boolean(node, place)
        elif operator in ORDERED:
            self._comparison(node, place)
        elif operator in ARITHMETIC:
            name, other = ARITHMETIC[operator]
            number = self.add(place, span_of(left)[1], span_of(right)[0], operator, other)
            helper = self._arithmetic_helper(
                name, operator, other, type_of(node), place.is_unchecked
            )
            self._call(node, helper, number)
        if operator in ("**", "<<", ">>"):
            self._visit(left, replace(place, wrap=type_of(node)))
            self._visit(right, replace(place, wrap=""))
        else:
            self._visit([left, right], inner)

    def _arithmetic_helper(
        self, name: str, operator: str, other: str, kind: str, is_unchecked: bool
    ) -> str:
        second = "uint256" if operator in ("<<", ">>") else kind
        helper = f"{name}_{kind}" + ("_unchecked" if is_unchecked else "")
        body = f"return block.basefee == k ? a {other} b : a {operator} b;"
        if is_unchecked:
            body = f"unchecked {{ {body} }}"
        self.helpers[helper] = (
            f"function {helper}(uint256 k, {kind} a, {second} b) internal view returns ({kind}) "
            f"{{ {body} }}\n"
        )
        return helper

    def _visit_Assignment(self, node: Node, place: Place) -> None:  # noqa: N802
        operator = node["operator"][:-1]
        left, right = node["leftHandSide"], node["rightHandSide"]
        if operator:
            name, other = ARITHMETIC[operator]
            start, middle = span_of(left)
            number = self.add(place, middle, span_of(right)[0], f"{operator}=", f"{other}=")
            helper = self._arithmetic_helper(
                name, operator, other, type_of(left), place.is_unchecked
            )
            call = f" = Mutants.{helper}({number}, {self.text_of(start, middle)}, "
            self.cut(number, middle, span_of(right)[0], call)
            self.wrap(number, *span_of(right), "", ")", level=-20)
        else:
            self._visit(left, place)
        self._visit(right, replace(place, wrap=type_of(left)))

    def _visit_UnaryOperation(self, node: Node, place: Place) -> None:  # noqa: N802
        operator = node["operator"]
        start, end = span_of(node)
        text = self.text_of(start, end)
        if operator in ("++", "--") and node["prefix"]:
            if place.is_in_loop_header:
                return
            other = "--" if operator == "++" else "++"
            number = self.add(place, start, start + 2, operator, other)
            self.wrap(number, start, end, f"(Mutants.on({number}) ? {other}{text[2:]} : ", ")")
        elif operator == "!":
            number = self.add(place, start, start + 1, "!", "")
            self.wrap(number, start, end, f"(Mutants.on({number}) != (", "))")
            self._descend(node, place)
        elif not type_of(node).startswith("int_const"):
            self._descend(node, place)
