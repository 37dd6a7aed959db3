"""What the history of a task cost in gas: every transaction with a record, by its receipt."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fl_chain.chain.answers import read_bytes, read_field, read_quantity
from fl_chain.errors import LedgerError
from fl_chain.index.index import IndexedRecord
from fl_chain.index.selection import EVERYTHING, Selection
from fl_chain.roles.task_history import Row, TaskHistory

RECEIPTS_AT_ONCE = 1000
"""So many receipts are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Spending:
    """One transaction with records of the task."""

    kind: str
    """Name of its first record: what it was sent for."""
    num_alike: int
    """Records of that kind: more than one in a batch."""
    round: int
    """That of its first record, or the current one where that names none; 0 before round 1."""
    timestamp: int
    gas: int


def list_gas(history: TaskHistory, selection: Selection = EVERYTHING) -> Iterator[Row]:
    """Yield a row per kind of transaction: how many there were, and what they cost.

    A transaction is named after its first record. One that several updates came in is a batch: its
    gas is that of all of them.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for spending in iterate_spending(history, selection):
        name = spending.kind + (" (batch)" if spending.num_alike > 1 else "")
        found[name].append(spending.gas)
    for name, gas in sorted(found.items(), key=lambda entry: (-sum(entry[1]), entry[0])):
        yield {
            "record": name,
            "transactions": len(gas),
            "min": min(gas),
            "median": statistics.median_low(gas),
            "max": max(gas),
            "total": sum(gas),
        }


def sum_gas_by_round(history: TaskHistory, selection: Selection = EVERYTHING) -> Counter[int]:
    """Return the gas of all transactions of each round."""
    gas: Counter[int] = Counter()
    for spending in iterate_spending(history, selection):
        gas[spending.round] += spending.gas
    return gas


def iterate_spending(history: TaskHistory, selection: Selection = EVERYTHING) -> Iterator[Spending]:
    """Yield every transaction with records of the task, in order.

    Raises
    ------
    LedgerError
        The chain node has no receipt of a transaction whose records it has told.
    """
    waiting: list[tuple[bytes, str, int, int, int]] = []
    for transaction in _iterate_transactions(history):
        _, _, _, number, timestamp = transaction
        if selection.covers(number, timestamp):
            waiting.append(transaction)
        if len(waiting) == RECEIPTS_AT_ONCE:
            yield from _price(history, waiting)
            waiting = []
    yield from _price(history, waiting)


def _iterate_transactions(history: TaskHistory) -> Iterator[tuple[bytes, str, int, int, int]]:
    """Yield hash, kind, number of records of that kind, round and time of each transaction."""
    records: list[IndexedRecord] = []
    current = 0
    with history.index.snapshot():
        for item in history.index.history():
            if records and item.transaction != records[0].transaction:
                yield _summarize(records, current)
                current = max(current, *(getattr(r.record, "round", 0) for r in records))
                records = []
            records.append(item)
    if records:
        yield _summarize(records, current)


def _summarize(records: list[IndexedRecord], current: int) -> tuple[bytes, str, int, int, int]:
    first: Any = records[0].record
    number = getattr(first, "round", current)
    alike = sum(type(item.record) is type(first) for item in records)
    return records[0].transaction, type(first).__name__, alike, number, first.timestamp


def _price(
    history: TaskHistory, transactions: list[tuple[bytes, str, int, int, int]]
) -> Iterator[Spending]:
    calls = [("eth_getTransactionReceipt", ("0x" + entry[0].hex(),)) for entry in transactions]
    receipts = history.connection.batch(calls)
    for entry, receipt in zip(transactions, receipts, strict=True):
        transaction, kind, alike, number, timestamp = entry
        if receipt is None or read_bytes(read_field(receipt, "transactionHash")) != transaction:
            raise LedgerError(
                f"the chain node has no receipt of transaction 0x{transaction.hex()}",
                "ask a node that keeps the receipts of old blocks, by --rpc",
            )
        yield Spending(
            kind, alike, number, timestamp, read_quantity(read_field(receipt, "gasUsed"))
        )
