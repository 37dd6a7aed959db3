"""Vectors of audits that name who promised to provide what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scripts.vectors.audits import Exceptions, make_case
from scripts.vectors.evidence import AGGREGATORS, COORDINATOR, TaskOnRecord, spell

KEEP_SECONDS = 86_400


def make_promises() -> Any:
    """Return two rounds of a task with promises, each of which lacks something."""
    task = TaskOnRecord(keep_seconds=KEEP_SECONDS)
    task.submit_all()
    task.propose()
    proposed = [task.now]
    task.finalize()
    task.submit_all()
    submitted = task.now - 1  # the second of three, a second apart
    task.propose()
    proposed.append(task.now)
    task.finalize()
    task.lose("report of round 1")
    task.lose("model of round 1")
    task.lose("update 1 of round 2")
    task.serve("model of round 2", **spell(b"\0"))
    about = (
        "Of round 1 the report and the model are missing, of round 2 an update is, and the model is"
        " another: whoever recorded them promised to provide them for a day."
    )
    missing: Exceptions = {
        ("report", 1): ["UNDECIDABLE"],
        ("exclusions", 1): [],
        ("model_blob", 1): ["UNDECIDABLE"],
        ("update_blob", 2): ["UNDECIDABLE"],
        ("aggregate", 2): [],
        ("model_blob", 2): ["FAIL"],
    }
    first, second = AGGREGATORS[:2]
    return _with_promises(
        make_case(about, task.evidence(), [1, 2], missing),
        {
            ("report", 1): (first, proposed[0]),
            ("model_blob", 1): (first, proposed[0]),
            ("update_blob", 2): (task.participants[1], submitted),
            ("model_blob", 2): (second, proposed[1]),
        },
    )


def make_promises_of_lists() -> Any:
    """Return a task with promises of which a listed update is gone, and a list."""
    task = TaskOnRecord(list_seconds=40, keep_seconds=KEEP_SECONDS)
    listed = []
    for _ in range(2):
        task.list_updates(1, (0, [10, -20], "included", {}), (1, [1, 2], "included", {}))
        listed.append(task.now)
        task.propose()
        task.finalize()
    task.lose("update 1 of round 1")
    task.lose("list 1 of round 2")
    about = (
        "In a task with promises nobody has an update of round 1, which its participant promised"
        " when it signed for a list, nor the list of round 2, which its aggregator promised."
    )
    missing: Exceptions = {
        ("update_list", 1): ["PASS"],
        ("update_blob", 1): ["UNDECIDABLE"],
        ("aggregate", 1): [],
        ("update_list", 2): ["UNDECIDABLE"],
        ("update_blob", 2): [],
        ("exclusions", 2): [],
        ("aggregate", 2): [],
    }
    return _with_promises(
        make_case(about, task.evidence(), [1, 2], missing),
        {
            ("update_blob", 1): (task.participants[1], listed[0]),
            ("update_list", 2): (AGGREGATORS[0], listed[1]),
        },
    )


def make_promised_models() -> Any:
    """Return a task with promises of which the models are gone that two rounds start from."""
    task = TaskOnRecord(keep_seconds=KEEP_SECONDS)
    created = next(values["timestamp"] for event, values in task.ledger if event == "TaskCreated")
    task.submit_all()
    task.propose()
    proposed = task.now
    task.finalize()
    task.honest_round()
    task.lose("genesis")
    task.lose("model of round 1")
    about = (
        "Nobody has the genesis model, which the coordinator promised to provide for a day, nor the"
        " model of round 1, which its proposer promised; no round can be executed again."
    )
    missing: Exceptions = {
        ("genesis_model", None): ["UNDECIDABLE"],
        ("base_model", 1): ["UNDECIDABLE"],
    }
    return _with_promises(
        make_case(about, task.evidence(), [], missing),
        {
            ("genesis_model", None): (COORDINATOR, created),
            ("base_model", 1): (AGGREGATORS[0], proposed),
        },
    )


def _with_promises(case: Any, promises: dict[tuple[str, int | None], tuple[str, int]]) -> Any:
    """Add to findings who recorded what they miss, and when that was, as a promise."""
    for finding in case["findings"]:
        place = (finding["check"], finding["round"])
        if finding["verdict"] != "PASS" and place in promises:
            who, recorded_at = promises.pop(place)
            finding |= {"promised_by": who, "promised_until": recorded_at + KEEP_SECONDS}
    assert not promises  # noqa: S101 - or the case is another one
    return case


MAKERS: dict[str, Callable[[], Any]] = {
    "audit/promises.json": make_promises,
    "audit/promises_of_lists.json": make_promises_of_lists,
    "audit/promised_models.json": make_promised_models,
}
