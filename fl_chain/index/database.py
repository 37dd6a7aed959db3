"""The SQLite file of an index: its tables, and how it is opened, or made anew.

Everything in it came from a chain node and can be fetched again, so whatever is wrong with the file
(another version's, another task's, damaged), its content is thrown away and not repaired.

Source: SQLite documentation, https://sqlite.org/wal.html and https://sqlite.org/pragma.html.
"""

from __future__ import annotations

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
        return _open_file(IN_MEMORY, chain_id, ledger)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _open_file(IN_MEMORY, chain_id, ledger)  # a folder that nobody may write to
    try:
        return _open_file(str(path), chain_id, ledger)
    except sqlite3.DatabaseError as error:
        if _is_busy(error):
            return _open_file(IN_MEMORY, chain_id, ledger)  # others hold it, and for too long
    remove_database(path)
    try:
        return _open_file(str(path), chain_id, ledger)
    except sqlite3.OperationalError:
        return _open_file(IN_MEMORY, chain_id, ledger)


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
            if not _is_busy(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _is_busy(error: sqlite3.DatabaseError) -> bool:
    """Return whether another opener is in the way; the upper bytes of a code say how."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _open_file(name: str, chain_id: int, ledger: str) -> sqlite3.Connection:
    """Open an index; what is no index of the task, or not yet, becomes one where it lies.

    In one transaction: several that open it at once must not make it anew one after the other.
    """
    database = _connect(name)
    try:
        if not _is_index_of(database, chain_id, ledger):
            database.execute("BEGIN IMMEDIATE")
            if not _is_index_of(database, chain_id, ledger):  # or another opener was faster
                _make_anew(database, chain_id, ledger)
            database.execute("COMMIT")
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


def _make_anew(database: sqlite3.Connection, chain_id: int, ledger: str) -> None:
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        quoted = table.replace('"', '""')
        database.execute(f'DROP TABLE "{quoted}"')
    for statement in TABLES.split(";"):
        database.execute(statement)
    database.execute("INSERT INTO subject VALUES (?, ?)", (chain_id, ledger))
    database.execute(f"PRAGMA user_version = {VERSION}")


def _is_index_of(database: sqlite3.Connection, chain_id: int, ledger: str) -> bool:
    if database.execute("PRAGMA user_version").fetchone() != (VERSION,):
        return False
    return bool(database.execute("SELECT * FROM subject").fetchall() == [(chain_id, ledger)])
