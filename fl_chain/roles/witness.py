"""What the parties of a dispute show: openings and contributions, from chain and IPFS alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.derive import compute_blob_bytes, compute_update_bytes, model_header
from fl_chain.errors import BlobCorrupt
from fl_chain.protocol.actions import UpdateRecord
from fl_chain.protocol.blob import compute_header_bytes
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.opening import Opening, open_chunk
from fl_chain.protocol.parts import Contribution
from fl_chain.protocol.places import locate_lane, locate_status, locate_value
from fl_chain.protocol.records import ModelProposed, UpdateSubmitted
from fl_chain.protocol.report import INCLUDED, REPORT_HEADER_BYTES, compute_report_bytes
from fl_chain.roles.follower import TaskFollower
from fl_chain.storage.store import ContentStore

LANE = np.dtype("<i2")
VALUE = np.dtype("<i4")


class Witness:
    """Looks up what the current round's proposal is about.

    Every method raises a :class:`fl_chain.errors.StoreError` for content that cannot be had;
    ``BlobCorrupt`` also for content whose digest is not the one on record.

    Parameters
    ----------
    follower
        The task; its current round has a proposal.
    store
        Where content is fetched from.
    """

    def __init__(self, follower: TaskFollower, store: ContentStore) -> None:
        self._follower = follower
        self._store = store

    @property
    def proposal(self) -> ModelProposed:
        """The standing proposal."""
        task = self._follower.task
        proposal = task.rounds[task.current.round].proposal
        assert proposal is not None  # noqa: S101 - the phase says so
        return proposal

    @property
    def updates(self) -> list[UpdateSubmitted]:
        """The updates on record, by sequence number."""
        return self._follower.task.rounds[self._follower.task.current.round].updates

    def fetch_report(self) -> bytes:
        """Return the bytes of the report, canonical or not; they may be too few or too many."""
        size = compute_report_bytes(len(self.updates))
        cid = cid_from_digest(self.proposal.report_cid_digest, size)
        return self._checked(self._store.get(cid, max_bytes=2 * size), self.proposal.report_digest)

    def fetch_statuses(self) -> bytes:
        """Return the statuses of the report; they may be too few, and may be no statuses."""
        return self.fetch_report()[REPORT_HEADER_BYTES:]

    def fetch_model(self) -> bytes:
        """Return the bytes of the proposed model, canonical or not."""
        return self._checked(
            self._fetch_model(self.proposal.model_cid_digest), self.proposal.model_digest
        )

    def fetch_lanes(self, record: UpdateSubmitted) -> NDArray[np.int16]:
        """Return the lanes of an update, whatever else it says."""
        data = self._fetch_update(record)
        header_bytes = compute_header_bytes(self._follower.manifest.layout)
        return np.frombuffer(data, LANE, offset=header_bytes)

    def list_contributions(self, position: int, statuses: bytes) -> list[Contribution]:
        """Return what each update contributes to a value, given what the report says of it."""
        contributions = []
        for record, status in zip(self.updates, statuses, strict=True):
            contribution = Contribution(0, 0)
            if status == INCLUDED:
                lane = int(self.fetch_lanes(record)[position])
                contribution = Contribution(record.weight, record.weight * lane)
            contributions.append(contribution)
        return contributions

    def open_base_value(self, position: int) -> Opening:
        """Open the chunk of the base model that holds a value."""
        return self._open_base(locate_value(self._follower.task.parameters, position).chunk)

    def open_proposed_value(self, position: int) -> Opening:
        """Open the chunk of the proposed model that holds a value."""
        place = locate_value(self._follower.task.parameters, position)
        return open_chunk(self.fetch_model(), place.chunk)

    def open_headers(self, chunk: int) -> tuple[Opening, Opening]:
        """Open one chunk of the headers of the genesis model and of the proposed one."""
        genesis = self._fetch_model(self._follower.task.parameters.genesis_cid_digest)
        return open_chunk(genesis, chunk), open_chunk(self.fetch_model(), chunk)

    def open_status(self, sequence: int) -> Opening:
        """Open the chunk of the report that holds the status of an update, or should."""
        place = locate_status(len(self.updates), sequence)
        return open_chunk(self.fetch_report(), place.chunk)

    def open_lane(self, sequence: int, position: int) -> Opening:
        """Open the chunk of an update that holds a lane."""
        place = locate_lane(self._follower.task.parameters, position)
        return open_chunk(self._fetch_update(self.updates[sequence]), place.chunk)

    def find_record(self, sequence: int) -> UpdateRecord:
        """Return the record of an update as a dispute asks for it."""
        update = self.updates[sequence]
        return UpdateRecord(
            update.participant, update.digest, update.cid_digest, update.weight, update.timestamp
        )

    def _open_base(self, chunk: int) -> Opening:
        _, cid = self._follower.locate_model(self._follower.task.current.base_round)
        size = compute_blob_bytes(model_header(self._follower.manifest))
        return open_chunk(self._store.get(cid, max_bytes=size), chunk)

    def _fetch_model(self, cid_digest: bytes) -> bytes:
        size = compute_blob_bytes(model_header(self._follower.manifest))
        # Larger content is another model, and worth looking at.
        return self._store.get(cid_from_digest(cid_digest, size), max_bytes=2 * size)

    def _fetch_update(self, record: UpdateSubmitted) -> bytes:
        size = compute_update_bytes(self._follower.manifest)
        cid = cid_from_digest(record.cid_digest, size)
        data = self._checked(self._store.get(cid, max_bytes=size), record.digest)
        if len(data) != size:
            raise BlobCorrupt(f"update {record.sequence} has {len(data)} bytes, not {size}")
        return data

    @staticmethod
    def _checked(data: bytes, digest: bytes) -> bytes:
        if compute_digest(data) != digest:
            raise BlobCorrupt("the content is not the one on record")
        return data
