"""Wait out a service that is away for a while, and say so; give up in the end with its error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from fl_chain.errors import BlobUnavailable, ChainUnreachable, FlChainError, StoreUnreachable
from fl_chain.roles.progress import Progress

T = TypeVar("T")

DEFAULT_PATIENCE_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0

TRANSIENT: tuple[type[FlChainError], ...] = (StoreUnreachable, ChainUnreachable, BlobUnavailable)
"""Errors that may go away by themselves."""
AWAY: tuple[type[FlChainError], ...] = (StoreUnreachable, ChainUnreachable)
"""Errors that say that a service is away, whatever it has."""


def with_patience(
    action: Callable[[], T],
    patience_seconds: float,
    progress: Progress,
    transient: tuple[type[FlChainError], ...] = TRANSIENT,
) -> T:
    """Return what ``action`` returns, trying again while it fails with a ``transient`` error.

    Raises
    ------
    FlChainError
        The last error, ``patience_seconds`` after the first one; any other error at once.
    """
    deadline = None
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return action()
        except transient as error:
            now = time.monotonic()
            deadline = deadline or now + patience_seconds  # what takes long is no failure yet
            if now + pause > deadline:
                raise
            progress("waiting", {"reason": error.message})
        # The pause doubles, so that a service that comes back is not met by a stampede.
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
