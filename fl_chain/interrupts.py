"""No Ctrl-C comes at a moment that loses a process, and none is lost itself."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

REPEAT_SECONDS = 0.01


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Hold Ctrl-C and a polite kill back until the block is done.

    A signal between the start of a process and the assignment of its handle would leave a process
    that nobody knows of.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only
        return
    held: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: held.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for received in held:
            signal.raise_signal(received)


def insist_on_interrupts() -> None:
    """Repeat a Ctrl-C that arrives in code whose errors Python ignores, as that of finalizers."""
    report = sys.unraisablehook

    def repeat(unraisable: sys.UnraisableHookArgs) -> None:
        if unraisable.exc_type is not KeyboardInterrupt:
            report(unraisable)
        elif not sys.is_finalizing():
            # Later: one that is raised here would be ignored as well.
            threading.Timer(REPEAT_SECONDS, _interrupt).start()

    sys.unraisablehook = repeat


def _interrupt() -> None:
    main_thread = threading.main_thread().ident
    if main_thread is not None and threading.main_thread().is_alive():
        signal.pthread_kill(main_thread, signal.SIGINT)
