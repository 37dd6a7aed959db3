"""Several that open the index of a task at once, which is not there yet, open the same one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from fl_chain.index.database import open_database

OPENERS, TIMES = 6, 25
LEDGER = "0x" + "1e" * 20


def test_those_who_open_a_new_index_at_once_share_it(tmp_path: Path) -> None:
    for number in range(TIMES):
        path, start = tmp_path / f"{number}.sqlite", Barrier(OPENERS)

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
