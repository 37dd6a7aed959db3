"""Move a task on when its own actors do not: anybody may finalize and abort when the time has come.

Participants wait a grace period before they pay for it, so that normally the aggregator does.
"""

from __future__ import annotations

from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import Abort, Finalize
from fl_chain.protocol.round import Phase, Task
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.progress import Progress

LOST_RACES = ("UnexpectedPhase", "UnexpectedRound", "ChallengeWindowOpen", "TaskOver")
"""Refusals that mean that somebody was faster or our clock ahead: look again, nothing is lost."""


def compute_due(follower: TaskFollower) -> int | None:
    """Return the time at which time alone lets somebody act on the round; None if never."""
    task = follower.task
    current, parameters = task.current, task.parameters
    collect_until = current.opened_at + parameters.collect_seconds
    match follower.phase:
        case Phase.COLLECTING:
            return collect_until + 1
        case Phase.AGGREGATING:
            return collect_until + parameters.aggregate_seconds + 1
        case Phase.PROPOSED:
            return current.proposed_at + parameters.challenge_seconds
        case Phase.EXPIRED if current.num_updates < parameters.min_updates:
            return collect_until + 1
        case Phase.EXPIRED:
            return collect_until + parameters.aggregate_seconds + 1
        case _:
            return None


def move_on(follower: TaskFollower, grace_seconds: int, progress: Progress) -> bool:
    """Finalize or abort the current round if that has been due for a while; return whether."""
    due = compute_due(follower)
    if due is None or follower.now < due + grace_seconds:
        return False
    round_number = follower.task.current.round
    action: Finalize | Abort
    match follower.phase:
        case Phase.PROPOSED:
            action, event = Finalize(round_number), "finalized"
        case Phase.EXPIRED:
            action, event = Abort(round_number), "aborted"
        case _:
            return False
    try:
        receipt = follower.ledger.send(action)
    except TransactionRejected as error:
        if error.error not in LOST_RACES:
            raise
        return False
    progress(event, {"round": round_number, "gas": receipt.gas_used})
    return True


class WaitReporter:
    """Says once per round and phase what somebody who has nothing to do now waits for."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._reported: tuple[int, Phase] | None = None

    def report(self, follower: TaskFollower) -> None:
        """Report unless this round's phase has been reported."""
        task, phase = follower.task, follower.phase
        if self._reported == (task.current.round, phase):
            return
        self._reported = (task.current.round, phase)
        self._progress(
            "idle",
            {
                "round": task.current.round,
                "phase": phase.name,
                "updates": task.current.num_updates,
                "target": task.parameters.target_updates,
                "until_at": compute_due(follower),
            },
        )


def report_end(task: Task, progress: Progress) -> None:
    """Say how the task ended."""
    event = "stopped" if task.current.is_stopped else "over"
    progress(event, {"rounds": task.current.num_finalized})
