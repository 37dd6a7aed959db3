"""How a proposer answers challenges: it shows what it vouches for, move by move."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from fl_chain.errors import StoreError, TransactionRejected
from fl_chain.protocol.actions import (
    AnswerHeader,
    AnswerStatus,
    AnswerValue,
    DecideListedUpdate,
    DecideUpdate,
    LedgerAction,
    SplitPart,
)
from fl_chain.protocol.dispute import Stage
from fl_chain.protocol.opening import Opening
from fl_chain.protocol.parts import Contribution, UpdateRange, pack_parts
from fl_chain.protocol.records import Question
from fl_chain.protocol.report import INCLUDED
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.liveness import LOST_RACES
from fl_chain.roles.patience import with_patience
from fl_chain.roles.progress import Progress, timed
from fl_chain.roles.witness import Witness
from fl_chain.storage.store import ContentStore

NO_OPENING = Opening(b"", ())
"""In place of the chunks of an update, and of its list, where the report excludes the update."""


class Defender:
    """Answers in disputes about the proposals of one aggregator.

    Parameters
    ----------
    follower
        The task, whose ledger has the aggregator's key.
    store
        Where content is fetched from.
    """

    def __init__(
        self,
        follower: TaskFollower,
        store: ContentStore,
        progress: Progress,
        patience_seconds: float,
    ) -> None:
        self._follower = follower
        self._witness = Witness(follower, store)
        self._progress = progress
        self._patience_seconds = patience_seconds
        self._contributions: tuple[tuple[bytes, int], Sequence[Contribution]] | None = None

    def move(self) -> bool:
        """Make the move that is awaited of the proposer; return whether there was one."""
        dispute = self._follower.task.dispute
        if dispute.stage == Stage.SPLIT or self._follower.now > dispute.until:
            return False
        values: dict[str, Any] = {"round": dispute.round, "stage": Stage(dispute.stage).name}
        with timed(values, "prepare_seconds"):
            action = self._patiently(self._prepare)
        try:
            receipt = self._patiently(lambda: self._follower.ledger.send(action))
        except TransactionRejected as error:
            if error.error not in LOST_RACES:
                raise
            return False
        self._progress("answered", {**values, "gas": receipt.gas_used})
        return True

    def _prepare(self) -> LedgerAction:
        dispute, witness = self._follower.task.dispute, self._witness
        number, position = dispute.round, dispute.position
        match dispute.stage, dispute.question:
            case Stage.ASKED, Question.HEADER:
                return AnswerHeader(number, *witness.open_headers(position))
            case Stage.ASKED, Question.STATUS:
                return AnswerStatus(number, witness.open_status(position))
            case Stage.ASKED, _:
                base = witness.open_base_value(position)
                proposed = witness.open_proposed_value(position)
                whole = UpdateRange(0, witness.num_updates)
                return AnswerValue(number, base, proposed, self._claim(whole, position))
            case Stage.SELECTED, _:
                return SplitPart(number, self._claim(dispute.updates, position))
            case _:
                return decide_update(witness, number, dispute.first, position)

    def _claim(self, updates: UpdateRange, position: int) -> tuple[int, ...]:
        """Return the words that claim what each part of a range contributes."""
        contributions = self._list_contributions(position)
        parts = [updates.part(index) for index in range(updates.num_parts)]
        return pack_parts(
            [add_up(contributions[part.first : part.first + part.count]) for part in parts]
        )

    def _list_contributions(self, position: int) -> Sequence[Contribution]:
        key = self._witness.proposal.model_digest, position
        if self._contributions is None or self._contributions[0] != key:
            self._contributions = key, self.compute_contributions(position)
        return self._contributions[1]

    def compute_contributions(self, position: int) -> Sequence[Contribution]:
        """Return what each update contributes to a value."""
        return self._witness.list_contributions(position, self._witness.fetch_statuses())

    def _patiently(self, action: Any) -> Any:
        return with_patience(action, self._patience_seconds, self._progress)


def decide_update(
    witness: Witness, round_number: int, sequence: int, position: int
) -> DecideUpdate | DecideListedUpdate:
    """Return the move that decides a dispute in which one update is left."""
    is_included = witness.fetch_statuses()[sequence] == INCLUDED
    report = witness.open_status(sequence)
    listed = witness.find_list(sequence)
    if listed is None:
        lane = witness.open_lane(sequence, position) if is_included else NO_OPENING
        return DecideUpdate(round_number, witness.find_record(sequence), report, lane)
    entry = lane = NO_OPENING
    if is_included:
        entry = witness.open_entry(listed, sequence)
        # Without it the move still decides, if the entry is one that must not be included.
        with contextlib.suppress(StoreError):
            lane = witness.open_lane(sequence, position)
    return DecideListedUpdate(round_number, listed, entry, report, lane)


def add_up(contributions: Sequence[Contribution]) -> Contribution:
    """Return what several updates contribute together."""
    return Contribution(
        sum(contribution.weight for contribution in contributions),
        sum(contribution.sum for contribution in contributions),
    )
