"""Which part of a history is asked for: some rounds, one participant, some time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_FOREVER: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Selection:
    """A part of a history; by default all of it. Ends are included.

    Examples
    --------
    >>> Selection(first_round=2, last_round=3).covers(2, 1_700_000_000)
    True
    """

    first_round: int = 0
    last_round: int = _FOREVER
    participant: str = ""
    """An address; empty for everybody."""
    since: int = 0
    """Block time, in seconds since the epoch."""
    until: int = _FOREVER

    def covers(self, round_number: int, timestamp: int) -> bool:
        """Return whether round and block time are selected, whoever it is about."""
        is_in_rounds = self.first_round <= round_number <= self.last_round
        return is_in_rounds and self.since <= timestamp <= self.until

    @property
    def condition(self) -> str:
        """The selection in SQL, over the columns of updates; its values are ``values``."""
        by_participant = " AND participant = ?" if self.participant else ""
        return f"round BETWEEN ? AND ? AND timestamp BETWEEN ? AND ?{by_participant}"

    @property
    def values(self) -> tuple[int | str, ...]:
        """What stands for each question mark of ``condition``."""
        bounds = (self.first_round, self.last_round, self.since, self.until)
        return (*bounds, self.participant) if self.participant else bounds


EVERYTHING: Final = Selection()
