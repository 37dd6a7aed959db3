"""The state of a task, replayed from its ledger at once."""

from __future__ import annotations

from fl_chain.chain.ledger import Ledger
from fl_chain.errors import LedgerError
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.records import TaskCreated
from fl_chain.protocol.round import Task


def replay(ledger: Ledger) -> tuple[Task, int]:
    """Return the state of a ledger, read from its first block on, and the latest block's time."""
    page = ledger.fetch(0)
    task = None
    for log in page.logs:
        record = decode_log(log)
        if isinstance(record, TaskCreated):
            task = Task(record)
        elif task is not None:
            task.apply(record)  # type: ignore[arg-type]
    if task is None:
        raise LedgerError(f"the ledger at {ledger.address} has no records")
    return task, page.now
