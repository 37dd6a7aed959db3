"""The walk through a syntax tree, and the statements that it leaves out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from scripts.mutant_sources import Editor
from scripts.mutant_trees import Node, Place, span_of

DELETABLE = ("ExpressionStatement", "RevertStatement", "Continue", "Break")
STATEMENTS = (*DELETABLE, "VariableDeclarationStatement", "Return", "EmitStatement")
YUL_STATEMENTS = ("YulExpressionStatement", "YulAssignment", "YulVariableDeclaration")


class Walker(Editor):
    """Visits the nodes of a tree; a class that derives from it says what is changed at which.

    A method ``_visit_Kind`` visits the nodes of a kind, and what is below them. For kinds without
    one the walk goes on below the node.
    """

    def __init__(
        self, sources: dict[str, str], trees: dict[str, Any], left_out: Collection[int]
    ) -> None:
        super().__init__(sources, left_out)
        self.trees = trees

    def rewrite(self, name: str) -> str:
        """Return a source with its mutants."""
        self.source = self.sources[name]
        self._visit(self.trees[name], Place())
        return self.compose()

    def _visit(self, node: Any, place: Place) -> None:
        if isinstance(node, list):
            for entry in node:
                self._visit(entry, place)
            return
        if not isinstance(node, dict):
            return
        kind = node.get("nodeType", "")
        visit = getattr(self, f"_visit_{kind}", None)
        if kind == "ContractDefinition":
            place = replace(place, contract=node["name"])
        elif kind == "FunctionDefinition":
            place = replace(place, function=node["name"] or node["kind"], unit=span_of(node))
        elif kind == "UncheckedBlock":
            place = replace(place, is_unchecked=True)
        elif kind in STATEMENTS or kind in YUL_STATEMENTS:
            place = replace(place, unit=span_of(node))
            self._delete(kind, node, place)
        if visit is None:
            self._descend(node, place)
        else:
            visit(node, place)

    def _descend(self, node: Node, place: Place) -> None:
        for name, entry in node.items():
            if name not in ("typeName", "typeDescriptions", "documentation"):
                self._visit(entry, place)

    def _visit_VariableDeclaration(self, node: Node, place: Place) -> None:  # noqa: N802
        if not node.get("constant") and node.get("value"):
            self._visit(node["value"], replace(place, unit=span_of(node)))

    def _delete(self, kind: str, node: Node, place: Place) -> None:
        start, end = place.unit
        code = self.source.code
        if kind in DELETABLE or (kind == "Return" and node.get("expression") is None):
            if place.is_in_loop_header:
                return
            number = self.add(place, start, end, self.text_of(start, end), None)
            close = end if code[end - 1 : end] == b";" else code.index(b";", end) + 1
            before = f"{{ if (!Mutants.on({number})) "
            self.wrap(number, start, close, before, " }", level=-20)
