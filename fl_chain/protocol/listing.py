"""The part of a task's state that is about lists of updates: who may list, and who may be admitted.

The contract does not look into a list, so nobody is refused because of one: only time closes
collection, and whoever a list leaves out submits its update itself.
"""

from __future__ import annotations

from dataclasses import replace

from fl_chain.protocol.committee import refuse
from fl_chain.protocol.phases import Action, Phase
from fl_chain.protocol.records import UpdatesListed
from fl_chain.protocol.seeding import SeedingTask

FROZEN_PHASES = (Phase.AGGREGATING, Phase.PROPOSED, Phase.CHALLENGED)
"""Phases in which a model depends on who is admitted, in tasks with lists."""


class ListingTask(SeedingTask):
    """What :class:`fl_chain.protocol.round.Task` knows about lists; nothing without them."""

    @property
    def has_lists(self) -> bool:
        """Whether aggregators may list updates in this task."""
        return self.parameters.list_seconds > 0

    @property
    def list_until(self) -> int:
        """Last second at which the current round takes lists."""
        return self.current.opened_at + self.parameters.list_seconds

    def has_listed(self, aggregator: str) -> bool:
        """Return whether an aggregator has listed updates in the current round."""
        lists = self.rounds[self.current.round].lists
        return any(listed.aggregator == aggregator for listed in lists)

    @property
    def members(self) -> frozenset[str]:
        """Who may submit in the current round: the admitted that are selected."""
        return frozenset(filter(self.is_selected, self.admitted))

    def check_list(self, aggregator: str, round_number: int, count: int, now: int) -> None:
        """Check that an aggregator may list updates at block time ``now``.

        Raises
        ------
        InvalidTransition
            With the name of the custom error that the contract would answer.
        """
        self.check_round(round_number, Action.SUBMIT, now)
        if not self.has_lists or now > self.list_until:
            refuse("ListsOver", f"round {round_number} takes no lists now")
        self.committee.check_standing(aggregator, round_number)
        self.check_revealed(aggregator, round_number)
        if self.has_listed(aggregator):
            refuse("AlreadyListed", f"{aggregator} has listed in round {round_number}")
        most = self.parameters.target_updates
        if not 1 <= count <= most:
            refuse("ParameterOutOfRange", f"a list has 1 to {most} updates, not {count}")

    def check_thawed(self, now: int) -> None:
        """Check that admissions may change at block time ``now``.

        Raises
        ------
        InvalidTransition
            AdmissionsFrozen, in a task with lists.
        """
        if self.has_lists and self.phase(now) in FROZEN_PHASES:
            refuse("AdmissionsFrozen", "admissions do not change while a model depends on them")

    def check_room(self, count: int) -> None:
        """Check that so many may be admitted.

        Raises
        ------
        InvalidTransition
            TooManyParticipants, in a task with lists.
        """
        most = self.parameters.target_updates
        if self.has_lists and count > most:
            refuse("TooManyParticipants", f"a task with lists has at most {most} participants")

    def _apply_listed(self, record: UpdatesListed) -> None:
        self.check_list(record.aggregator, record.round, record.count, record.timestamp)
        if record.first != self.current.num_updates:
            refuse("UnexpectedSequence", f"the list begins with update {record.first}")
        if not any(record.digest) or not any(record.cid_digest):
            refuse("ZeroDigest", f"the list of {record.aggregator} has a zero digest")
        self.rounds[record.round].lists.append(record)
        self.current = replace(self.current, num_updates=record.first + record.count)
