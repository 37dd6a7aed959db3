"""How a participant gets into a task by itself: with a new key, or if the task is open."""

from __future__ import annotations

from fl_chain.chain.ledger import Ledger
from fl_chain.errors import TransactionRejected, UsageError
from fl_chain.protocol.actions import Admit, LedgerAction, Succeed
from fl_chain.protocol.round import Task
from fl_chain.roles.progress import Progress

LOST_RACES = ("NotAdmitted", "AlreadyAdmitted", "SuccessorAdmitted")
"""Refusals that say that somebody else has done it meanwhile."""


def seek_admission(ledger: Ledger, task: Task, progress: Progress) -> None:
    """Have the sender admitted, as far as that needs nobody else's consent.

    If an earlier key of the sender's line is admitted, its admission moves along the line;
    otherwise, in an open task, the sender is admitted if it is enrolled.

    Raises
    ------
    UsageError
        The sender is not admitted, and cannot do anything about it.
    """
    registry, sender = task.parameters.registry, ledger.sender
    line = [sender]
    while line[-1] not in task.admitted:
        former = ledger.predecessor_of(registry, line[-1])
        if not former:
            break
        line.append(former)
    if line[-1] in task.admitted:
        for former, successor in zip(line[:0:-1], line[-2::-1], strict=True):
            _send(ledger, Succeed(former))
            progress("succeeded", {"participant": former, "successor": successor})
        return
    if not ledger.is_enrolled(registry, sender):
        raise UsageError(
            f"{sender} is not admitted to this task: it is not enrolled in the registry {registry}",
            "ask the coordinator for: fl-chain task admit; after a rotation use the new key; where"
            " there is an enrolment bond: fl-chain registry enrol --with-bond",
        )
    if not task.parameters.is_open:
        raise UsageError(
            f"{sender} is not admitted to this task", "ask the coordinator for: fl-chain task admit"
        )
    _send(ledger, Admit((sender,)))
    progress("admitted", {"participants": 1})


def _send(ledger: Ledger, action: LedgerAction) -> None:
    try:
        ledger.send(action)
    except TransactionRejected as error:
        if error.error not in LOST_RACES:
            raise
