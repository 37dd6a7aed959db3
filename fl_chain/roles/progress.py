"""What a long-running role reports while it works: small events, for people and machines alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Progress = Callable[[str, dict[str, Any]], None]
"""Takes the event's name and its values (text, numbers, booleans)."""


def ignore_progress(event: str, values: dict[str, Any]) -> None:
    """Report to nobody."""


@contextmanager
def timed(values: dict[str, Any], name: str) -> Iterator[None]:
    """Store the seconds that a block took under ``name``."""
    start = time.perf_counter()
    yield
    values[name] = round(time.perf_counter() - start, 6)


@contextmanager
def noticed_after(seconds: float, notice: Callable[[], None]) -> Iterator[None]:
    """Call something once a block has taken so long, while it still goes on."""
    timer = threading.Timer(max(0.0, seconds), notice)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
