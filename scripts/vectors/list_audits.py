"""Vectors of audits of tasks with lists of updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scripts.vectors.audits import Exceptions, make_case
from scripts.vectors.evidence import TaskOnRecord

LISTED = ("update_list", 1)


def make_lists() -> Any:
    """Return two rounds in which lists have what counts and what does not."""
    task = TaskOnRecord(list_seconds=40)
    task.submit(2, [9, 9])
    task.list_updates(
        1,
        (0, [10, -20], "included", {}),
        (1, [1, 2], "unsigned", {"weight": 201}),
        (2, [5, 6], "duplicate", {}),
    )
    task.list_updates(2, (0, [10, -20], "duplicate", {}), (1, [3, 4], "included", {}))
    task.propose()
    task.finalize()
    task.list_updates(
        3, (0, [7, 8], "included", {}), (1, [9, 9], "not_admitted", {}), (2, [1, 1], "included", {})
    )
    gone = {"participant": task.participants[1]}
    task.note(task.registry, "ParticipantRevoked", **gone)
    task.note(task.ledger, "ParticipantRemoved", **gone)
    task.propose()
    task.finalize()
    about = (
        "In round 1 participant 2 submits, and two aggregators list: what is altered counts for"
        " nothing, nor what comes second, nor, in round 2, who is removed while they collect."
    )
    more: Exceptions = {LISTED: ["PASS"], ("update_list", 2): ["PASS"]}
    return make_case(about, task.evidence(), [1, 2], more)


def make_missing_list() -> Any:
    """Return a round whose list nobody has, though the report includes what is in it."""
    task = TaskOnRecord(list_seconds=40)
    task.list_updates(1, (0, [10, -20], "included", {}), (1, [1, 2], "included", {}))
    task.propose()
    task.finalize()
    task.lose("list 1 of round 1")
    about = "Nobody has the list of round 1, and no report says so."
    missing: Exceptions = {
        ("update_blob", 1): [],
        ("exclusions", 1): [],
        ("aggregate", 1): [],
        LISTED: ["UNDECIDABLE"],
    }
    return make_case(about, task.evidence(), [1], missing)


def make_unavailable_list() -> Any:
    """Return rounds whose lists are given as unavailable; one of them can be had."""
    task = TaskOnRecord(list_seconds=40)
    for _ in range(2):
        task.list_updates(1, (0, [1, 2], "unavailable", {}), (1, [1, 2], "unavailable", {}))
        task.submit(2, [5, 6])
        task.propose()
        task.finalize()
    task.lose("list 1 of round 1")
    about = (
        "The lists of both rounds are given as unavailable. Nobody has the first; the second, and"
        " what it lists, can be fetched."
    )
    more: Exceptions = {
        LISTED: ["PASS"],
        ("update_list", 2): ["PASS"],
        ("exclusions", 2): ["UNDECIDABLE"],
    }
    return make_case(about, task.evidence(), [1, 2], more)


def make_forged_entry() -> Any:
    """Return a round that includes an entry that its participant has not signed."""
    task = TaskOnRecord(list_seconds=40)
    task.list_updates(1, (0, [10, -20], "included", {}), (1, [1, 2], "included", {"weight": 999}))
    task.propose()
    task.finalize()
    about = "The weight of update 1 is not what its participant signed, and the model has it."
    wrong: Exceptions = {
        LISTED: ["PASS"],
        ("exclusions", 1): ["FAIL"],
        ("aggregate", 1): ["FAIL"],
    }
    return make_case(about, task.evidence(), [1], wrong)


MAKERS: dict[str, Callable[[], Any]] = {
    "audit/lists.json": make_lists,
    "audit/missing_list.json": make_missing_list,
    "audit/unavailable_list.json": make_unavailable_list,
    "audit/forged_entry.json": make_forged_entry,
}
