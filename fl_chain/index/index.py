"""What a chain node told of one task, in a file: records in order, found again without the node.

The running hash over the records is kept as well, so that an index can be held against the
contract, which computes the same one: it has every record, or the two differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any

from fl_chain.index.database import open_database
from fl_chain.index.selection import EVERYTHING, Selection
from fl_chain.protocol.logs import (
    WORD_BYTES,
    Log,
    append_history,
    compute_history_start,
    decode_log,
    encode_log,
)
from fl_chain.protocol.records import Record, UpdateSubmitted


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A block up to which an index has every record."""

    block: int
    """-1 before the first one."""
    hash: bytes
    """The block's own hash; a chain that was rewritten has another one there."""
    history: bytes
    """Running hash of the contract's records up to the block."""
    num_records: int


@dataclass(frozen=True, slots=True)
class IndexedRecord:
    """A record, and where on the chain it stands."""

    position: int
    """Place in the history of the contract, from 0."""
    block: int
    log_index: int
    transaction: bytes
    record: Record


_UPDATE_FIELDS = tuple(entry.name for entry in fields(UpdateSubmitted))
_UPDATE_COLUMNS = f"position, block, log_index, hash, {', '.join(_UPDATE_FIELDS)}"
_RECORD_COLUMNS = "position, block, log_index, hash, kind, round, timestamp, topics, data"


