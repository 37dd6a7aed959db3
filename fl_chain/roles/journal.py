"""What one role has done, on disk, so that a restart neither repeats nor forgets it.

The chain is the authority on what was submitted. The journal closes the two gaps around it: an
update that was made but not yet sent is sent as it was, and a transaction that was signed but not
yet mined is sent again byte for byte, which can not happen twice.

What training remembers may tell about the data that it is from, and is encrypted on disk, under a
key that follows from the account's; so are updates that nobody is to see, and the seeds of their
masks. What is to be pinned is as open or as sealed as it will be.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fl_chain.errors import LocalStateError
from fl_chain.roles.journal_lock import JournalLock
from fl_chain.whole_file import write_whole

if TYPE_CHECKING:  # aggregators have a journal as well, and no use for torch
    from fl_chain.training.trainer import Memory

_MEMORY: Final = "memory-"
_MASK: Final = "mask-"
_LABEL: Final = b"fl_chain/journal/1"
_NONCE_BYTES: Final = 12
_TASK: Final = "of task"
_HINT: Final = "free disk space or choose another --state"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """The update of one round."""

    task: str
    """Task id, 64 hexadecimal digits."""
    round: int
    base_model: str
    """Digest of the model that it was trained from, 64 hexadecimal digits."""
    weight: int
    digest: bytes
    """Of the update, 32 bytes; of one that is secret nothing, as it would tell whether a guess of
    the update is right."""
    pinned: bytes
    """What is pinned of it: its blob, sealed where the task has that."""
    salt: bytes = b""
    """The 32 random bytes of the commitment to it; empty in a task without commitments."""
    is_secret: bool = False
    """Whether it is not to be pinned as it is, and is encrypted on disk: updates to be masked."""


class Journal:
    """A directory with the latest update, the transaction that records it, and training's memory.

    Parameters
    ----------
    directory
        Of one participant and one task; made if missing.
    key
        32 bytes that encrypt what training remembers; None leaves it in the open.

    While it is open no other process can open it. A process that ends leaves it closed, whatever
    ended it.

    Raises
    ------
    LocalStateError
        Another process has it open; or, in every method, the disk is full or the directory cannot
        be used.
    """

    def __init__(self, directory: Path, key: bytes | None = None) -> None:
        self._cipher = None if key is None else AESGCM(key)
        self._update = directory / "update.safetensors"
        self._facts = directory / "update.json"
        self._transaction = directory / "transaction.hex"
        self._result = directory / "attested.json"
        self._directory = directory
        self._memory_in_use = 0
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = JournalLock(directory)
        except OSError as error:
            raise LocalStateError(f"cannot write {directory}: {error.strerror}", _HINT) from None

    def close(self) -> None:
        """Let another process open it."""
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def write_update(self, entry: JournalEntry) -> None:
        """Remember an update in place of the one before; with a salt, also across a power cut."""
        facts = {
            "base_model": entry.base_model,
            "digest": entry.digest.hex(),
            "round": entry.round,
            "salt": entry.salt.hex(),
            "secret": entry.is_secret,
            "size": len(entry.pinned),
            "task": entry.task,
            "weight": entry.weight,
        }
        self._facts.unlink(missing_ok=True)
        # Without the salt, or with another update, nothing is left to reveal.
        is_durable = bool(entry.salt)
        content = self._encrypt(entry.pinned) if entry.is_secret else entry.pinned
        write_whole(self._update, content, _HINT, is_durable=is_durable)
        write_whole(self._facts, json.dumps(facts).encode(), _HINT, is_durable=is_durable)

    def read_update(
        self, task: str, round_number: int, bases: Collection[str]
    ) -> JournalEntry | None:
        """Return the remembered update if it is for this task and round and began from a base."""
        try:
            facts = json.loads(self._facts.read_bytes())
            pinned, is_secret = self._update.read_bytes(), facts["secret"]
            if is_secret:
                pinned = self._decrypt(pinned)
            base_model, place = facts["base_model"], (facts["task"], facts["round"])
            is_for_this = place == (task, round_number) and base_model in bases
            if is_for_this and facts["size"] == len(pinned):
                digest, salt = bytes.fromhex(facts["digest"]), bytes.fromhex(facts["salt"])
                what = int(facts["weight"]), digest, pinned, salt
                return JournalEntry(task, round_number, base_model, *what, is_secret)
        except (OSError, ValueError, KeyError, TypeError, InvalidTag):
            return None  # nothing remembered, or half of it: the update is made again
        return None

    def write_mask(self, name: str, round_number: int, content: bytes) -> None:
        """Remember something about the masks of a round, across a power cut as well.

        It takes the place of what has the same name, and is encrypted.
        """
        data = self._encrypt(round_number.to_bytes(4) + content)
        write_whole(self._directory / f"{_MASK}{name}", data, _HINT, is_durable=True)

    def read_mask(self, name: str) -> tuple[int, bytes] | None:
        """Return the round and what was written last under a name; None if that is nothing.

        Raises
        ------
        LocalStateError
            The file is damaged, or of another key: what was published cannot be told any more, and
            nothing may be published again.
        """
        path = self._directory / f"{_MASK}{name}"
        try:
            plain = self._decrypt(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, InvalidTag):
            raise LocalStateError(
                f"cannot read {path}, from which the masks of this participant follow",
                "move it away to take part again from the next round on, and not before",
            ) from None
        return int.from_bytes(plain[:4]), plain[4:]

    def write_memory(self, task: str, round_number: int, memory: Memory) -> None:
        """Remember what training knows after a round; what was read last is kept as well.

        So a participant whose update does not come to be on record trains again from the same.
        """
        if not memory:
            return
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **{_TASK: np.array(task)}, **memory)
        write_whole(self._locate_memory(round_number), self._encrypt(content.getvalue()), _HINT)
        for number in self._list_memories():
            if number not in (round_number, self._memory_in_use):
                self._locate_memory(number).unlink(missing_ok=True)

    def read_memory(self, task: str, round_number: int) -> Memory:
        """Return what training of this task knew after a round, or the last one before that.

        It is empty if nothing is remembered.

        Raises
        ------
        LocalStateError
            The file is damaged, or of another key.
        """
        former = [number for number in self._list_memories() if number <= round_number]
        self._memory_in_use = max(former, default=0)
        if not former:
            return {}
        path = self._locate_memory(self._memory_in_use)
        try:
            plain = self._decrypt(path.read_bytes())
            with np.load(io.BytesIO(plain), allow_pickle=False) as content:
                memory = {name: content[name] for name in content.files}
        except (
            *(OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error),
            InvalidTag,
        ) as error:
            reason = str(error) or "it is damaged, or of another key"
            raise LocalStateError(
                f"cannot read {path}, what training remembers: {reason}",
                "move it away to go on without it",
            ) from None
        return memory if str(memory.pop(_TASK, "")) == task else {}

    def _encrypt(self, content: bytes) -> bytes:
        if self._cipher is None:
            return content
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, _LABEL)

    def _decrypt(self, content: bytes) -> bytes:
        if self._cipher is None:
            return content
        nonce, rest = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
        return self._cipher.decrypt(nonce, rest, _LABEL)

    def _locate_memory(self, round_number: int) -> Path:
        ending = ".npz" if self._cipher is None else ".sealed"
        return self._directory / f"{_MEMORY}{round_number}{ending}"

    def _list_memories(self) -> list[int]:
        ending = self._locate_memory(0).suffix
        names = [
            path.stem.removeprefix(_MEMORY) for path in self._directory.glob(f"{_MEMORY}*{ending}")
        ]
        return [int(name) for name in names if name.isdecimal()]

    def write_result(self, round_number: int, result: bytes) -> None:
        """Remember what an aggregator attests to, before it signs it."""
        facts = {"result": result.hex(), "round": round_number}
        write_whole(self._result, json.dumps(facts).encode(), _HINT)

    def read_result(self, round_number: int) -> bytes | None:
        """Return what was attested to in a round, if that is the last one remembered."""
        try:
            facts = json.loads(self._result.read_bytes())
            return bytes.fromhex(facts["result"]) if facts["round"] == round_number else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_transaction(self, raw: bytes) -> None:
        """Remember a signed transaction before it leaves."""
        write_whole(self._transaction, raw.hex().encode(), _HINT)

    def read_transaction(self) -> bytes | None:
        """Return the signed transaction that may not be mined yet."""
        try:
            return bytes.fromhex(self._transaction.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def forget_transaction(self) -> None:
        """Forget the transaction: the chain has it."""
        self._transaction.unlink(missing_ok=True)
