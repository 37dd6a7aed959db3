"""One task's history, ready to be asked: its index, up to date, and what IPFS adds to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from fl_chain.aggregation.round_blobs import compute_blob_bytes, model_header
from fl_chain.chain.answers import read_field, read_quantity
from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.contracts import encode_view
from fl_chain.errors import LedgerError, UnknownContract
from fl_chain.index.index import HistoryIndex
from fl_chain.index.selection import Selection
from fl_chain.protocol.admissions import Admissions
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import (
    AggregatorAppointed,
    ModelProposed,
    ParticipantAdmitted,
    ParticipantRemoved,
    ParticipantSucceeded,
    Record,
    TaskCreated,
    TaskParameters,
    UpdatesListed,
)
from fl_chain.protocol.report import RoundReport, compute_report_bytes
from fl_chain.protocol.round import Task
from fl_chain.roles.indexing import OnWindow, open_index, update_index
from fl_chain.roles.manifest_shelf import ManifestShelf

Row = dict[str, Any]
__all__ = ["Row", "Selection", "TaskHistory", "open_history"]


class TaskHistory:
    """The history of one task, as it is when it is opened.

    Parameters
    ----------
    index
        Up to date.
    connection
        For what only the contract can say: the phase of the round in progress.
    shelf
        For what only IPFS can say.
    """

    def __init__(
        self, index: HistoryIndex, connection: ChainConnection, shelf: ManifestShelf
    ) -> None:
        self.index = index
        self.connection = connection
        self.shelf = shelf

    @cached_property
    def created(self) -> TaskCreated:
        """The first record."""
        for item in self.index.records(TaskCreated):
            if isinstance(item.record, TaskCreated):
                return item.record
        raise UnknownContract(
            f"the contract at {self.index.ledger} never created a task",
            "check --task and --rpc; fl-chain history tasks lists what is there",
        )

    def compute_report_bytes(self, num_updates: int) -> int:
        """Return the size of the report of a round with so many updates."""
        return compute_report_bytes(num_updates, self.parameters.reward > 0)

    def find_report(self, proposal: ModelProposed, num_updates: int) -> RoundReport | None:
        """Return the report that was proposed with a model, None if it cannot be had."""
        return self.shelf.find_report(proposal, self.compute_report_bytes(num_updates))

    @property
    def parameters(self) -> TaskParameters:
        """What the contract fixes."""
        return self.created.parameters

    @cached_property
    def aggregators(self) -> tuple[str, ...]:
        """The committee, in the order of seats."""
        records = (item.record for item in self.index.records(AggregatorAppointed))
        return tuple(r.aggregator for r in records if isinstance(r, AggregatorAppointed))

    @cached_property
    def manifest(self) -> Manifest | None:
        """The task's manifest; None if it cannot be had."""
        return self.shelf.find(self.parameters, self.aggregators)

    @cached_property
    def model_bytes(self) -> int | None:
        """Size of every model; None without a manifest."""
        return compute_blob_bytes(model_header(self.manifest)) if self.manifest else None

    @cached_property
    def admissions(self) -> Admissions:
        """Who is admitted."""
        admissions = Admissions()
        kinds = (ParticipantAdmitted, ParticipantRemoved, ParticipantSucceeded)
        for item in self.index.records(*kinds):
            if isinstance(item.record, kinds):
                admissions.apply(item.record)
        return admissions

    @cached_property
    def task(self) -> Task:
        """The state after all records; replaying them takes a while where there are many."""
        return self.replay()

    def replay(self, before: Callable[[Task, Record], None] | None = None) -> Task:
        """Return the state after all records.

        Parameters
        ----------
        before
            Called with the state before each record but the first.
        """
        task = Task(self.created)
        with self.index.snapshot():
            for item in self.index.history():
                if item.position == 0:
                    continue
                if before is not None:
                    before(task, item.record)
                task.apply(item.record)  # type: ignore[arg-type]
        return task

    def count_updates_of(self, round_number: int) -> int:
        """Return how many updates of a round are on record, those in lists included."""
        only = Selection(round_number, round_number)
        listed = (item.record for item in self.index.records_of_round(round_number))
        return sum(1 for _ in self.index.updates(only)) + sum(
            record.count for record in listed if isinstance(record, UpdatesListed)
        )

    @cached_property
    def now(self) -> int:
        """Timestamp of the latest block, in seconds."""
        block = self.connection.call("eth_getBlockByNumber", "latest", False)
        return read_quantity(read_field(block, "timestamp"))

    def ask_phase(self, round_number: int) -> Phase:
        """Return the phase that the contract says a round is in now."""
        answer = self.connection.view(self.index.ledger, encode_view("phaseOf", round_number))
        try:
            return Phase(int.from_bytes(answer))
        except ValueError:
            raise LedgerError(
                f"{self.index.ledger} answers no phase of round {round_number}",
                "check --task; fl-chain audit run says more",
            ) from None


def open_history(
    state: Path,
    connection: ChainConnection,
    task: str,
    shelf: ManifestShelf,
    on_window: OnWindow | None = None,
) -> TaskHistory:
    """Bring the index of a task up to date, and return its history.

    Raises
    ------
    LedgerError
        The chain node contradicts itself; see :func:`fl_chain.roles.indexing.update_index`.
    """
    index = open_index(state, connection, task)
    update_index(index, connection, on_window)
    return TaskHistory(index, connection, shelf)
