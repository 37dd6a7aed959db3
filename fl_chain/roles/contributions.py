"""What each participant contributed to a round, from chain, IPFS and a validation set.

Anybody with the same validation set gets the same ranking: the one of a data set that comes with
fl_chain, which its digest fixes, or a file, whose digest is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from fl_chain.aggregation.contribution import (
    Coalitions,
    Contributed,
    estimate_shapley,
    leave_one_out,
)
from fl_chain.aggregation.derive import RoundAggregation
from fl_chain.aggregation.round_blobs import read_lanes
from fl_chain.errors import LocalStateError, StoreError, UsageError
from fl_chain.index.selection import Selection
from fl_chain.privacy.sealing import NO_KEYS, KeyRing
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.protocol.staleness import list_base_digests
from fl_chain.roles.evaluator import Evaluator
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.history_updates import list_updates
from fl_chain.roles.task_history import Row, TaskHistory
from fl_chain.storage.store import ContentStore

MEASURES: Final = ("loss", "accuracy")
MOST_UPDATES: Final = 200
"""Of a round: each is held, and leaving out each asks for an evaluation."""

Note = Callable[[int], None]
"""Told how many coalitions were evaluated."""


def list_contributions(
    history: TaskHistory,
    store: ContentStore,
    evaluator: Evaluator,
    round_number: int,
    *,
    measure: str = "loss",
    has_shapley: bool = False,
    keys: KeyRing = NO_KEYS,
    note: Note = lambda count: None,
) -> Iterator[Row]:
    """Yield what each included update of a finalized round contributed.

    ``cosine`` is that of the update with the sum of all; ``leave_one_out`` how much better the
    validation set is predicted with it than without it, in nats of loss or in accuracy; ``shapley``
    its share of what the round gained, likewise.

    Parameters
    ----------
    history, store
        The task, and where updates are fetched from.
    evaluator
        Has the validation set.
    round_number
        The round.
    measure
        One of MEASURES.
    has_shapley
        Whether to compute Shapley values, which takes many evaluations.
    keys
        What opens updates, where they are sealed.
    note
        Told about progress.

    Raises
    ------
    UsageError
        The round has no final model, too many updates, or no accuracy; or updates are masked.
    StoreError
        An update cannot be had.
    CannotDecrypt
        Updates are sealed, and none of the keys opens them.
    """
    follower = evaluator.follower
    follower.refresh()
    updates = _collect(history, follower, store, round_number, keys)
    base = follower.model(follower.task.rounds[round_number].opened.base_round)
    coalitions = Coalitions(follower.manifest, round_number, base, updates)
    count = 0

    @cache
    def value(members: frozenset[int]) -> float:
        nonlocal count
        evaluation = evaluator.evaluate_model(coalitions.model(members))
        count += 1
        note(count)
        if measure == "loss":
            return -evaluation.loss
        if evaluation.accuracy is None:
            raise UsageError("a number that is predicted has no accuracy", "--measure loss")
        return evaluation.accuracy

    without = leave_one_out(len(updates), value)
    shares: list[float | None] = [None] * len(updates)
    if has_shapley:
        seed = f"fl_chain/shapley/{follower.manifest.task_id}/{round_number}"
        shares = list(estimate_shapley(len(updates), value, seed))
    columns = zip(updates, coalitions.cosines(), without, shares, strict=True)
    for update, cosine, influence, share in columns:
        yield {
            "round": round_number,
            "participant": update.participant,
            "weight": update.weight,
            "cosine": round(cosine, 6),
            "leave_one_out": round(influence, 6),
            "shapley": None if share is None else round(share, 6),
        }


def describe_validation(evaluator: Evaluator, data: Path | None) -> str:
    """Return what others need to get the same numbers: a data set's name, or a file's digest."""
    if data is None:
        return f"the test set of {evaluator.follower.manifest.recipe.data}"
    if data.is_dir():
        return f"what the project loads from {data}"
    try:
        with data.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LocalStateError(f"cannot read {data}: {error.strerror}") from None
    return f"{data.name}, SHA-256 {digest}"


def _collect(
    history: TaskHistory,
    follower: TaskFollower,
    store: ContentStore,
    round_number: int,
    keys: KeyRing,
) -> list[Contributed]:
    task, manifest = follower.task, follower.manifest
    if manifest.privacy.is_masked:
        raise UsageError(
            "updates of this task are masked: what a single one contributed nobody can tell",
            "the sums of groups are all that comes out",
        )
    found = task.rounds.get(round_number)
    if found is None or found.finalized is None:
        raise UsageError(f"round {round_number} has no final model")
    rows = list(list_updates(history, Selection(round_number, round_number)))
    if len(rows) > MOST_UPDATES:
        raise UsageError(f"round {round_number} has {len(rows)} updates, at most {MOST_UPDATES}")
    bases = list_base_digests(task, round_number, manifest.max_staleness)
    aggregation = RoundAggregation(manifest, round_number, bases, keys)
    updates = []
    for row in rows:
        if row["cid"] is None or row.get("reason"):
            continue  # of a list that cannot be had, or excluded by it
        record = UpdateSubmitted(
            round=round_number,
            participant=row["participant"],
            sequence=row["sequence"],
            digest=bytes.fromhex(row["digest"]),
            cid_digest=bytes.fromhex(row["cid_digest"]),
            weight=row["weight"],
            timestamp=row["submitted_at"],
        )
        data = _fetch(store, row["cid"], aggregation.fetch_bytes)
        if aggregation.add(record, data) is None:
            lanes = read_lanes(manifest, round_number, aggregation.unseal(record, data))
            updates.append(Contributed(record.participant, record.weight, lanes))
    return updates


def _fetch(store: ContentStore, cid: str, max_bytes: int) -> bytes:
    try:
        return store.get(Cid.parse(cid), max_bytes=max_bytes)
    except StoreError as error:
        hint = error.hint or "what an update contributed cannot be told without all of the round"
        raise type(error)(error.message, hint) from error
