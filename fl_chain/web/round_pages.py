"""Pages of one round, and of what is in it."""

from __future__ import annotations

from itertools import islice
from typing import Any

from fl_chain.errors import UsageError
from fl_chain.protocol.promises import read_promise
from fl_chain.roles.explorer import OpenTask
from fl_chain.roles.history_details import describe_record
from fl_chain.roles.history_updates import list_updates
from fl_chain.roles.lineage import trace_model
from fl_chain.roles.task_history import Selection
from fl_chain.web.lineage_graph import draw_lineage
from fl_chain.web.page import (
    Page,
    Query,
    Site,
    check_address,
    frame_task,
    plain_findings,
    shorten,
)
from fl_chain.web.paging import parse_page
from fl_chain.web.verdicts import NOT_AUDITED, standing_of_round, standing_of_update

MOST_RECORDS = 200
MODELS_SHOWN = 6
"""Of a lineage; the oldest of them links to the ones before."""


def show_round(site: Site, query: Query, address: str, number: int) -> Page:
    """Return the page of one round."""
    with site.explorer.open(check_address(address)) as task:
        frame = frame_task(site, task)
        row = find_round(task, number)
        audit = frame.audit.of_round(number, row["model"])
        paging = parse_page(query.get("page", ""), row["updates"])
        updates = list(_updates_of(task, number, paging.first, paging.last))
        disputes = [dispute for dispute in task.disputes if dispute["round"] == number]
        items = [
            describe_record(item)
            for item in task.history.index.records_of_round(number)
            if type(item.record).__name__ not in ("UpdateCommitted", "SeedRevealed")
        ]
        models = [model for model in task.models if model["round"] == number]
        values: dict[str, Any] = {
            "frame": frame,
            "heading": f"Round {number}",
            "row": row,
            "standing": standing_of_round(row, audit),
            "findings": audit.findings if audit else (),
            "updates": updates,
            "paging": paging,
            "disputes": disputes,
            "models": models,
            "records": items[:MOST_RECORDS],
            "num_records": len(items),
            "statuses": task.statuses_of(number),
            "has_next": number < task.rounds[-1]["round"],
        }
        twin = {
            "page": "round",
            "task": frame.summary,
            "verdict": values["standing"].label,
            "findings": plain_findings(audit.findings if audit else ()),
            "first": paging.first,
            "total": paging.total,
            "rows": [{**row, "submissions": updates, "disputes": disputes, "records": items}],
        }
        is_running = row["phase"] not in ("FINALIZED", "ABORTED") and not task.is_over
        live = is_running or values["standing"].label == NOT_AUDITED
        return Page("round.html", f"Round {number}", values, twin, frame.trail, is_live=live)


def show_update(site: Site, query: Query, address: str, number: int, sequence: int) -> Page:
    """Return the page of one update."""
    with site.explorer.open(check_address(address)) as task:
        frame = frame_task(site, task)
        row = find_round(task, number)
        found = None
        if sequence < row["updates"]:
            found = next(iter(_updates_of(task, number, sequence, sequence + 1)), None)
        if found is None or found["sequence"] != sequence:
            raise UsageError(f"round {number} has no update {sequence}")
        audit = frame.audit.of_round(number, row["model"])
        status = task.statuses_of(number).get(sequence)
        values = {
            "frame": frame,
            "heading": f"Update {sequence} of round {number}",
            "row": row,
            "update": found,
            "promised_until": _promise(task, found["participant"], found["submitted_at"]),
            "status": status,
            "total_weight": task.total_weight_of(number),
            "standing": standing_of_update(standing_of_round(row, audit), status),
            "findings": [
                f for f in (audit.findings if audit else ()) if f.check in _CHECKS_OF_UPDATES
            ],
        }
        twin = {
            "page": "update",
            "task": frame.summary,
            "verdict": values["standing"].label,
            "status": values["status"],
            "promised_until": values["promised_until"],
            "rows": [found],
        }
        trail = (*frame.trail, (f"Round {number}", f"{frame.path}/round/{number}"))
        live = values["standing"].label == NOT_AUDITED
        return Page("update.html", f"Update {sequence}", values, twin, trail, is_live=live)


def _promise(task: OpenTask, sender: str | None, recorded_at: int | None) -> int | None:
    """Return until when a sender promised to keep what it recorded; None if nobody knows."""
    manifest = task.history.manifest
    if manifest is None or sender is None or recorded_at is None:
        return None
    promise = read_promise(manifest, sender, recorded_at)
    return promise.until if promise else None


def show_model(site: Site, query: Query, address: str, digest: str) -> Page:
    """Return the page of one model, with its lineage."""
    with site.explorer.open(check_address(address)) as task:
        frame = frame_task(site, task)
        lineage = list(trace_model(task.history, digest, MODELS_SHOWN))
        oldest = lineage.pop() if len(lineage) > MODELS_SHOWN else None
        model = lineage[0]
        row = find_round(task, model["round"])
        audit = frame.audit.of_round(model["round"], model["model"])
        values = {
            "frame": frame,
            "heading": f"Model {shorten(model['model'])}",
            "model": model,
            "promised_until": _promise(task, model["proposer"], model["proposed_at"]),
            "is_on_record": row["model"] == model["model"],
            "became_final": row["model"] if row["phase"] == "FINALIZED" else None,
            "disputes": []
            if row["model"] == model["model"]
            else [one for one in task.disputes if one["accused"] == model["proposer"]],
            "standing": standing_of_round({**row, "model": model["model"]}, audit),
            "lineage": lineage,
            "oldest": oldest,
            "graph": draw_lineage(lineage, oldest, frame.path),
        }
        twin = {
            "page": "model",
            "task": frame.summary,
            "verdict": values["standing"].label,
            "promised_until": values["promised_until"],
            "rows": lineage,
        }
        trail = (*frame.trail, (f"Round {model['round']}", f"{frame.path}/round/{model['round']}"))
        return Page("model.html", f"Model {shorten(model['model'])}", values, twin, trail)


def show_transaction(site: Site, query: Query, address: str, transaction: str) -> Page:
    """Return the page with the records that one transaction made."""
    with site.explorer.open(check_address(address)) as task:
        frame = frame_task(site, task)
        digits = transaction.lower().removeprefix("0x")
        try:
            found = task.history.index.find_transaction(bytes.fromhex(digits))
        except ValueError:
            found = []
        if not found or len(digits) != 64:
            raise UsageError(f"no record of this task is of transaction {transaction[:80]!r}")
        rows = [describe_record(item) for item in found]
        paging = parse_page(query.get("page", ""), len(rows))
        values = {
            "frame": frame,
            "heading": "Transaction",
            "transaction": "0x" + digits,
            "block": found[0].block,
            "records": rows[paging.first : paging.last],
            "paging": paging,
        }
        twin = {"page": "transaction", "task": frame.summary, "rows": values["records"]}
        return Page(
            "transaction.html", f"Transaction {shorten('0x' + digits)}", values, twin, frame.trail
        )


_CHECKS_OF_UPDATES = ("update_blob", "update_list", "exclusions", "aggregate")


def find_round(task: OpenTask, number: int) -> dict[str, Any]:
    """Return the row of a round.

    Raises
    ------
    UsageError
        There is none.
    """
    rows = task.rounds
    if number < len(rows) and rows[number]["round"] == number:
        return rows[number]
    for row in rows:
        if row["round"] == number:
            return row
    raise UsageError(f"there is no round {str(number)[:20]}", "the page of the task lists them")


def _updates_of(task: OpenTask, number: int, first: int, last: int) -> Any:
    return islice(list_updates(task.history, Selection(number, number)), first, last)
