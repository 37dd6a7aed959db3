"""What many outcomes say about each rule: the mean over the seeds, and the worst of all attacks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from fl_chain.lab.experiment import Outcome

HONEST: Final = "none"
TOLERABLE_BACKDOOR: Final = 0.1
"""Of the examples with a trigger, so many may go where the attackers want them."""
TOLERABLE_LOSS: Final = 0.05
"""So much accuracy an attack may cost."""


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """One rule on one split of the data."""

    split: str
    rule: str
    accuracy: dict[str, float]
    """By attack, the mean over the seeds, in [0, 1]."""
    lowest: dict[str, float]
    """By attack, that of the worst seed."""
    backdoor_success: float | None
    """Mean over the seeds; None if there was no backdoor."""

    @property
    def clean(self) -> float | None:
        """Accuracy where all are honest; None if that was not tried."""
        return self.accuracy.get(HONEST)

    @property
    def worst_attack(self) -> str:
        """The attack that costs the most."""
        attacks = [name for name in self.accuracy if name != HONEST] or [HONEST]
        return min(attacks, key=self.accuracy.__getitem__)

    @property
    def worst(self) -> float:
        """Accuracy under it."""
        return self.accuracy[self.worst_attack]

    @property
    def keeps_backdoors_out(self) -> bool:
        """Whether no backdoor succeeds more often than is tolerable."""
        return self.backdoor_success is None or self.backdoor_success < TOLERABLE_BACKDOOR


def summarize(outcomes: Iterable[Outcome]) -> list[RuleSummary]:
    """Return a summary of each rule on each split, in the order of their names."""
    cells: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        scenario = outcome.scenario
        cells.setdefault((scenario.split, scenario.rule), []).append(outcome)
    return [_summarize(split, rule, made) for (split, rule), made in sorted(cells.items())]


def choose_rule(summaries: Sequence[RuleSummary], split: str) -> RuleSummary | None:
    """Return the rule with the best worst case on a split, of those that keep backdoors out."""
    fit = [s for s in summaries if s.split == split and s.keeps_backdoors_out]
    return max(fit, key=lambda summary: summary.worst, default=None)


def _summarize(split: str, rule: str, outcomes: Sequence[Outcome]) -> RuleSummary:
    by_attack: dict[str, list[float]] = {}
    for outcome in outcomes:
        by_attack.setdefault(outcome.scenario.attack, []).append(outcome.accuracy)
    told = [o.backdoor_success for o in outcomes if o.backdoor_success is not None]
    return RuleSummary(
        split,
        rule,
        {attack: fmean(values) for attack, values in by_attack.items()},
        {attack: min(values) for attack, values in by_attack.items()},
        fmean(told) if told else None,
    )
