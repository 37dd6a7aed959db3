"""Move a task on when its own actors do not: anybody may end what time alone has decided.

Participants wait a grace period before they pay for it, so that normally an aggregator does.
"""

from __future__ import annotations

from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import Abort, ConcludeDispute, Finalize
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.round import Task
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.progress import Progress

SLOT_SECONDS = 12
"""So much later than its timestamp a block may appear, with what was recorded in its time."""
LOST_RACES = (
    "AlreadyAttested",
    "ChallengeWindowOpen",
    "MoveNotOver",
    "MoveOver",
    "OutOfTurn",
    "TaskOver",
    "UnexpectedMove",
    "UnexpectedPhase",
    "UnexpectedRound",
)
"""Refusals that mean that somebody was faster or our clock ahead: look again, nothing is lost."""


def compute_due(follower: TaskFollower) -> int | None:
    """Return the time at which time alone lets somebody act on the round; None if never."""
    task = follower.task
    match follower.phase:
        case Phase.SCHEDULED:
            return task.current.opened_at
        case Phase.COMMITTING:
            return task.commit_until + 1
        case Phase.COLLECTING:
            return task.collect_until + 1
        case Phase.UNMASKING:
            return task.unmask_until + 1
        case Phase.AGGREGATING:
            return task.turn_at(len(task.committee.members)) + 1
        case Phase.PROPOSED:
            return task.window_until
        case Phase.CHALLENGED:
            return task.dispute.until + 1
        case Phase.EXPIRED if not task.has_commitments:
            return task.commit_until + 1
        case Phase.EXPIRED if task.current.num_updates < task.parameters.min_updates:
            return task.collect_until + 1
        case Phase.EXPIRED:
            return task.turn_at(len(task.committee.members)) + 1
        case _:
            return None


def move_on(follower: TaskFollower, grace_seconds: int, progress: Progress) -> bool:
    """Do what has been due for a while: finalize, abort, conclude; return whether that was done."""
    due = compute_due(follower)
    if due is None or follower.now < due + grace_seconds:
        return False
    round_number = follower.task.current.round
    action: Finalize | Abort | ConcludeDispute
    match follower.phase:
        case Phase.PROPOSED:
            action, event = Finalize(round_number), "finalized"
        case Phase.CHALLENGED:
            action, event = ConcludeDispute(round_number), "concluded"
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
                "commitments": task.num_committed,
                "until_at": compute_due(follower),
            },
        )


def report_end(task: Task, progress: Progress) -> None:
    """Say how the task ended."""
    event = "stopped" if task.current.is_stopped else "over"
    progress(event, {"rounds": task.current.num_finalized})


def report_promise(manifest: Manifest, progress: Progress) -> None:
    """Say what whoever acts in the task promises, if it asks for a promise."""
    if manifest.keep_seconds:
        progress("promising", {"keep_seconds": manifest.keep_seconds})
