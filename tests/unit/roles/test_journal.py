"""A journal belongs to one process at a time, and a process that is gone owns nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl_chain.errors import LocalStateError
from fl_chain.roles import journal_lock
from fl_chain.roles.journal import Journal, JournalEntry

OPEN_AND_HOLD = """
import sys
from pathlib import Path
from fl_chain.roles.journal import Journal
journal = Journal(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""
ENTRY = JournalEntry("t" * 64, 1, "b" * 64, 10, b"d" * 32, b"blob")


def test_an_update_comes_back_with_its_salt_and_none_without_it(tmp_path: Path) -> None:
    salted = JournalEntry("t" * 64, 2, "b" * 64, 10, b"d" * 32, b"blob", b"\5" * 32)
    with Journal(tmp_path) as journal:
        for entry in (ENTRY, salted):
            journal.write_update(entry)
            assert journal.read_update(entry.task, entry.round, [entry.base_model]) == entry
        (tmp_path / "update.json").write_text('{"round": 2}')
        assert journal.read_update(salted.task, 2, [salted.base_model]) is None


@contextmanager
def another_process_has(directory: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OPEN_AND_HOLD, str(directory)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_a_second_process_is_told_which_one_has_the_journal(tmp_path: Path) -> None:
    with another_process_has(tmp_path) as owner:
        for _ in range(2):
            with pytest.raises(LocalStateError) as error:
                Journal(tmp_path)
            assert f"{tmp_path} is in use by another process (pid {owner.pid})" in str(error.value)
            assert error.value.hint


def test_a_killed_process_leaves_no_lock_but_all_that_it_wrote(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.write_update(ENTRY)
    with another_process_has(tmp_path) as owner:
        owner.kill()
        owner.wait()
        with Journal(tmp_path) as journal:
            assert journal.read_update(ENTRY.task, ENTRY.round, [ENTRY.base_model]) == ENTRY
        assert (tmp_path / journal_lock.LOCK_NAME).read_text() == f"{os.getpid()}\n"


def test_a_journal_that_was_closed_or_forgotten_is_free(tmp_path: Path) -> None:
    Journal(tmp_path).close()
    journal: Journal | None = Journal(tmp_path)
    journal = None
    assert journal is None
    with Journal(tmp_path), pytest.raises(LocalStateError, match="in use"):
        Journal(tmp_path)


def test_journals_of_others_are_not_held_up(tmp_path: Path) -> None:
    with another_process_has(tmp_path / "alice"), Journal(tmp_path / "bob") as journal:
        journal.write_update(ENTRY)


def test_where_nothing_can_be_locked_a_journal_works_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    with monkeypatch.context() as patch:
        patch.setattr(journal_lock.fcntl, "flock", refuse)
        Journal(tmp_path).write_update(ENTRY)
    monkeypatch.setattr(journal_lock, "fcntl", None)
    with Journal(tmp_path) as journal:
        assert journal.read_update(ENTRY.task, ENTRY.round, [ENTRY.base_model]) == ENTRY


def test_a_directory_that_cannot_be_written_to_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / journal_lock.LOCK_NAME).mkdir()
    with pytest.raises(LocalStateError, match="cannot write"):
        Journal(tmp_path)


def memory_of(value: float) -> dict[str, np.ndarray]:
    return {"state/norm.mean": np.full(3, value, np.float32), "state/count": np.array(7)}


def test_training_finds_what_it_knew_after_a_round_and_nothing_of_another_task(
    tmp_path: Path,
) -> None:
    with Journal(tmp_path) as journal:
        assert journal.read_memory("t" * 64, 1) == {}
        journal.write_memory("t" * 64, 1, memory_of(1))
        for last, number in ((1, 2), (2, 9), (2, 10)):  # the update of round 9 came too late
            assert journal.read_memory("t" * 64, last)
            journal.write_memory("t" * 64, number, memory_of(number))
        assert journal.read_memory("o" * 64, 11) == {}
        assert journal.read_memory("t" * 64, 1) == {}, "two are kept"
    with Journal(tmp_path) as journal:
        for last, expected in ((11, 10), (10, 10), (9, 2), (2, 2)):
            found = journal.read_memory("t" * 64, last)
            assert list(found) == list(memory_of(expected))
            for name, array in memory_of(expected).items():
                assert found[name].dtype == array.dtype
                assert np.array_equal(found[name], array)


def test_a_trainer_without_memory_leaves_no_file(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.write_memory("t" * 64, 1, {})
        assert not list(tmp_path.glob("memory*"))


@pytest.mark.parametrize("damage", [b"", b"PK\3\4 and no more", b"\x93NUMPY"])
def test_a_damaged_memory_is_said_and_not_taken_for_none(tmp_path: Path, damage: bytes) -> None:
    with Journal(tmp_path) as journal:
        journal.write_memory("t" * 64, 1, memory_of(1))
        (tmp_path / "memory-1.npz").write_bytes(damage)
        with pytest.raises(LocalStateError, match=r"cannot read .*memory-1\.npz") as error:
            journal.read_memory("t" * 64, 1)
        assert error.value.hint == "move it away to go on without it"


def test_a_memory_that_is_code_is_not_run(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        np.savez(tmp_path / "memory-1.npz", x=np.array([print], dtype=object))
        with pytest.raises(LocalStateError, match="memory-1"):
            journal.read_memory("t" * 64, 1)


def test_what_training_remembers_is_encrypted_under_the_accounts_key(tmp_path: Path) -> None:
    key, memory = b"\1" * 32, {"secret": np.arange(1000, dtype=np.float32)}
    with Journal(tmp_path, key) as journal:
        journal.write_memory("t" * 64, 1, memory)
        assert np.array_equal(journal.read_memory("t" * 64, 1)["secret"], memory["secret"])
    (path,) = tmp_path.glob("memory-*")
    assert memory["secret"][100:110].tobytes() not in path.read_bytes()
    assert b"secret" not in path.read_bytes()
    other = Journal(tmp_path, b"\2" * 32)
    with other, pytest.raises(LocalStateError, match="another key"):
        other.read_memory("t" * 64, 1)
    altered = bytearray(path.read_bytes())
    altered[-1] ^= 1
    path.write_bytes(altered)
    with Journal(tmp_path, key) as journal, pytest.raises(LocalStateError, match="damaged"):
        journal.read_memory("t" * 64, 1)


def test_only_the_last_memories_are_kept_encrypted_or_not(tmp_path: Path) -> None:
    with Journal(tmp_path, b"\1" * 32) as journal:
        for number in (1, 2, 3):
            journal.read_memory("t" * 64, number - 1)
            journal.write_memory("t" * 64, number, memory_of(number))
    assert sorted(path.name for path in tmp_path.glob("memory-*")) == [
        "memory-2.sealed",
        "memory-3.sealed",
    ]
