"""Vectors of replays of tasks with a privacy budget, and of audits of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scripts.vectors.audits import make_case
from scripts.vectors.commitments import committed
from scripts.vectors.documents import AGGREGATOR, SECOND
from scripts.vectors.evidence import TaskOnRecord
from scripts.vectors.ledger_records import (
    ALICE,
    BOB,
    CAROL,
    CREATED,
    PARAMETERS,
    Record,
    aborted,
    admitted,
    deposited,
    finalized,
    opened,
    proposed,
    replay_of,
    submitted,
    succeeded,
)

COST, BUDGET = 10, 25
"""Two updates, and a rest that pays for none."""
_PARAMETERS = PARAMETERS | {"privacy_cost": COST, "privacy_budget": BUDGET, "num_rounds": 9}
_BEGINNING = [
    *CREATED[1:],
    opened(0, 1, 0),
    *(admitted(1, who) for who in (ALICE, BOB)),
    *(deposited(1, who) for who in (AGGREGATOR, SECOND)),
]
SUCCESSOR, LAST = "0x" + "5a" * 20, "0x" + "5b" * 20


def _created(**changes: int) -> Record:
    return "TaskCreated", CREATED[0][1] | {"parameters": _PARAMETERS | changes}


_CREATED = _created()
_OPEN = [_CREATED, *_BEGINNING]
_ONE = [*_OPEN, submitted(2, 0, ALICE), submitted(2, 1, BOB)]
_SECOND_ROUND = [*_ONE, proposed(2), finalized(22), opened(22, 2, 1)]
_SPENT = [*_SECOND_ROUND, submitted(23, 0, ALICE, round=2)]
_THIRD_ROUND = [
    *_SPENT,
    proposed(123, round=2, proposer=SECOND),
    finalized(143, 2),
    opened(143, 3, 2),
]
_ABORTED = [
    *_OPEN,
    aborted(101),
    opened(101, 2, 0),
    *(submitted(102, n, who, round=2) for n, who in enumerate((ALICE, BOB))),
]


def make_replay() -> Any:
    """Return what the replay of a task with a budget accepts and refuses."""
    accepted: list[tuple[str, list[Record]]] = [
        ("as many updates as the budget pays for", _SPENT),
        (
            "a round without those who have spent theirs",
            [*_THIRD_ROUND, submitted(144, 0, BOB, round=3)],
        ),
        ("a round without any update costs nothing", _ABORTED),
        ("what was spent moves with an admission", [*_SPENT, succeeded(24, ALICE, SUCCESSOR)]),
        (
            "a successor has what is left",
            [
                *_ONE,
                succeeded(2, ALICE, SUCCESSOR),
                proposed(2),
                finalized(22),
                opened(22, 2, 1),
                submitted(23, 0, SUCCESSOR, round=2),
            ],
        ),
        (
            "another participant has a budget of its own",
            [*_THIRD_ROUND, admitted(144, CAROL), submitted(144, 0, CAROL, round=3)],
        ),
        (
            "nobody can take part, and the round is aborted",
            [
                *_SECOND_ROUND,
                submitted(23, 0, ALICE, round=2),
                submitted(23, 1, BOB, round=2),
                proposed(23, round=2, proposer=SECOND),
                finalized(43, 2),
                opened(43, 3, 2),
                aborted(144, 3),
                opened(144, 4, 2),
            ],
        ),
    ]
    spent = "PrivacyBudgetExceeded"
    refused: list[tuple[str, str, list[Record]]] = [
        (spent, "an update too many", [*_THIRD_ROUND, submitted(144, 0, ALICE, round=3)]),
        (
            spent,
            "a successor of who has spent all",
            [
                *_THIRD_ROUND,
                succeeded(143, ALICE, SUCCESSOR),
                submitted(144, 0, SUCCESSOR, round=3),
            ],
        ),
        (
            spent,
            "a successor of a successor",
            [
                *_SPENT,
                succeeded(24, ALICE, SUCCESSOR),
                succeeded(24, SUCCESSOR, LAST),
                proposed(123, round=2, proposer=SECOND),
                finalized(143, 2),
                opened(143, 3, 2),
                submitted(144, 0, LAST, round=3),
            ],
        ),
        (
            "AlreadySubmitted",
            "an update too many of a round that has one",
            [*_SPENT, submitted(24, 1, ALICE, round=2)],
        ),
        (
            spent,
            "an update too many with too large a weight",
            [*_THIRD_ROUND, submitted(144, 0, ALICE, round=3, weight=11)],
        ),
    ]
    return replay_of(_CREATED, accepted, refused)


def make_committed_replay() -> Any:
    """Return what the replay of one accepts and refuses in which updates are committed to."""
    created = _created(commit_seconds=30, privacy_budget=COST)
    begun = [created, *_BEGINNING]
    both = [*begun, committed(2, ALICE), committed(2, BOB)]
    revealed = [*both, submitted(3, 0, ALICE), submitted(3, 1, BOB)]
    over = [*revealed, proposed(3), finalized(23), opened(23, 2, 1)]
    hidden = [*both, submitted(3, 0, ALICE), proposed(103), finalized(123), opened(123, 2, 1)]
    accepted: list[tuple[str, list[Record]]] = [
        ("a commitment costs nothing, a reveal does", revealed),
        (
            "who did not reveal has spent nothing",
            [*hidden, committed(124, BOB, round=2), submitted(154, 0, BOB, round=2)],
        ),
        (
            "an admission moves between commitment and the next round",
            [*hidden, succeeded(124, BOB, SUCCESSOR), committed(124, SUCCESSOR, round=2)],
        ),
    ]
    spent = "PrivacyBudgetExceeded"
    refused: list[tuple[str, str, list[Record]]] = [
        (spent, "a commitment that nobody could reveal", [*over, committed(24, ALICE, round=2)]),
        (
            spent,
            "a commitment of a successor",
            [*over, succeeded(24, ALICE, SUCCESSOR), committed(24, SUCCESSOR, round=2)],
        ),
    ]
    return replay_of(created, accepted, refused)


def _task() -> TaskOnRecord:
    """Return a task in which one has spent its budget, and another has changed its key."""
    task = TaskOnRecord(budget=(COST, BUDGET))
    task.honest_round()
    task.rotate(1, SUCCESSOR)
    task.submit(0, [1, 2])
    task.submit(2, [3, 4])
    task.propose()
    task.finalize()
    return task


def make_budget() -> Any:
    """Return a task with a privacy budget."""
    about = (
        "Every update costs 10 of a budget of 25: two participants have spent theirs, and the key"
        " that took the place of the third has what that one spent."
    )
    return make_case(about, _task().evidence(), [1, 2])


def make_other_spending() -> Any:
    """Return a ledger whose storage says that somebody has spent less than its records say."""
    evidence = _task().evidence()
    evidence["ledger_state"]["privacy_spent_of"][SUCCESSOR] = "00" * 32
    about = "The ledger's storage says that a participant with another key has spent nothing."
    return make_case(about, evidence, [1, 2], {("ledger_state", None): ["FAIL"]})


MAKERS: dict[str, Callable[[], Any]] = {
    "round/replay_budgets.json": make_replay,
    "round/replay_committed_budgets.json": make_committed_replay,
    "audit/budget.json": make_budget,
    "audit/other_spending.json": make_other_spending,
}
