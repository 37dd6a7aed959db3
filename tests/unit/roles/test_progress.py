"""What takes too long is said while it still goes on, and nothing else is."""

from __future__ import annotations

import threading
import time

from fl_chain.roles.progress import noticed_after

PATIENCE_SECONDS = 60


def test_what_takes_longer_is_said_while_it_goes_on() -> None:
    said = threading.Event()
    with noticed_after(-5, said.set):
        assert said.wait(PATIENCE_SECONDS)


def test_what_ends_in_time_or_by_an_error_is_not_said() -> None:
    told: list[str] = []
    before = threading.active_count()
    for error in (None, ValueError):
        try:
            with noticed_after(3600, lambda: told.append("late")):
                if error is not None:
                    raise error
        except ValueError:
            pass
    deadline = time.monotonic() + PATIENCE_SECONDS
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
    assert told == []
