"""Who is told how far an audit has come."""

from __future__ import annotations

from fl_chain.audit.findings import Finding
from fl_chain.audit.scope import AuditedRound


class Observer:
    """Told what happens, and ignores it; others override what they want to know."""

    def plan(self, num_rounds: int, num_updates: int, num_former: int) -> None:
        """Hear that the checks of the task are made.

        Parameters
        ----------
        num_rounds, num_updates
            What is about to be executed again.
        num_former
            Rounds that are taken over from a former audit.
        """

    def find(self, finding: Finding) -> None:
        """Hear what a check came to."""

    def examine(self, num_updates: int, num_bytes: int) -> None:
        """Hear that updates were dealt with, and so many bytes of them read; in any thread."""

    def conclude(self, audited: AuditedRound) -> None:
        """Hear that a round was executed again, whatever came of it."""

    def warn(self, message: str) -> None:
        """Hear what went wrong without any meaning for the findings."""


IGNORE = Observer()
