"""From what somebody has copied from elsewhere to the page about it."""

from __future__ import annotations

import re
from typing import Final

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.cid import Cid
from fl_chain.roles.explorer import OpenTask
from fl_chain.web.page import Page, Query, Redirect, Site, name_of, shorten

MAX_QUERY: Final = 200
MOST_HITS: Final = 50
_HEX: Final = re.compile(r"(0x)?([0-9a-f]+)")
_FEWEST_DIGITS: Final = 8


def show_search(site: Site, query: Query) -> Page | Redirect:
    """Return the page of what was found, or the way to it if it is one thing only."""
    text = " ".join(query.get("q", "")[:MAX_QUERY].split())
    hits: list[tuple[str, str, str]] = []
    if text:
        for address in site.explorer.list_addresses():
            with site.explorer.open(address) as task:
                hits += find_in_task(task, text)
            if len(hits) >= MOST_HITS:
                break
    if len(hits) == 1:
        return Redirect(hits[0][2])
    values = {"query": text, "hits": hits[:MOST_HITS], "heading": "Search"}
    rows = [{"what": what, "task": task, "path": path} for what, task, path in hits[:MOST_HITS]]
    return Page("search.html", "Search", values, {"page": "search", "query": text, "rows": rows})


def find_in_task(task: OpenTask, text: str) -> list[tuple[str, str, str]]:
    """Return name, task and path of everything in a task that a text stands for."""
    path = f"/task/{task.address}"
    summary = task.summary
    name = name_of(summary)
    hits: dict[str, str] = {}
    match = _HEX.fullmatch(text.lower())
    digits = match[2] if match else ""
    index = task.history.index
    if len(digits) == 40:
        address = "0x" + digits
        if address == task.address:
            hits[path] = "Task"
        if any(row["participant"] == address for row in task.participants):
            hits[f"{path}/participant/{address}"] = f"Participant {shorten(address)}"
        if address in (summary["coordinator"], summary["registry"], *task.history.aggregators):
            hits[path] = "Task in which this address has a role"
    elif len(digits) >= _FEWEST_DIGITS:
        if summary["task_id"].startswith(digits):
            hits[path] = "Task"
        for row in task.models:
            if row["model"].startswith(digits):
                hits[f"{path}/model/{row['model']}"] = f"Model of round {row['round']}"
            if row["report"] and row["report"].startswith(digits):
                hits[f"{path}/round/{row['round']}"] = f"Report of round {row['round']}"
        if len(digits) == 64:
            word = bytes.fromhex(digits)
            for item in [*index.find_digest(word), *index.find_cid_digest(word)]:
                _add_update(hits, path, item.record)
            if index.find_transaction(word):
                hits[f"{path}/transaction/0x{digits}"] = "Transaction"
    elif text.startswith("b"):
        try:
            cid = Cid.parse(text)
        except MalformedBlob:
            return []
        for item in index.find_cid_digest(cid.digest):
            _add_update(hits, path, item.record)
        for row in task.models:
            if row["cid"] == text:
                hits[f"{path}/model/{row['model']}"] = f"Model of round {row['round']}"
        if cid.digest == task.history.parameters.manifest_cid_digest:
            hits[path] = "Manifest of the task"
    elif summary["name"] and len(text) >= 3 and text.lower() in summary["name"].lower():
        hits[path] = "Task"
    named = f"{name}, {shorten(task.address)}"
    return [(what, named, where) for where, what in hits.items()]


def _add_update(hits: dict[str, str], path: str, record: object) -> None:
    number, sequence = getattr(record, "round", 0), getattr(record, "sequence", 0)
    hits[f"{path}/update/{number}/{sequence}"] = f"Update {sequence} of round {number}"
