"""Pages of the chain and of one task."""

from __future__ import annotations

from itertools import islice
from typing import Any

from fl_chain.roles.audit_statements import list_audits
from fl_chain.web.curves import curves_of_measures, curves_of_rounds
from fl_chain.web.page import (
    Page,
    Query,
    Site,
    check_address,
    frame_task,
    name_of,
    plain_findings,
)
from fl_chain.web.paging import parse_page
from fl_chain.web.verdicts import (
    NOT_AUDITED,
    problems_first,
    standing_of_findings,
    standing_of_round,
)
from fl_chain.web.words import WORDS

MOST_TASKS = 200
MOST_PROBLEMS = 20
MOST_AUDITS = 50


def show_tasks(site: Site, query: Query) -> Page:
    """Return the page with every task."""
    addresses = site.explorer.list_addresses()
    rows: list[dict[str, Any]] = []
    for address in islice(reversed(addresses), MOST_TASKS):
        with site.explorer.open(address) as task:
            frame = frame_task(site, task)
            rows.append({"row": frame.summary, "standing": frame.standing, "over": task.is_over})
    twin = {
        "page": "tasks",
        "rows": [row["row"] for row in rows],
        "verdicts": {row["row"]["task"]: row["standing"].label for row in rows},
    }
    values = {"tasks": rows, "total": len(addresses), "heading": "Tasks"}
    live = any(not row["over"] or row["standing"].label == NOT_AUDITED for row in rows)
    return Page("tasks.html", "Tasks", values, twin, is_live=live)


def show_task(site: Site, query: Query, address: str) -> Page:
    """Return the page of one task."""
    with site.explorer.open(check_address(address)) as task:
        frame = frame_task(site, task)
        newest = task.rounds[::-1]
        paging = parse_page(query.get("page", ""), len(newest))
        rounds: list[dict[str, Any]] = [
            {
                "row": row,
                "standing": standing_of_round(
                    row, frame.audit.of_round(row["round"], row["model"])
                ),
            }
            for row in newest[paging.first : paging.last]
        ]
        found = [
            finding
            for row in task.rounds
            if (audit := frame.audit.of_round(row["round"], row["model"]))
            for finding in audit.findings
        ]
        problems = [
            finding
            for finding in problems_first([*frame.audit.findings, *found])
            if finding.verdict != "PASS"
        ]
        audits = list(islice(list_audits(task.history), MOST_AUDITS))
        manifest = task.history.manifest
        values: dict[str, Any] = {
            "frame": frame,
            "heading": name_of(frame.summary),
            "is_over": task.is_over,
            "created": task.history.created,
            "manifest": manifest,
            "parameters": task.history.parameters,
            "rounds": rounds,
            "paging": paging,
            "problems": problems[:MOST_PROBLEMS],
            "num_problems": len(problems),
            "task_standing": standing_of_findings(frame.audit.findings, "the task"),
            "curves": [
                *curves_of_rounds(task.rounds, frame.path),
                *curves_of_measures(task.measures, frame.path),
            ],
            "audits": audits,
            "num_disputes": len(task.disputes),
            "disputes": task.disputes,
        }
        twin = {
            "page": "task",
            "task": frame.summary,
            "verdict": frame.standing.label,
            "history_hash": task.history_hash,
            "num_records": task.num_records,
            "findings": plain_findings(frame.audit.findings),
            "first": paging.first,
            "total": paging.total,
            "rows": [entry["row"] for entry in rounds],
            "verdicts": {str(e["row"]["round"]): e["standing"].label for e in rounds},
        }
        trail = (("Tasks", "/"),)
        live = not task.is_over or frame.standing.label == NOT_AUDITED
        return Page("task.html", name_of(frame.summary), values, twin, trail, is_live=live)


def show_participants(site: Site, query: Query, address: str) -> Page:
    """Return the page with everybody who took part in a task."""
    return _show_table(site, query, address, "participants")


def show_aggregators(site: Site, query: Query, address: str) -> Page:
    """Return the page with everybody who aggregates a task."""
    return _show_table(site, query, address, "aggregators")


def show_disputes(site: Site, query: Query, address: str) -> Page:
    """Return the page with every dispute and every bond that was taken."""
    return _show_table(site, query, address, "disputes")


def _show_table(site: Site, query: Query, address: str, name: str) -> Page:
    """Return the page of one of a task's tables: an attribute of it, with a template."""
    with site.explorer.open(check_address(address)) as task:
        frame = frame_task(site, task)
        whole: list[dict[str, Any]] = getattr(task, name)
        paging = parse_page(query.get("page", ""), len(whole))
        rows, heading = whole[paging.first : paging.last], name.capitalize()
        values = {"frame": frame, "rows": rows, "paging": paging, "heading": heading}
        twin = {
            "page": name,
            "task": frame.summary,
            "first": paging.first,
            "total": paging.total,
            "rows": rows,
        }
        live = not task.is_over
        return Page(f"{name}.html", heading, values, twin, frame.trail, is_live=live)


def show_words(site: Site, query: Query) -> Page:
    """Return the page that explains the words."""
    twin = {"page": "words", "words": dict(WORDS)}
    return Page("words.html", "Words", {"heading": "Words"}, twin, (("Tasks", "/"),))
