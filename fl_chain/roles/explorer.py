"""Opens the history of any task on a chain, many times over, for people who look around in it.

What does not change is kept: manifests and reports by their digests, rows by the running hash of
the history that they are of. A task that nobody created is never opened, so no address that
somebody makes up leaves a file behind.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final, TypeVar

from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.ethereum import find_tasks
from fl_chain.errors import ChainUnreachable, LedgerError, UsageError
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import ModelProposed, TaskCreated, TaskParameters, TaskStopped
from fl_chain.protocol.report import RoundReport
from fl_chain.roles.history import list_models, list_rounds
from fl_chain.roles.history_aggregators import list_aggregators
from fl_chain.roles.history_disputes import list_disputes
from fl_chain.roles.history_measures import list_measures
from fl_chain.roles.history_updates import list_participants
from fl_chain.roles.manifest_shelf import ManifestShelf
from fl_chain.roles.services import Services
from fl_chain.roles.task_history import Row, TaskHistory, open_history

T = TypeVar("T")

LOOK_SECONDS: Final = 1.0
"""How long an IPFS node may look for what a page is nicer with."""
MOST_KEPT: Final = 256
"""Documents, and tables of rows, that are kept."""
MOST_MEASURED: Final = 2_000
"""Records of a task whose measures are shown."""
OVER: Final = (Phase.FINALIZED.name, Phase.ABORTED.name)


class _Shelf(ManifestShelf):
    """A shelf that asks for nothing twice that it has had once."""

    def __init__(self, kept: _Kept, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._kept = kept

    def find(self, parameters: TaskParameters, aggregators: Sequence[str]) -> Manifest | None:
        key = ("manifest", parameters, tuple(aggregators))
        return self._kept.find(key, lambda: super(_Shelf, self).find(parameters, aggregators))

    def find_report(self, proposal: ModelProposed, size: int) -> RoundReport | None:
        key = ("report", proposal.report_digest, proposal.report_cid_digest, size)
        return self._kept.find(key, lambda: super(_Shelf, self).find_report(proposal, size))


class _Kept:
    """A bounded number of values, shared by threads; None is never kept."""

    def __init__(self) -> None:
        self._values: OrderedDict[object, tuple[object, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: object, make: Callable[[], T], state: object = None) -> T:
        """Return what is kept under a key, or make it.

        Parameters
        ----------
        key
            What it is.
        make
            Makes it.
        state
            What it is of; a value of another state is not found, and gives way to this one.
        """
        with self._lock:
            known = self._values.get(key)
            if known is not None and known[0] == state:
                self._values.move_to_end(key)
                value: T = known[1]
                return value
        made = make()
        if made is not None:
            with self._lock:
                self._values[key] = (state, made)
                self._values.move_to_end(key)
                while len(self._values) > MOST_KEPT:
                    self._values.popitem(last=False)
        return made


class OpenTask:
    """One task as it is now, with rows of it that are made once for each state of its history.

    Parameters
    ----------
    address
        Of the task's ledger.
    history
        Up to date.
    kept
        Where rows are kept.
    """

    def __init__(self, address: str, history: TaskHistory, kept: _Kept) -> None:
        self.address = address
        self.history = history
        self._kept = kept
        self._head = history.index.head

    @property
    def num_records(self) -> int:
        """How many records the history has."""
        return self._head.num_records

    @property
    def history_hash(self) -> str:
        """The contract's running hash over them, 64 hexadecimal digits."""
        return self._head.history.hex()

    @property
    def last_block(self) -> int:
        """The block up to which the history was read."""
        return self._head.block

    @property
    def rounds(self) -> list[Row]:
        """Every round as in ``fl-chain history rounds``, genesis first."""
        rows = self._find("rounds", lambda: list(list_rounds(self.history)))
        if rows[-1]["phase"] not in OVER:  # time alone moves it
            phase = self.history.ask_phase(rows[-1]["round"]).name
            rows = [*rows[:-1], {**rows[-1], "phase": phase}]
        return rows

    @property
    def models(self) -> list[Row]:
        """Every model as in ``fl-chain history models``."""
        return self._find("models", lambda: list(list_models(self.history)))

    @property
    def participants(self) -> list[Row]:
        """Every participant as in ``fl-chain history participants``."""
        return self._find("participants", lambda: list(list_participants(self.history)))

    @property
    def aggregators(self) -> list[Row]:
        """Every aggregator as in ``fl-chain history aggregators``."""
        return self._find("aggregators", lambda: list(list_aggregators(self.history)))

    @property
    def disputes(self) -> list[Row]:
        """Every dispute as in ``fl-chain history disputes``."""
        return self._find("disputes", lambda: list(list_disputes(self.history)))

    @property
    def measures(self) -> list[Row]:
        """What each round cost and yielded, as in ``fl-chain history measures``.

        Nothing in a task with more than 2,000 records, or without receipts: it takes all of them.
        """
        if self.num_records > MOST_MEASURED:
            return []
        try:
            return self._find("measures", lambda: list(list_measures(self.history)))
        except LedgerError:
            return []

    @property
    def summary(self) -> Row:
        """The task as in ``fl-chain history tasks``."""
        rounds, history = self.rounds, self.history
        created = next(history.index.records(TaskCreated))
        return {
            "task": self.address,
            "name": history.manifest.name if history.manifest else None,
            "task_id": history.parameters.manifest_digest.hex(),
            "coordinator": history.created.coordinator,
            "aggregators": len(history.aggregators),
            "registry": history.parameters.registry,
            "block": created.block,
            "participants": sum(row["is_admitted"] for row in self.participants),
            "rounds_finalized": sum(row["phase"] == Phase.FINALIZED.name for row in rounds[1:]),
            "rounds_planned": history.parameters.num_rounds,
            "round": rounds[-1]["round"],
            "phase": rounds[-1]["phase"],
            "is_stopped": any(history.index.records(TaskStopped)),
        }

    @property
    def is_over(self) -> bool:
        """Whether no record can follow that changes a round."""
        rows = self.rounds
        finalized = sum(row["phase"] == Phase.FINALIZED.name for row in rows[1:])
        is_done = finalized >= self.history.parameters.num_rounds
        return is_done or any(self.history.index.records(TaskStopped))

    def statuses_of(self, number: int) -> dict[int, str]:
        """Return what a round's report says of each update, by its sequence number.

        ``included``, or the reason why it was left out; nothing where the report cannot be had.
        """
        report = self._report_of(number)
        if report is None:
            return {}
        reasons = (report.reason_of(i) for i in range(len(report.statuses)))
        return {i: reason.value if reason else "included" for i, reason in enumerate(reasons)}

    def total_weight_of(self, number: int) -> int | None:
        """Return what the weights of a round's included updates add up to, by its report."""
        report = self._report_of(number)
        return report.total_weight if report else None

    def _report_of(self, number: int) -> RoundReport | None:
        rows = {row["round"]: row for row in self.rounds}
        proposal = None
        for item in self.history.index.records_of_round(number):
            if isinstance(item.record, ModelProposed):
                proposal = item.record
        if proposal is None or rows[number]["model"] != proposal.model_digest.hex():
            return None
        return self.history.find_report(proposal, rows[number]["updates"])

    def _find(self, name: str, make: Callable[[], T]) -> T:
        # Without a manifest rows have no CIDs; they are made again when it can be had.
        has_manifest = self.history.manifest is not None
        moment = (self._head.block, self._head.hash) if self._is_timed else None
        state = (self._head.num_records, self._head.history, has_manifest, moment)
        return self._kept.find((name, self.address), make, state)

    @property
    def _is_timed(self) -> bool:
        """Whether rows say who is selected, which can follow from the block's time alone."""
        return self.history.parameters.sample_rate > 0


