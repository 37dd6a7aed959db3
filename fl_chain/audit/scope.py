"""Which rounds an audit executes again, and which it takes over from a former one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fl_chain.audit.findings import Finding
from fl_chain.errors import UsageError

LAST = 0
"""In place of a number, the last round that has a proposed model."""


@dataclass(frozen=True, slots=True)
class AuditedRound:
    """What an audit made of one round, and of which one."""

    round: int
    history: bytes
    """Running hash of the ledger after the round's last proposal, 32 bytes: a round with the same
    one has the same records, and so has everything before it."""
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """The rounds of an audit; the checks of the task are always made, whole."""

    only_round: int | None = None
    """Execute this one alone."""
    since: int = 1
    """Execute this one and those after it; ``LAST`` for the last one alone."""
    former: Mapping[int, AuditedRound] = field(default_factory=dict)
    """Rounds that passed in a former audit, with findings that say so themselves. One whose records
    are still the same is taken over, unless a check of the task fails."""

    def select(self, proposed: Sequence[int]) -> list[int]:
        """Return those of the rounds with a proposed model that the audit looks at.

        Raises
        ------
        UsageError
            There is none.

        Examples
        --------
        >>> Scope(since=2).select([1, 2, 3])
        [2, 3]
        >>> Scope(since=LAST).select([1, 2, 3])
        [3]
        """
        latest = f"the latest is round {proposed[-1]}" if proposed else "no round has one yet"
        if self.only_round is not None:
            if self.only_round not in proposed:
                raise UsageError(f"round {self.only_round} has no proposed model", latest)
            return [self.only_round]
        if self.since == LAST:
            return list(proposed[-1:])
        if self.since > max(proposed, default=1):
            raise UsageError(f"no round from {self.since} on has a proposed model", latest)
        return [number for number in proposed if number >= self.since]
