"""A participant's own training, run again on its own data, and held against the record.

No audit can do that, since the data never leave; an institution's own auditor, who may see them,
can. The same data, project, packages and kind of processor give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fl_chain.aggregation.round_blobs import (
    compute_fetch_bytes,
    compute_pinned_bytes,
    read_lanes,
    unseal,
)
from fl_chain.errors import MalformedBlob, ProtocolError, StoreError, UsageError
from fl_chain.privacy.sealing import NO_KEYS, KeyRing
from fl_chain.protocol.blob import BlobHeader, decode_blob
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.protocol.staleness import list_bases
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.local_update import UpdatePlace, derive_update_secret, find_training_round
from fl_chain.roles.task_history import Row
from fl_chain.storage.store import ContentStore
from fl_chain.training.trainer import Trainer


def replay_training(
    follower: TaskFollower,
    store: ContentStore,
    trainer: Trainer,
    participant: str,
    round_number: int | None = None,
    keys: KeyRing = NO_KEYS,
) -> Iterator[Row]:
    """Yield for each of a participant's own records whether training again yields its digest.

    ``is_same`` is None where the update itself is needed and cannot be had: what it says that the
    training cost is part of its bytes. ``differing`` counts the integers that differ.

    Parameters
    ----------
    follower
        The task, up to date.
    store
        Where updates are fetched from.
    trainer
        Has the participant's data, and the task's recipe.
    participant
        Its address; updates in lists are not looked at.
    round_number
        The only round to look at; None for all.
    keys
        What opens updates, where they are sealed.

    Raises
    ------
    UsageError
        There is no such update, or updates are masked.
    """
    task, manifest = follower.task, follower.manifest
    if manifest.privacy.is_masked:
        raise UsageError(
            "updates of this task are masked: what is on record of one does not show its training"
        )
    found = [
        (task.rounds[number].opened.base_round, update)
        for number in sorted(task.rounds)
        for update in task.rounds[number].updates
        if update.participant == participant
    ]
    wanted = [update for _, update in found if round_number in (None, update.round)]
    if not wanted:
        where = "" if round_number is None else f" in round {round_number}"
        raise UsageError(
            f"{participant} has no update of its own on record{where}",
            "fl-chain history updates lists them",
        )
    secret = derive_update_secret(follower.ledger, manifest)
    max_staleness = manifest.max_staleness
    is_scaffold = manifest.recipe.algorithm == "scaffold"
    # What training remembers follows from the rounds before: those are trained again as well.
    is_whole = manifest.encoding.one_block_in == 1
    needs_all = is_scaffold or not is_whole or bool(trainer.memory())
    unsent = None
    for base_round, update in found:
        if update not in wanted and (not needs_all or update.round > wanted[0].round):
            continue
        recorded = header = None
        if update in wanted or max_staleness:
            recorded = _fetch(store, manifest, update, keys)
            header = _read_header(recorded)
        row: Row = {"round": update.round, "update": update.digest.hex(), "replayed": None}
        if max_staleness:
            # Only the update itself says which model it began from.
            bases = {
                task.model_digest(number).hex(): number
                for number in reversed(list_bases(task, update.round, max_staleness))
            }
            if header is None or header.base_model not in bases:
                yield {**row, "is_same": None, "differing": None}
                continue
            base_round = bases[header.base_model]
        base_model = task.model_digest(base_round)
        training_round = find_training_round(manifest, update.round, base_round)
        place = UpdatePlace(manifest, update.round, base_model.hex(), participant, training_round)
        former_round = (
            task.rounds[base_round].opened.base_round if is_scaffold and base_round else None
        )
        former = None if former_round is None else place.decode(follower.model(former_round))
        base = place.decode(follower.model(base_round))
        result = trainer.train(base, seed=place.seed, round_number=training_round, former=former)
        lanes, unsent = place.encode(result, unsent, secret)
        if update not in wanted:
            continue
        if manifest.measurements and header is None:
            yield {**row, "is_same": None, "differing": None}
            continue
        blob = place.to_blob(lanes, header.measurement if header else None)
        digest = compute_digest(blob)
        yield {
            **row,
            "replayed": digest.hex(),
            "is_same": digest == update.digest,
            "differing": _count_differing(manifest, update.round, blob, recorded),
        }


def _fetch(
    store: ContentStore, manifest: Manifest, update: UpdateSubmitted, keys: KeyRing
) -> bytes | None:
    size = compute_pinned_bytes(manifest)
    try:
        cid = cid_from_digest(update.cid_digest, size)
        data = store.get(cid, max_bytes=compute_fetch_bytes(size))
        data = unseal(manifest, update.round, update.participant, data, keys)
    except (StoreError, ProtocolError):
        return None
    return data if compute_digest(data) == update.digest else None


def _read_header(data: bytes | None) -> BlobHeader | None:
    try:
        return decode_blob(data)[0] if data is not None else None
    except MalformedBlob:
        return None


def _count_differing(
    manifest: Manifest, round_number: int, blob: bytes, recorded: bytes | None
) -> int | None:
    if recorded is None or _read_header(recorded) is None or len(recorded) != len(blob):
        return None
    ours, theirs = (read_lanes(manifest, round_number, data) for data in (blob, recorded))
    return int(np.count_nonzero(ours != theirs))
