"""Several that open the index of a task at once, which has yet to be made, open the same one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from fl_chain.index.database import open_database

OPENERS, TIMES = 6, 25
LEDGER, OTHER = ("0x" + byte * 20 for byte in ("1e", "2f"))


def make_other_tasks(path: Path) -> None:
    open_database(path, 1, OTHER).close()


def make_other_version(path: Path) -> None:
    open_database(path, 1, LEDGER).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA user_version = 999")
        database.execute('CREATE TABLE "of a later ""version" (column TEXT)')


@pytest.mark.parametrize(
    "prepare",
    [lambda path: None, Path.touch, make_other_tasks, make_other_version],
    ids=["not there", "empty", "of another task", "of another version"],
)
def test_those_who_open_an_index_at_once_share_it(
    tmp_path: Path, prepare: Callable[[Path], None]
) -> None:
    for number in range(TIMES):
        path, start = tmp_path / f"{number}.sqlite", Barrier(OPENERS)
        prepare(path)

        def write(value: int, path: Path = path, start: Barrier = start) -> None:
            start.wait()
            database = open_database(path, 1, LEDGER)
            database.execute("INSERT INTO checkpoints VALUES (?, x'00', x'00', 0)", (value,))
            database.close()

        with ThreadPoolExecutor(OPENERS) as pool:
            list(pool.map(write, range(OPENERS)))
        database = open_database(path, 1, LEDGER)
        written = database.execute("SELECT block FROM checkpoints ORDER BY block").fetchall()
        database.close()
        assert written == [(value,) for value in range(OPENERS)]
