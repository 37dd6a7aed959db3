"""Every blob that a task's audit needs: where it stands, under which CID, and who recorded it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fl_chain.aggregation.masked_groups import list_groups
from fl_chain.aggregation.round_blobs import compute_fetch_bytes, compute_pinned_bytes
from fl_chain.protocol.cid import Cid, cid_from_digest
from fl_chain.protocol.constants import MAX_DOCUMENT_BYTES
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.promises import Promise, read_promise
from fl_chain.protocol.records import ModelProposed, UpdatesListed
from fl_chain.protocol.update_list import locate_list
from fl_chain.roles.history import summarize_rounds
from fl_chain.roles.history_updates import list_updates
from fl_chain.roles.task_history import TaskHistory


@dataclass(frozen=True, slots=True)
class TaskBlob:
    """One blob of a task."""

    kind: str
    """``manifest``, ``genesis``, ``update``, ``list``, ``report`` or ``model``; of a masked round
    also ``shares`` and ``reveal``, as far as its sums take them."""
    round: int | None
    """None of the manifest and the genesis model."""
    sequence: int | None
    """Of an update; of a list that of its first entry."""
    cid: Cid
    max_bytes: int
    """More is never read of it."""
    recorded_by: str
    """Address whose record names it."""
    recorded_at: int
    """Block time of that record, in seconds."""

    def promise_in(self, manifest: Manifest | None) -> Promise | None:
        """Return what who recorded it promised; None of what cannot be told."""
        if manifest is None:
            return None
        return read_promise(manifest, self.recorded_by, self.recorded_at)


def list_blobs(history: TaskHistory) -> Iterator[TaskBlob]:
    """Yield every blob of the task, in the order of its rounds; proposals that were dropped aside.

    Without the manifest, from which all sizes follow, it is the only one.
    """
    created, parameters = history.created, history.parameters
    who, when = created.coordinator, created.timestamp
    cid = cid_from_digest(parameters.manifest_cid_digest, 0)
    yield TaskBlob("manifest", None, None, cid, MAX_DOCUMENT_BYTES, who, when)
    if history.manifest is None or history.model_bytes is None:
        return
    model_bytes, pinned_bytes = history.model_bytes, compute_pinned_bytes(history.manifest)
    cid = cid_from_digest(parameters.genesis_cid_digest, model_bytes)
    yield TaskBlob("genesis", None, None, cid, model_bytes, who, when)
    updates = list_updates(history)
    update = next(updates, None)
    for number, summary in summarize_rounds(history).items():
        while update is not None and update["round"] <= number:
            if update["cid_digest"] is not None:
                digest = bytes.fromhex(update["cid_digest"])
                yield TaskBlob(
                    "update",
                    number,
                    update["sequence"],
                    cid_from_digest(digest, pinned_bytes),
                    compute_fetch_bytes(pinned_bytes),
                    update["participant"],
                    update["submitted_at"],
                )
            update = next(updates, None)
        yield from (_of_list(listed) for listed in summary.lists)
        if history.manifest.privacy.is_masked:
            yield from _of_groups(history, number)
        if summary.proposal is not None:
            count = history.count_updates_of(number)
            yield from _of_proposal(
                summary.proposal, history.compute_report_bytes(count), model_bytes
            )


def _of_groups(history: TaskHistory, number: int) -> Iterator[TaskBlob]:
    manifest, found = history.manifest, history.task.rounds.get(number)
    if manifest is None or found is None:
        return
    for group in list_groups(manifest, found):
        for blob in group.list_blobs():
            who, when = blob.participant, blob.recorded_at
            yield TaskBlob(blob.kind, number, None, blob.cid, blob.max_bytes, who, when)


def _of_list(listed: UpdatesListed) -> TaskBlob:
    cid, cap = locate_list(listed.cid_digest, listed.count)
    who, when = listed.aggregator, listed.timestamp
    return TaskBlob("list", listed.round, listed.first, cid, cap, who, when)


def _of_proposal(
    proposal: ModelProposed, report_bytes: int, model_bytes: int
) -> Iterator[TaskBlob]:
    who, when = proposal.proposer, proposal.timestamp
    for kind, digest, size in (
        ("report", proposal.report_cid_digest, report_bytes),
        ("model", proposal.model_cid_digest, model_bytes),
    ):
        cid = cid_from_digest(digest, size)
        yield TaskBlob(kind, proposal.round, None, cid, size, who, when)
