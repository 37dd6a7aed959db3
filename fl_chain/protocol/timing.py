"""When what may be done in a task: the phase of its current round, from records and block time.

Which action a phase allows is the table TRANSITIONS of phases.py; contracts/RoundLedger.sol answers
to the same table (tests/vectors/round).
"""

from __future__ import annotations

from fl_chain.protocol.committee import refuse
from fl_chain.protocol.dispute import Stage
from fl_chain.protocol.phases import EXPECTED_PHASE, TRANSITIONS, Action, Phase
from fl_chain.protocol.state import Committing, TaskState, Unmasking


class TimedTask(TaskState):
    """The part of a task's state that every other part asks for the time."""

    def phase(self, now: int) -> Phase:
        """Return the phase of the current round at block time ``now``, in seconds."""
        current, parameters = self.current, self.parameters
        if current.is_stopped:
            return Phase.ABORTED
        if current.num_finalized == parameters.num_rounds:
            return Phase.FINALIZED
        if now < current.opened_at:
            return Phase.SCHEDULED
        if self.proposal.round == current.round:
            return Phase.PROPOSED if self.dispute.stage == Stage.NONE else Phase.CHALLENGED
        if current.closed_at == 0 and now <= self.collect_until:
            if not self.is_committed(now):
                return Phase.COMMITTING
            if self.has_commitments:
                return Phase.COLLECTING
        has_enough = current.num_updates >= parameters.min_updates
        is_open = self.is_masked and not self._unmasking.closed_at
        if has_enough and is_open and now <= self.unmask_until:
            return Phase.UNMASKING
        if has_enough and now <= self.turn_at(len(self.committee.members)):
            return Phase.AGGREGATING
        return Phase.EXPIRED

    def turn_at(self, rank: int) -> int:
        """Return from when the aggregator of a rank may propose in the current round.

        The rank behind the last one ends the last turn.
        """
        start = self.unmask_until if self.is_masked else self._collection_end
        return start + rank * self.parameters.aggregate_seconds

    def phase_of(self, round_number: int, now: int) -> Phase:
        """Return the phase of any round at block time ``now``."""
        if round_number == self.current.round:
            return self.phase(now)
        history = self.rounds.get(round_number)
        if history is None:
            return Phase.FINALIZED if round_number == 0 else Phase.NONE
        return Phase.FINALIZED if history.finalized else Phase.ABORTED

    @property
    def is_over(self) -> bool:
        """Whether all rounds are finalized or the task was stopped."""
        return self.current.is_stopped or self.current.num_finalized == self.parameters.num_rounds

    def check_round(self, round_number: int, action: Action, now: int) -> None:
        """Check that ``action`` on a round is allowed at block time ``now``.

        Raises
        ------
        InvalidTransition
            UnexpectedRound, UnexpectedPhase or TaskOver, as the contract would answer.
        """
        if round_number != self.current.round:
            refuse(
                "UnexpectedRound",
                f"cannot {action} in round {round_number}: the current one is {self.current.round}",
            )
        phase = self.phase(now)
        if (phase, action) not in TRANSITIONS:
            message = f"cannot {action} in round {round_number}: it is {phase.name}"
            if action == Action.STOP:
                refuse("TaskOver", message)
            refuse("UnexpectedPhase", f"{message}, not {EXPECTED_PHASE[action].name}")

    @property
    def num_committed(self) -> int:
        """How many participants have committed in the current round."""
        return self._committing.num_committed

    @property
    def has_commitments(self) -> bool:
        """Whether the current round has enough commitments for a model, if it needs any."""
        parameters = self.parameters
        return not parameters.commit_seconds or self.num_committed >= parameters.min_updates

    @property
    def closing_updates(self) -> int | None:
        """How many updates close collection before its time; None if none do."""
        parameters = self.parameters
        if parameters.list_seconds:
            return None
        return self.num_committed if parameters.commit_seconds else parameters.target_updates

    @property
    def commit_until(self) -> int:
        """Last second at which the current round commits, if the target is not reached before."""
        return self.current.opened_at + self.parameters.commit_seconds

    @property
    def collect_until(self) -> int:
        """Last second at which the current round collects, if nothing closes collection before."""
        start = self._committing.closed_at or self.commit_until
        return start + self.parameters.collect_seconds

    @property
    def is_masked(self) -> bool:
        """Whether updates are masked, so that seeds have to be told before anybody can add them."""
        return self.parameters.unmask_seconds > 0

    @property
    def unmask_until(self) -> int:
        """Last second at which seeds of the current round are told, or when that was closed."""
        end = self._collection_end + self.parameters.unmask_seconds
        return self._unmasking.closed_at or end

    @property
    def _collection_end(self) -> int:
        return self.current.closed_at or self.collect_until

    @property
    def _unmasking(self) -> Unmasking:
        number = self.current.round
        return self.unmasking if self.unmasking.round == number else Unmasking(number)

    def is_committed(self, now: int) -> bool:
        """Return whether committing to updates of an open round is over at block time ``now``.

        It is over from the start in a task without commitments.
        """
        if not self.parameters.commit_seconds or self._committing.closed_at:
            return True
        return now > self.commit_until

    @property
    def _committing(self) -> Committing:
        number = self.current.round
        return self.committing if self.committing.round == number else Committing(number)

    @property
    def window_until(self) -> int:
        """First second at which the proposed model may become final without a quorum."""
        until = self.proposal.proposed_at + self.parameters.challenge_seconds
        # After a challenge that failed, the window began again.
        return max(until, self.dispute.until if self.dispute.round == self.current.round else 0)
