"""Where a model comes from: whose updates, with which weights, on which model before it.

Back to the genesis model, and all of it by one recipe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from fl_chain.errors import UsageError
from fl_chain.index.selection import Selection
from fl_chain.protocol.records import ModelProposed
from fl_chain.protocol.report import RoundReport
from fl_chain.roles.history import list_models
from fl_chain.roles.history_updates import list_updates
from fl_chain.roles.task_history import Row, TaskHistory

FEWEST_DIGITS = 8
"""Of a digest, from its start; fewer would too often mean several."""


def trace_model(history: TaskHistory, digest: str, depth: int | None = None) -> Iterator[Row]:
    """Yield a row per model that a model comes from, itself first, the genesis model last.

    Parameters
    ----------
    history
        Of the task.
    digest
        The model's digest, or at least 8 of its first hexadecimal digits.
    depth
        How many models to go back at most; None for all.

    Yields
    ------
    dict
        ``status`` of an update is ``included``, the reason why it was left out, or None where the
        round report cannot be had. ``total_weight`` is what the weights of the included ones are
        divided by.

    Raises
    ------
    UsageError
        No model of the task has such a digest.
    """
    models = list(list_models(history))
    final = {row["round"]: row for row in models if row["outcome"] in ("genesis", "final")}
    row: Row | None = _find(models, digest)
    proposals = {
        record.model_digest.hex(): record
        for item in history.index.records(ModelProposed)
        if isinstance(record := item.record, ModelProposed)
    }
    while row is not None and (depth is None or depth >= 0):
        if row["outcome"] == "genesis":
            yield {**row, **_recipe(history), "total_weight": None, "submissions": []}
            return
        proposal = proposals[row["model"]]
        report = history.find_report(proposal, history.count_updates_of(row["round"]))
        only = Selection(row["round"], row["round"])
        updates = [
            {**update, "status": _status(report, update["sequence"])}
            for update in list_updates(history, only)
        ]
        total = report.total_weight if report else None
        yield {**row, **_recipe(history), "total_weight": total, "submissions": updates}
        row = final.get(row["base_round"])
        depth = None if depth is None else depth - 1


def _find(models: list[Row], digest: str) -> Row:
    digest = digest.lower().removeprefix("0x")
    found = [row for row in models if row["model"].startswith(digest)]
    if len(digest) < FEWEST_DIGITS or not found:
        raise UsageError(
            f"no model of this task has a digest that begins with {digest[:64]!r}",
            f"at least {FEWEST_DIGITS} digits; fl-chain history models lists them",
        )
    if len({row["model"] for row in found}) > 1:
        raise UsageError(f"several models begin with {digest}", "give more digits")
    return next((row for row in found if row["outcome"] == "final"), found[0])


def _status(report: RoundReport | None, sequence: int) -> str | None:
    if report is None or sequence >= len(report.statuses):
        return None
    reason = report.reason_of(sequence)
    return reason.value if reason else "included"


def _recipe(history: TaskHistory) -> Row:
    manifest = history.manifest
    if manifest is None:
        return {"rule": None, "num_malicious": None, "recipe": None}
    recipe = asdict(manifest.recipe)
    recipe["environment"] = dict(manifest.recipe.environment)
    num_malicious = manifest.num_malicious
    return {"rule": manifest.rule, "num_malicious": num_malicious, "recipe": recipe}
