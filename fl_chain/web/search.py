"""From what somebody has copied from elsewhere to the page about it."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.records import ModelProposed, UpdatesListed
from fl_chain.roles.explorer import OpenTask
from fl_chain.roles.history_updates import find_updates
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
        if address in task.history.aggregators:
            hits[f"{path}/aggregator/{address}"] = f"Aggregator {shorten(address)}"
        if address in (summary["coordinator"], summary["registry"]):
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
            _add_content(hits, path, task, word)
            if index.find_transaction(word):
                hits[f"{path}/transaction/0x{digits}"] = "Transaction"
    elif text.startswith("b"):
        try:
            cid = Cid.parse(text)
        except MalformedBlob:
            return []
        _add_content(hits, path, task, cid.digest)
        for row in task.models:
            if row["cid"] == text:
                hits[f"{path}/model/{row['model']}"] = f"Model of round {row['round']}"
        if cid.digest == task.history.parameters.manifest_cid_digest:
            hits[path] = "Manifest of the task"
    elif summary["name"] and len(text) >= 3 and text.lower() in summary["name"].lower():
        hits[path] = "Task"
    named = f"{name}, {shorten(task.address)}"
    return [(what, named, where) for where, what in hits.items()]


def _add_content(hits: dict[str, str], path: str, task: OpenTask, digest: bytes) -> None:
    """Add updates, lists and reports with a digest, in themselves or in their CID."""
    for number, sequence in islice(find_updates(task.history, digest), MOST_HITS):
        hits[f"{path}/update/{number}/{sequence}"] = f"Update {sequence} of round {number}"
    for item in task.history.index.records(UpdatesListed, ModelProposed):
        match item.record:
            case UpdatesListed() as listed if digest in (listed.digest, listed.cid_digest):
                hits[f"{path}/round/{listed.round}"] = f"List of updates of round {listed.round}"
            case ModelProposed() as proposed if digest == proposed.report_cid_digest:
                hits[f"{path}/round/{proposed.round}"] = f"Report of round {proposed.round}"
