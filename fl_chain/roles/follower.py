"""One task as its ledger tells it: records replayed into the state machine, blobs by reference."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.difference import apply_difference, compute_largest_difference
from fl_chain.aggregation.round_blobs import compute_blob_bytes, decode_model_blob, model_header
from fl_chain.aggregation.submissions import Place
from fl_chain.chain.ledger import Ledger
from fl_chain.errors import LedgerError, MalformedBlob, ProtocolError, StoreError
from fl_chain.protocol.agreement import check_agreement
from fl_chain.protocol.blob import BlobHeader, encode_blob
from fl_chain.protocol.cid import Cid, cid_from_digest
from fl_chain.protocol.constants import MAX_DOCUMENT_BYTES
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.manifest import Manifest, decode_manifest
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import LedgerRecord, TaskCreated, TaskParameters
from fl_chain.protocol.report import compute_report_bytes, decode_report
from fl_chain.protocol.round import Task
from fl_chain.storage.store import ContentStore


class TaskFollower:
    """Follows one ledger.

    Parameters
    ----------
    ledger
        The task's contract.
    store
        Where the task's blobs are fetched from.
    """

    def __init__(self, ledger: Ledger, store: ContentStore) -> None:
        self.ledger = ledger
        self.store = store
        self._task: Task | None = None
        self._manifest: Manifest | None = None
        self._next_block = 0
        self.latest_block = -1
        """Number of the latest block that was seen, whose records come with the next look at the
        latest; -1 before the first."""
        self.block_time = 0
        """Timestamp of the latest block that was seen, in seconds."""
        self._chain_clock = 0.0
        """What the chain's clock is at least ahead of our monotonic one; in seconds."""
        self._model: tuple[bytes, NDArray[np.int32]] | None = None

    @property
    def has_started(self) -> bool:
        """Whether any records have been read."""
        return self._task is not None

    @property
    def task(self) -> Task:
        """The state after the records read so far."""
        if self._task is None:
            self.refresh()
        if self._task is None:
            raise LedgerError(
                f"the ledger at {self.ledger.address} has no records", "check the chain node"
            )
        return self._task

    @property
    def manifest(self) -> Manifest:
        """The task's manifest, verified against the contract."""
        if self._manifest is None:
            parameters = self.task.parameters
            self._manifest = fetch_manifest(self.store, parameters)
            aggregators = tuple(self.task.committee.members)
            check_agreement(self._manifest, parameters, aggregators, self.ledger.chain_id)
        return self._manifest

    @property
    def place(self) -> Place:
        """The current round, as its lists of updates are judged.

        Who is admitted is fixed once collection is over, and not before.
        """
        task = self.task
        return Place(
            self.ledger.chain_id,
            self.ledger.address,
            self.manifest.task_id,
            task.current.round,
            task.parameters.max_weight,
            task.members if task.has_lists else None,
        )

    def refresh(self) -> list[LedgerRecord]:
        """Read and apply the records that are new; return them."""
        page = self.ledger.fetch(self._next_block)
        if page.is_rewritten:
            self._task, self._next_block, self._chain_clock = None, 0, 0.0
            page = self.ledger.fetch(0)
        records = []
        for log in page.logs:
            record = decode_log(log)
            if self._task is None:
                if not isinstance(record, TaskCreated):
                    raise LedgerError("the ledger's first record is not its creation")
                self._task = Task(record)
            else:
                self._task.apply(record)  # type: ignore[arg-type]
            records.append(record)
        self._next_block, self.block_time = page.next_block, page.now
        self.latest_block = page.latest_block
        self._chain_clock = max(self._chain_clock, page.now - time.monotonic())
        return records  # type: ignore[return-value]

    @property
    def now(self) -> int:
        """The time that the next block will have, as far as we can tell; in seconds.

        A devnet's clock may be ahead of ours, and goes on while there are no blocks to show it.
        """
        return int(max(time.time(), time.monotonic() + self._chain_clock))

    @property
    def phase(self) -> Phase:
        """Phase of the current round."""
        return self.task.phase(self.now)

    def base_model(self) -> NDArray[np.int32]:
        """Return the verified integers of the model that the current round starts from."""
        return self.model(self.task.current.base_round)

    def former_model(self) -> NDArray[np.int32] | None:
        """Return the model that the base model came from by one round; None if that is genesis.

        Of both, ask for this one first: it was the base model in the round before, and one is kept.
        """
        base_round = self.task.current.base_round
        return self.model(self.task.rounds[base_round].opened.base_round) if base_round else None

    def model(self, round_number: int) -> NDArray[np.int32]:
        """Return the verified integers of a finalized round's model; 0 is genesis.

        Raises
        ------
        ProtocolError
            The pinned blob is not the model on record.
        """
        digest = self.task.model_digest(round_number)
        if self._model is not None and self._model[0] == digest:
            return self._model[1]
        if self.manifest.differences and (values := self._move_model(round_number)) is not None:
            self._model = (digest, values)
        else:
            header, cid = self.locate_model(round_number)
            data = self.store.get(cid, max_bytes=compute_blob_bytes(header))
            if compute_digest(data) != digest:
                raise ProtocolError(f"the pinned model of round {round_number} is another one")
            self._model = (digest, decode_model_blob(data, header))
        return self._model[1]

    def _move_model(self, round_number: int) -> NDArray[np.int32] | None:
        """Return a round's model by what it differs by from the one at hand; None if that fails.

        A report may name a difference that is not there, or a wrong one: the model is there too.
        """
        if round_number == 0 or self._model is None:
            return None
        history = self.task.rounds[round_number]
        proposal = history.proposal
        if proposal is None:
            return None
        base_digest, base = self._model
        if self.task.model_digest(history.opened.base_round) != base_digest:
            return None
        size = compute_report_bytes(history.num_updates, self.manifest.has_rewards)
        report_cid = cid_from_digest(proposal.report_cid_digest, size)
        most = compute_largest_difference(len(base))
        try:
            report = self.store.get(report_cid, max_bytes=size)
            named = decode_report(report).difference
            if compute_digest(report) != proposal.report_digest or named is None:
                return None
            data = self.store.get(Cid.parse(named), max_bytes=most)
            values = apply_difference(base, data)
        except (StoreError, ProtocolError):
            return None
        model = encode_blob(model_header(self.manifest), values)
        return values if compute_digest(model) == proposal.model_digest else None

    def remember_model(self, digest: bytes, values: NDArray[np.int32]) -> None:
        """Keep a model that was derived here, so that it need not be fetched."""
        self._model = (digest, values)

    def locate_model(self, round_number: int) -> tuple[BlobHeader, Cid]:
        """Return expected header and address of a round's model."""
        header = model_header(self.manifest)
        if round_number == 0:
            cid_digest = self.task.parameters.genesis_cid_digest
        else:
            history = self.task.rounds[round_number]
            if history.proposal is None:
                raise LedgerError(f"round {round_number} has no model")
            cid_digest = history.proposal.model_cid_digest
        return header, cid_from_digest(cid_digest, compute_blob_bytes(header))


def fetch_manifest(store: ContentStore, parameters: TaskParameters) -> Manifest:
    """Return the manifest that a contract was created for.

    Raises
    ------
    ProtocolError
        The pinned bytes are not the manifest on record.
    """
    cid = cid_from_digest(parameters.manifest_cid_digest, 0)
    data = store.get(cid, max_bytes=MAX_DOCUMENT_BYTES)
    if compute_digest(data) != parameters.manifest_digest:
        raise MalformedBlob("the pinned manifest is not the one on record")
    return decode_manifest(data)