class HistoryIndex:
    """The index of one task.

    Parameters
    ----------
    path
        Its file; None keeps it in memory.
    chain_id, ledger
        Whose history it is.
    """

    def __init__(self, path: Path | None, chain_id: int, ledger: str) -> None:
        self.chain_id = chain_id
        self.ledger = ledger
        self._database = open_database(path, chain_id, ledger)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @property
    def head(self) -> Checkpoint:
        """The last block up to which the index has every record."""
        newest = self._rows("SELECT * FROM checkpoints ORDER BY block DESC LIMIT 1")
        for row in newest:
            return Checkpoint(*row)
        return Checkpoint(-1, b"", compute_history_start(self.chain_id, self.ledger), 0)

    def checkpoints(self) -> list[Checkpoint]:
        """Return all checkpoints, the newest first."""
        rows = self._rows("SELECT * FROM checkpoints ORDER BY block DESC")
        return [Checkpoint(*row) for row in rows]

    def append(self, head: Checkpoint, logs: Sequence[Log], block: int, block_hash: bytes) -> bool:
        """Add the records of the blocks after ``head`` up to and including ``block``.

        Parameters
        ----------
        head
            Where the logs go on from.
        logs
            All logs of the contract in these blocks, in order.
        block, block_hash
            The last of these blocks.

        Returns
        -------
        bool
            False if another process has added to the index meanwhile: then nothing was added.

        Raises
        ------
        MalformedBlob
            A log is no record.
        """
        history, position = head.history, head.num_records
        updates: list[tuple[Any, ...]] = []
        others: list[tuple[Any, ...]] = []
        for log in logs:
            record = decode_log(log)
            history = append_history(history, record)
            place = (position, log.block_number, log.log_index, log.transaction_hash)
            if isinstance(record, UpdateSubmitted):
                updates.append((*place, *(getattr(record, name) for name in _UPDATE_FIELDS)))
            else:
                kind, number = type(record).__name__, getattr(record, "round", None)
                encoded = (b"".join(log.topics), log.data)
                others.append((*place, kind, number, record.timestamp, *encoded))
            position += 1
        with self._writing():
            if self.head != head:
                return False
            self._insert("updates", _UPDATE_COLUMNS, updates)
            self._insert("records", _RECORD_COLUMNS, others)
            if not logs and head.block >= 0:  # blocks without records leave no trace of their own
                self._database.execute("DELETE FROM checkpoints WHERE block = ?", (head.block,))
            row = (block, block_hash, history, position)
            self._database.execute("INSERT INTO checkpoints VALUES (?, ?, ?, ?)", row)
        return True

    def truncate(self, head: Checkpoint | None) -> None:
        """Forget everything after a checkpoint; None forgets all."""
        block, count = (head.block, head.num_records) if head else (-1, 0)
        with self._writing():
            self._database.execute("DELETE FROM checkpoints WHERE block > ?", (block,))
            for table in ("updates", "records"):
                self._database.execute(f"DELETE FROM {table} WHERE position >= ?", (count,))  # noqa: S608

    def records(self, *kinds: type[Any]) -> Iterator[IndexedRecord]:
        """Yield the records of some kinds in order, UpdateSubmitted aside; without any, all kinds.

        The order is that of the history.
        """
        query = f"SELECT {_RECORD_COLUMNS} FROM records"  # noqa: S608
        if kinds:
            query += f" WHERE kind IN ({', '.join('?' * len(kinds))})"
        names = [kind.__name__ for kind in kinds]
        return map(self._read_record, self._rows(f"{query} ORDER BY position", *names))

    def records_of_round(self, round_number: int) -> list[IndexedRecord]:
        """Return the records that name a round, UpdateSubmitted aside, in order."""
        query = f"SELECT {_RECORD_COLUMNS} FROM records WHERE round = ? ORDER BY position"  # noqa: S608
        return [self._read_record(row) for row in self._rows(query, round_number)]

    def updates(self, selection: Selection = EVERYTHING) -> Iterator[IndexedRecord]:
        """Yield the updates that are selected, in order."""
        query = f"SELECT {_UPDATE_COLUMNS} FROM updates WHERE {selection.condition}"  # noqa: S608
        return map(_read_update, self._rows(f"{query} ORDER BY position", *selection.values))

    def find_digest(self, digest: bytes) -> list[IndexedRecord]:
        """Return the updates with a digest, in order."""
        query = f"SELECT {_UPDATE_COLUMNS} FROM updates WHERE digest = ? ORDER BY position"  # noqa: S608
        return [_read_update(row) for row in self._rows(query, digest)]

    def find_cid_digest(self, digest: bytes) -> list[IndexedRecord]:
        """Return the updates with a digest in their CID, in order; this reads all of them."""
        query = f"SELECT {_UPDATE_COLUMNS} FROM updates WHERE cid_digest = ? ORDER BY position"  # noqa: S608
        return [_read_update(row) for row in self._rows(query, digest)]

    def find_transaction(self, transaction: bytes) -> list[IndexedRecord]:
        """Return the records that a transaction made, in order; this reads the whole index."""
        query = "SELECT {} FROM {} WHERE hash = ?"
        updates = self._rows(query.format(_UPDATE_COLUMNS, "updates"), transaction)
        others = self._rows(query.format(_RECORD_COLUMNS, "records"), transaction)
        found = [*map(_read_update, updates), *map(self._read_record, others)]
        return sorted(found, key=lambda item: item.position)

    def history(self) -> Iterator[IndexedRecord]:
        """Yield every record in order, as the chain has them."""
        updates, others = self.updates(), self.records()
        waiting = next(updates, None)
        for other in others:
            while waiting is not None and waiting.position < other.position:
                yield waiting
                waiting = next(updates, None)
            yield other
        if waiting is not None:
            yield from chain([waiting], updates)

    def logs(self) -> Iterator[Log]:
        """Yield every log in order, as the chain node reported it."""
        for item in self.history():
            topics, data = encode_log(item.record)
            place = (item.block, item.log_index, item.transaction)
            yield Log(self.ledger, topics, data, *place)

    def count_updates(self) -> dict[int, tuple[int, int]]:
        """Return count and sum of weights of each round's updates; without any, it is not there."""
        query = "SELECT round, COUNT(*), SUM(weight) FROM updates GROUP BY round"
        return {number: (count, weight) for number, count, weight in self._rows(query)}

    def count_by_participant(self) -> dict[str, tuple[int, int, int]]:
        """Return of everybody who submitted: how many updates, round and weight of the last one."""
        # SQLite takes a bare column from the row that has the maximum.
        query = "SELECT participant, COUNT(*), MAX(round), weight FROM updates GROUP BY participant"
        return {who: (count, last, weight) for who, count, last, weight in self._rows(query)}

    def count_kind(self, kind: type[Any]) -> dict[int, int]:
        """Return how many records of a kind each round has."""
        query = "SELECT round, COUNT(*) FROM records WHERE kind = ? GROUP BY round"
        return dict(self._rows(query, kind.__name__))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one state of the index in everything that is read meanwhile, whoever adds to it."""
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            self._database.execute("COMMIT")

    def _rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        return iter(self._database.execute(query, values))

    def _read_record(self, row: tuple[Any, ...]) -> IndexedRecord:
        position, block, log_index, transaction, *_, topics, data = row
        words = [topics[i : i + WORD_BYTES] for i in range(0, len(topics), WORD_BYTES)]
        log = Log(self.ledger, tuple(words), data, block, log_index, transaction)
        return IndexedRecord(position, block, log_index, transaction, decode_log(log))

    def _insert(self, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * len(columns.split(",")))
        self._database.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def _read_update(row: tuple[Any, ...]) -> IndexedRecord:
    position, block, log_index, transaction, *values = row
    return IndexedRecord(position, block, log_index, transaction, UpdateSubmitted(*values))
