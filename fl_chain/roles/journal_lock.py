"""One process per journal: a second would train for nothing, and race the first to the chain."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from fl_chain.errors import LocalStateError

try:
    import fcntl
except ImportError:  # not a POSIX system: the chain still takes one update of a round only
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = "owner.pid"


class JournalLock:
    """Holds a directory until it is closed or its process ends, however that ends.

    The kernel keeps the lock, not the file: what a crash leaves behind locks nobody out. The file
    is never removed, since somebody may be about to lock it.

    Parameters
    ----------
    directory
        Exists and can be written to.

    Raises
    ------
    LocalStateError
        Another process holds it; the message says which.
    OSError
        The directory cannot be written to.
    """

    def __init__(self, directory: Path) -> None:
        descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        self._close = weakref.finalize(self, os.close, descriptor)
        try:
            _lock(descriptor)
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode("ascii", "replace").strip()
            self.close()
            raise LocalStateError(
                f"{directory} is in use by another process{f' (pid {owner})' if owner else ''}",
                "a key takes part in a task once at a time; end the other first, or let it work",
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())

    def close(self) -> None:
        """Let the next process have it."""
        self._close()


def _lock(descriptor: int) -> None:
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            pass  # a file system without locks, as some network shares are, is as good as none
