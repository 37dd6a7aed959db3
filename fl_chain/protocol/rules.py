"""The rules that a task can aggregate by: what each assumes, and how large its numbers become.

Of the n included updates of a round, f may be anything (``num_malicious``). What follows from them
is in ``fl_chain/aggregation``; here is what a manifest has to hold for it, so that no round of a
task can break an assumption of its rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SCORE_BITS: Final = 20
"""Fraction bits of the weights that ``geometric_median`` gives updates by their distances."""


@dataclass(frozen=True, slots=True)
class RuleBounds:
    """What a rule asks of a task."""

    least_updates: Callable[[int], int]
    """By f: with fewer updates the rule promises nothing."""
    most_lanes: Callable[[int], int]
    """By n: no numerator of an aggregate is larger than that of so many of the largest lanes."""


MEAN: Final = "mean"

RULES: Final[dict[str, RuleBounds]] = {
    MEAN: RuleBounds(lambda f: 1, lambda n: n),
    "median": RuleBounds(lambda f: 2 * f + 1, lambda n: 2),
    "trimmed_mean": RuleBounds(lambda f: 2 * f + 1, lambda n: n),
    "krum": RuleBounds(lambda f: 2 * f + 3, lambda n: 1),
    "multi_krum": RuleBounds(lambda f: 2 * f + 3, lambda n: n),
    "bulyan": RuleBounds(lambda f: 4 * f + 3, lambda n: n),
    "nnm_trimmed_mean": RuleBounds(lambda f: 2 * f + 1, lambda n: n * n),
    "geometric_median": RuleBounds(lambda f: 2 * f + 1, lambda n: n << SCORE_BITS),
    "centered_clipping": RuleBounds(lambda f: 2 * f + 1, lambda n: 2 * n),
}
"""By name. ``mean`` alone counts weights, and survives no malicious update."""
