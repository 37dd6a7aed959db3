"""What a mutant is, and how text is put around and in the place of code.

Which code that is, the modules say whose classes derive from ``Editor``; mutants.py joins them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from scripts.mutant_trees import Place

LIBRARY = "contracts/Mutants.sol"
"""Where the rewritten sources find the choices."""


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes
    ----------
    number : int
        What picks it; from 1.
    source, line : str, int
        Where it is.
    contract, function : str
        What it is in; ``function`` is empty for a constant.
    change : str
        The statement around it, with ``[original → mutated]`` or ``[without: …]`` in its place.
        Together with contract and function it names the mutant, whatever lines move.
    """

    number: int
    source: str
    line: int
    contract: str
    function: str
    change: str

    @property
    def key(self) -> str:
        """The name that outlives other changes to the sources."""
        return f"{self.contract}.{self.function}: {self.change}"


@dataclass
class Source:
    """A source and what is done to it."""

    name: str
    code: bytes
    edits: list[tuple[int, int, int, int, int | None, str]] = field(default_factory=list)
    """Place, rank there, nesting, order, end and new text."""


def loosen(text: str) -> str:
    """Let every function of a source read the environment, where the picked mutant stands."""
    return re.sub(r"\bpure\b", "view", text)


class Editor:
    """Sources, and the mutants that were written into them."""

    source: Source

    def __init__(self, sources: dict[str, str], left_out: Collection[int]) -> None:
        self.sources = {name: Source(name, text.encode()) for name, text in sources.items()}
        self.left_out = left_out
        self.mutants: list[Mutant] = []
        self.helpers: dict[str, str] = {}

    def compose(self) -> str:
        """Return the current source as it became."""
        code = self.source.code
        parts, at = [], 0
        for place, _, _, _, end, text in sorted(self.source.edits, key=lambda edit: edit[:4]):
            parts += [code[at:place].decode(), text]
            at = place if end is None else end
        parts.append(code[at:].decode())
        text = "".join(parts)
        if self.source.edits:
            pragma, rest = re.split(r"(?<=;)\n", text, maxsplit=1)
            text = f'{pragma}\nimport {{Mutants}} from "{LIBRARY}";\n{rest}'
        return loosen(text)

    def library(self) -> str:
        """Return the source of the choices."""
        return (
            "// SPDX-License-Identifier: Apache-2.0\npragma solidity 0.8.37;\nlibrary Mutants {\n"
            "function on(uint256 k) internal view returns (bool) { return block.basefee == k; }\n"
            + "".join(self.helpers[name] for name in sorted(self.helpers))
            + "}\n"
        )

    def wrap(
        self, number: int, start: int, end: int, before: str, after: str, level: int = 0
    ) -> None:
        """Put text around code; of two around the same, the lower level is outside."""
        if number in self.left_out:
            return
        order, size = len(self.source.edits), 8 * (end - start) - level
        self.source.edits.append((start, 1, -size, order, None, before))
        self.source.edits.append((end, 0, size, -order, None, after))

    def cut(self, number: int, start: int, end: int, text: str) -> None:
        """Put text in the place of code."""
        if number not in self.left_out:
            self.source.edits.append((start, 2, 0, 0, end, text))

    def text_of(self, start: int, end: int) -> str:
        """Return a piece of the current source."""
        return self.source.code[start:end].decode()

    def add(self, place: Place, start: int, end: int, original: str, mutated: str | None) -> int:
        """Note a mutant that replaces ``start`` to ``end`` of the code, or deletes it."""
        first, last = place.unit
        if mutated is None:
            change = f"[without: {original}]"
        else:
            middle = f"[{original.strip()} → {mutated.strip()}]"
            before, after = self.text_of(first, start), self.text_of(end, max(end, last))
            pad = " " if self.text_of(start, end)[:1].isspace() else ""
            change = before + pad + middle + pad + after
        number = len(self.mutants) + 1
        line = self.source.code[:start].count(b"\n") + 1
        text = re.sub(r"\s+", " ", re.sub(r"//[^\n]*", "", change)).strip()
        self.mutants.append(
            Mutant(number, self.source.name, line, place.contract, place.function, text)
        )
        return number
