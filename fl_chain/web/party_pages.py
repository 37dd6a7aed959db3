"""Pages of one participant, and of one aggregator."""

from __future__ import annotations

from itertools import islice
from typing import Any

from fl_chain.errors import UsageError
from fl_chain.roles.history_aggregators import describe_aggregator
from fl_chain.roles.history_details import describe_participant_standing
from fl_chain.roles.history_updates import list_updates
from fl_chain.roles.task_history import Selection
from fl_chain.web.curves import curves_of_participant
from fl_chain.web.page import Page, Query, Site, check_address, frame_task, shorten
from fl_chain.web.paging import parse_page
from fl_chain.web.round_pages import MOST_RECORDS
from fl_chain.web.verdicts import standing_of_round


def show_participant(site: Site, query: Query, address: str, participant: str) -> Page:
    """Return the page of one participant."""
    participant = check_address(participant)
    with site.explorer.open(check_address(address)) as task:
        frame = frame_task(site, task)
        row = next((r for r in task.participants if r["participant"] == participant), None)
        records = describe_participant_standing(task.history, participant)
        if row is None and not records:
            raise UsageError(f"{participant} never took part in this task")
        row = row or {"participant": participant, "is_admitted": False, "updates": 0}
        selection = Selection(participant=participant)
        total = row["updates"]
        if task.history.parameters.list_seconds:  # counts leave out what was listed
            total = sum(1 for _ in list_updates(task.history, selection))
        paging = parse_page(query.get("page", ""), total)
        rows = list(islice(list_updates(task.history, selection), paging.first, paging.last))
        values = {
            "frame": frame,
            "heading": "Participant",
            "row": row,
            "updates": rows,
            "paging": paging,
            "records": records,
            "curves": curves_of_participant(rows, frame.path),
        }
        twin = {
            "page": "participant",
            "task": frame.summary,
            "first": paging.first,
            "total": paging.total,
            "rows": [{**row, "submissions": rows, "records": records}],
        }
        title, live = f"Participant {shorten(participant)}", not task.is_over
        trail = (*frame.trail, ("Participants", f"{frame.path}/participants"))
        return Page("participant.html", title, values, twin, trail, is_live=live)


def show_aggregator(site: Site, query: Query, address: str, aggregator: str) -> Page:
    """Return the page of one aggregator."""
    aggregator = check_address(aggregator)
    with site.explorer.open(check_address(address)) as task:
        frame = frame_task(site, task)
        row = describe_aggregator(task.history, aggregator)
        models = row["models"][::-1]
        paging = parse_page(query.get("page", ""), len(models))
        rounds = {found["round"]: found for found in task.rounds}
        shown: list[dict[str, Any]] = []
        for model in models[paging.first : paging.last]:
            on_record = rounds[model["round"]]
            audit = frame.audit.of_round(model["round"], model["model"])
            is_on_record = on_record["model"] == model["model"]
            standing = standing_of_round(on_record, audit) if is_on_record else None
            shown.append({"row": model, "standing": standing})
        values = {
            "frame": frame,
            "heading": "Aggregator",
            "row": row,
            "models": shown,
            "paging": paging,
            "records": row["records"][-MOST_RECORDS:][::-1],
        }
        twin = {
            "page": "aggregator",
            "task": frame.summary,
            "first": paging.first,
            "total": paging.total,
            "rows": [{**row, "models": [entry["row"] for entry in shown]}],
        }
        title, live = f"Aggregator {shorten(aggregator)}", not task.is_over
        trail = (*frame.trail, ("Aggregators", f"{frame.path}/aggregators"))
        return Page("aggregator.html", title, values, twin, trail, is_live=live)
