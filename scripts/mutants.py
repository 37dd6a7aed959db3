"""Mutants of the contracts: all of them in one set of sources, of which a run picks one.

A mutant is one small change to a contract that a test should notice. Compiling each on its own
would take most of the time, so each place that some mutant changes is written as a choice between
the original and its mutants: ``a < b`` becomes ``Mutants.lt_uint256(41, a, b)``, which answers with
``a <= b`` where mutant 41 is picked and with ``a >= b`` where 42 is. Which one is picked, the code
reads from ``basefee``, which a test run is free to set and no contract uses. Zero picks none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from scripts.mutant_assembly import Assembly
from scripts.mutant_operators import Operators
from scripts.mutant_sources import LIBRARY, Mutant


@dataclass
class Schema:
    """Rewritten sources, the mutants in them, and those that were left out."""

    sources: dict[str, str]
    mutants: list[Mutant]
    left_out: list[Mutant]


def make_schema(
    sources: dict[str, str], trees: dict[str, Any], left_out: Collection[int] = ()
) -> Schema:
    """Rewrite sources so that they hold all their mutants.

    Parameters
    ----------
    sources : dict
        Sources by name.
    trees : dict
        The compiler's syntax tree of each, all from one compilation: they refer to one another.
    left_out : collection of int
        Numbers of mutants that do not compile. The others keep their numbers.
    """
    writer = _Writer(sources, trees, left_out)
    rewritten = {name: writer.rewrite(name) for name in sorted(sources)}
    rewritten[LIBRARY] = writer.library()
    mutants = _tell_apart(writer.mutants)
    missing = [m for m in mutants if writer.first_of.get(m.number, m.number) in left_out]
    return Schema(rewritten, [m for m in mutants if m not in missing], missing)


def _tell_apart(mutants: list[Mutant]) -> list[Mutant]:
    seen: Counter[str] = Counter()
    result = []
    for mutant in mutants:
        seen[mutant.key] += 1
        count = seen[mutant.key]
        result.append(mutant if count == 1 else replace(mutant, change=f"{mutant.change} #{count}"))
    return result


class _Writer(Operators, Assembly):
    """All kinds of mutants."""
