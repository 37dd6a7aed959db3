"""The SQLite file of an index: its tables, and how it is opened, or made anew.

Everything in it came from a chain node and can be fetched again, so whatever is wrong with the file
(another version's, another task's, damaged), it is thrown away and not repaired.

Source: SQLite documentation, https://sqlite.org/wal.html and https://sqlite.org/pragma.html.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Final

from fl_chain.errors import LocalStateError

VERSION: Final = 1
"""Of the tables below; a file of another version is made anew."""
BUSY_SECONDS: Final = 60.0
"""How long to wait for another process that adds to the same index."""
IN_MEMORY: Final = ":memory:"

TABLES: Final = """
CREATE TABLE subject (chain_id INTEGER NOT NULL, ledger TEXT NOT NULL) STRICT;
CREATE TABLE checkpoints (
    block INTEGER PRIMARY KEY, hash BLOB NOT NULL, history BLOB NOT NULL, records INTEGER NOT NULL
) STRICT;
CREATE TABLE records (
    position INTEGER PRIMARY KEY, block INTEGER NOT NULL, log_index INTEGER NOT NULL,
    hash BLOB NOT NULL, kind TEXT NOT NULL, round INTEGER, timestamp INTEGER NOT NULL,
    topics BLOB NOT NULL, data BLOB NOT NULL
) STRICT;
CREATE TABLE updates (
    position INTEGER PRIMARY KEY, block INTEGER NOT NULL, log_index INTEGER NOT NULL,
    hash BLOB NOT NULL, round INTEGER NOT NULL, sequence INTEGER NOT NULL,
    participant TEXT NOT NULL, digest BLOB NOT NULL, cid_digest BLOB NOT NULL,
    weight INTEGER NOT NULL, timestamp INTEGER NOT NULL
) STRICT;
CREATE INDEX records_of_round ON records (round, kind);
CREATE INDEX records_of_kind ON records (kind, round);
CREATE INDEX updates_of_round ON updates (round, sequence, weight);
CREATE INDEX updates_of_participant ON updates (participant, round, weight);
CREATE INDEX updates_of_digest ON updates (digest);
"""
"""``hash`` is that of the transaction, but for a checkpoint: that of the block; ``history`` the
running hash after it, of ``records`` records. ``updates`` has every UpdateSubmitted, ``records``
every other record, and positions count both."""


def open_database(path: Path | None, chain_id: int, ledger: str) -> sqlite3.Connection:
    """Open the index of a task in a file, or in memory without one; empty if it was not there.

    Parameters
    ----------
    path
        The file; made with its folder where that is possible.
    chain_id
        The chain, 0 to 2^63 - 1.
    ledger
        Address of the task's contract.

    Raises
    ------
    LocalStateError
        The file is there and can be neither opened nor replaced.
    """
    if path is None:
        return _create(IN_MEMORY, chain_id, ledger)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _create(IN_MEMORY, chain_id, ledger)  # a folder that nobody may write to
    is_empty = False
    with contextlib.suppress(sqlite3.DatabaseError):
        found = _connect(str(path))
        # In one transaction, so that both answers are about the same moment.
        found.execute("BEGIN")
        is_index = _is_index_of(found, chain_id, ledger)
        # Another opener may be about to fill it: to delete it would take it from under that one.
        is_empty = found.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        found.execute("COMMIT")
        if is_index:
            return found
        found.close()
    if not is_empty:
        remove_database(path)
    try:
        return _create(str(path), chain_id, ledger)
    except sqlite3.OperationalError:
        return _create(IN_MEMORY, chain_id, ledger)


def remove_database(path: Path) -> None:
    """Delete an index and what SQLite keeps beside it.

    Raises
    ------
    LocalStateError
        It cannot be deleted.
    """
    for ending in ("", "-wal", "-shm"):
        try:
            Path(f"{path}{ending}").unlink(missing_ok=True)
        except OSError as error:
            raise LocalStateError(
                f"cannot replace the index {path}: {error.strerror}", "delete it"
            ) from None


def _connect(name: str) -> sqlite3.Connection:
    database = sqlite3.connect(name, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        _use_write_ahead_log(database)
        # What a crash of the machine loses is fetched again.
        database.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


def _use_write_ahead_log(database: sqlite3.Connection) -> None:
    """Change the journal, for which SQLite does not wait if another opener is doing the same."""
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _create(name: str, chain_id: int, ledger: str) -> sqlite3.Connection:
    database = _connect(name)
    try:
        database.execute("BEGIN IMMEDIATE")
        if not _is_index_of(database, chain_id, ledger):  # or another process was faster
            for statement in TABLES.split(";"):
                database.execute(statement)
            database.execute("INSERT INTO subject VALUES (?, ?)", (chain_id, ledger))
            database.execute(f"PRAGMA user_version = {VERSION}")
        database.execute("COMMIT")
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


def _is_index_of(database: sqlite3.Connection, chain_id: int, ledger: str) -> bool:
    if database.execute("PRAGMA user_version").fetchone() != (VERSION,):
        return False
    return bool(database.execute("SELECT * FROM subject").fetchall() == [(chain_id, ledger)])