class Explorer:
    """The tasks of one chain.

    Parameters
    ----------
    services
        Chain node and IPFS node.
    tasks
        Addresses of the tasks to show; without any, all that are on the chain.
    """

    def __init__(self, services: Services, tasks: Sequence[str] = ()) -> None:
        self._services = services
        self._only = frozenset(tasks)
        self._kept = _Kept()
        self._known: tuple[str, ...] = ()

    def check_tasks(self) -> None:
        """Check that the tasks to show are there.

        Raises
        ------
        UsageError
            One of them is not.
        """
        for address in sorted(self._only.difference(self.list_addresses())):
            raise UsageError(
                f"no task has the contract {address}", "fl-chain history tasks lists them"
            )

    def list_addresses(self) -> tuple[str, ...]:
        """Return the tasks' addresses, oldest first."""
        found = find_tasks(self._connect())
        known = tuple(a for a, _ in found if not self._only or a in self._only)
        self._known = known
        return known

    @contextmanager
    def open(self, address: str) -> Iterator[OpenTask]:
        """Open a task, brought up to date.

        Raises
        ------
        UsageError
            There is no such task among those that are shown.
        """
        if address not in self._known and address not in self.list_addresses():
            raise UsageError(f"no task has the contract {address}")
        connection = self._connect()
        store = self._services.open_store_if_any(LOOK_SECONDS)
        with store or nullcontext():
            shelf = _Shelf(self._kept, store, connection.chain_id)
            history = open_history(self._services.state, connection, address, shelf)
            try:
                yield OpenTask(address, history, self._kept)
            finally:
                history.index.close()

    def _connect(self) -> ChainConnection:
        try:
            return self._services.connect()
        except UsageError as error:  # a devnet that ran when the explorer began
            raise ChainUnreachable(error.message, error.hint) from None
