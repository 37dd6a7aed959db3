"""What the parties of a dispute show: openings and contributions, from chain and IPFS alone."""

from __future__ import annotations

import contextlib

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.round_blobs import (
    compute_blob_bytes,
    compute_update_bytes,
    model_header,
    read_lanes,
)
from fl_chain.aggregation.submissions import Submission, list_submissions
from fl_chain.errors import BlobCorrupt, BlobUnavailable, StoreError
from fl_chain.protocol.actions import ListRecord, UpdateRecord
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.opening import Opening, open_chunk
from fl_chain.protocol.parts import Contribution
from fl_chain.protocol.places import locate_entry, locate_lane, locate_status, locate_value
from fl_chain.protocol.records import ModelProposed, UpdatesListed, UpdateSubmitted
from fl_chain.protocol.report import (
    INCLUDED,
    REPORT_HEADER_BYTES,
    ExclusionReason,
    compute_report_bytes,
)
from fl_chain.protocol.state import RoundHistory
from fl_chain.protocol.update_list import locate_list
from fl_chain.roles.follower import TaskFollower
from fl_chain.storage.store import ContentStore

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
        self._lists: dict[bytes, bytes] = {}
        self._submissions: tuple[object, list[Submission]] = (None, [])

    @property
    def proposal(self) -> ModelProposed:
        """The standing proposal."""
        proposal = self._history.proposal
        assert proposal is not None  # noqa: S101 - the phase says so
        return proposal

    @property
    def num_updates(self) -> int:
        """Updates on record."""
        return self._follower.task.current.num_updates

    @property
    def submissions(self) -> list[Submission]:
        """The updates on record, by sequence number; those of a list that is away are unknown."""
        lists: dict[int, bytes] = {}
        for listed in self._history.lists:
            with contextlib.suppress(StoreError):
                lists[listed.first] = self._fetch_list(listed)
        key = (self._follower.place, tuple(lists), self.num_updates)
        if self._submissions[0] != key:
            found = list_submissions(self._follower.place, self._history, lists)
            self._submissions = key, found
        return self._submissions[1]

    @property
    def report_bytes(self) -> int:
        """Size that the report must have."""
        return compute_report_bytes(self.num_updates, self._has_rewards)

    @property
    def _has_rewards(self) -> bool:
        return self._follower.task.parameters.reward > 0

    def fetch_report(self) -> bytes:
        """Return the bytes of the report, canonical or not; they may be too few or too many."""
        size = self.report_bytes
        cid = cid_from_digest(self.proposal.report_cid_digest, size)
        return self._checked(self._store.get(cid, max_bytes=2 * size), self.proposal.report_digest)

    def fetch_statuses(self) -> bytes:
        """Return the statuses of the report; they may be too few, and may be no statuses."""
        return self.fetch_report()[REPORT_HEADER_BYTES : REPORT_HEADER_BYTES + self.num_updates]

    def fetch_model(self) -> bytes:
        """Return the bytes of the proposed model, canonical or not."""
        return self._checked(
            self._fetch_model(self.proposal.model_cid_digest), self.proposal.model_digest
        )

    def fetch_lanes(self, record: UpdateSubmitted) -> NDArray[np.int16]:
        """Return the lanes of an update, whatever else it says."""
        return read_lanes(self._follower.manifest, record.round, self._fetch_update(record))

    def list_contributions(self, position: int, statuses: bytes) -> list[Contribution]:
        """Return what each update contributes to a value, given what the report says of it."""
        contributions = []
        for submission, status in zip(self.submissions, statuses, strict=True):
            contribution = Contribution(0, 0)
            record = self.counted(submission, status)
            if record is not None:
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
        place = locate_status(self.num_updates, sequence, self._has_rewards)
        return open_chunk(self.fetch_report(), place.chunk)

    def open_lane(self, sequence: int, position: int) -> Opening:
        """Open the chunk of an update that holds a lane."""
        place = locate_lane(self._follower.task.parameters, position)
        record = self.known(self.submissions[sequence])
        return open_chunk(self._fetch_update(record), place.chunk)

    def find_list(self, sequence: int) -> ListRecord | None:
        """Return the record of the list that an update is in; None if it has one of its own."""
        for listed in self._history.lists:
            if listed.first <= sequence < listed.first + listed.count:
                digests = listed.digest, listed.cid_digest
                size = (listed.first, listed.count)
                return ListRecord(listed.aggregator, *size, *digests, listed.timestamp)
        return None

    def open_entry(self, listed: ListRecord, sequence: int) -> Opening:
        """Open the chunk of a list that holds the entry of an update."""
        place = locate_entry(listed.count, sequence - listed.first)
        return open_chunk(self._fetch_list(listed), place.chunk)

    def counted(self, submission: Submission, status: int) -> UpdateSubmitted | None:
        """Return the update if it is in the sum; None if not, or if no report may include it.

        The ledger looks at signature and admission of a listed update, and not at those of one
        that has a record of its own.
        """
        if status != INCLUDED:
            return None
        is_forged = submission.reason not in (None, ExclusionReason.UNAVAILABLE)
        if is_forged and self.find_list(submission.sequence) is not None:
            return None
        return self.known(submission)

    @staticmethod
    def known(submission: Submission) -> UpdateSubmitted:
        """Return what an update is, as if it had a record of its own.

        Raises
        ------
        BlobUnavailable
            It is in a list that cannot be had or read.
        """
        if submission.record is None:
            raise BlobUnavailable(f"the list with update {submission.sequence} cannot be read")
        return submission.record

    def find_record(self, sequence: int) -> UpdateRecord:
        """Return the record of an update as a dispute asks for it."""
        update = self.known(self.submissions[sequence])
        return UpdateRecord(
            update.participant, update.digest, update.cid_digest, update.weight, update.timestamp
        )

    @property
    def _history(self) -> RoundHistory:
        return self._follower.task.rounds[self._follower.task.current.round]

    def _fetch_list(self, listed: UpdatesListed | ListRecord) -> bytes:
        if listed.digest not in self._lists:
            cid, cap = locate_list(listed.cid_digest, listed.count)
            data = self._store.get(cid, max_bytes=cap)
            self._lists[listed.digest] = self._checked(data, listed.digest)
        return self._lists[listed.digest]

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
