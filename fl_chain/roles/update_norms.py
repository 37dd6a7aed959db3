"""How long the updates of a task are, as vectors: measured in their content, which is on IPFS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from fl_chain.aggregation.round_blobs import compute_pinned_bytes, read_lanes, unseal
from fl_chain.errors import ProtocolError, StoreError, StoreUnreachable
from fl_chain.privacy.sealing import NO_KEYS, KeyRing
from fl_chain.protocol.blob import UPDATE, decode_blob
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.roles.history_updates import list_updates
from fl_chain.roles.task_history import Row, TaskHistory
from fl_chain.storage.store import ContentStore

MOST_UPDATES: Final = 2_000
"""Every one is fetched; a task with more is not measured."""


def measure_norms(
    history: TaskHistory, store: ContentStore, keys: KeyRing = NO_KEYS
) -> Iterator[Row]:
    """Yield the L2 norm of every update whose content can be had and is a canonical blob.

    Parameters
    ----------
    history
        Of the task.
    store
        Where the updates are.
    keys
        What opens them, where they are sealed; those that stay closed are passed over.

    Yields
    ------
    dict
        ``round``, ``sequence``, ``participant``, and ``norm`` in units of parameters. Nothing
        without a manifest, if there are more than 2,000 updates, or if they are masked: then
        nobody knows their lengths.
    """
    manifest = history.manifest
    if manifest is None or manifest.privacy.is_masked:
        return
    rows = []
    for row in list_updates(history):
        rows.append(row)
        if len(rows) > MOST_UPDATES:
            return
    size = compute_pinned_bytes(manifest)
    for row in rows:
        if row["cid"] is None:
            continue
        try:
            data = store.get(Cid.parse(row["cid"]), max_bytes=size)
            data = unseal(manifest, row["round"], row["participant"], data, keys)
            if compute_digest(data).hex() != row["digest"]:
                continue
            header, _ = decode_blob(data)
        except StoreUnreachable:
            return
        except (StoreError, ProtocolError):
            continue
        form = header.kind, header.layout, header.lane_bits
        if form != (UPDATE, manifest.update_layout, manifest.encoding.lane_bits):
            continue
        lanes = read_lanes(manifest, row["round"], data)
        length = float(np.linalg.norm(lanes.astype(np.float64)))
        norm = length / 2**manifest.encoding.fraction_bits
        place = {name: row[name] for name in ("round", "sequence", "participant")}
        yield {**place, "norm": norm}
