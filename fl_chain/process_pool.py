"""Processes forked from one server that has imported what they need, and pools of them.

The server and all that it forks are deaf to Ctrl-C: a terminal sends it to every process, and one
that imports or is being born would answer with a traceback. They end with the process that they
work for instead, whatever ends it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from typing import ParamSpec, TypeVar

from fl_chain.errors import LocalStateError
from fl_chain.interrupts import signals_held

P = ParamSpec("P")
T = TypeVar("T")


def start_fork_server(modules: Sequence[str]) -> ForkServerContext:
    """Return the way to start processes; the server begins to import these modules.

    A server that runs already has what it has: processes import the rest themselves.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(modules))
    with signals_held():
        resource_tracker.ensure_running()  # it would unblock the signal
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


class ProcessPool:
    """A number of processes, started as there is work, that end with this pool or this process.

    Parameters
    ----------
    num_processes
        How many work at a time, at least 1.
    modules
        What the server imports before it forks the first of them.
    begin
        What each process does before its first work.
    owner
        Whom they work for, in errors: "the audit".
    hint
        What to do about a process that ended before its time.
    """

    def __init__(
        self,
        num_processes: int,
        modules: Sequence[str],
        begin: Callable[[], None] | None = None,
        *,
        owner: str,
        hint: str,
    ) -> None:
        self._owner = owner
        self._hint = hint
        context = start_fork_server(modules)
        theirs, self._life = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(num_processes, context, _begin, (theirs, begin))

    def submit(
        self, work: Callable[P, T], /, *arguments: P.args, **keywords: P.kwargs
    ) -> Future[T]:
        """Have a process do this work, which it can import by name.

        Raises
        ------
        LocalStateError
            A process ended before its time.
        """
        try:
            # A signal while the server forks would leave a process that nobody knows of: it would
            # look for semaphores that have gone with this one.
            with signals_held():
                return self._executor.submit(work, *arguments, **keywords)
        except BrokenProcessPool:
            raise self._broken() from None

    def result(self, future: Future[T]) -> T:
        """Wait for the result of work.

        Raises
        ------
        LocalStateError
            A process ended before its time.
        """
        try:
            return future.result()
        except BrokenProcessPool:
            raise self._broken() from None

    def close(self) -> None:
        """End the processes at once, with what they work on."""
        self._life.close()
        # Not to wait for that would leave a thread to the end of Python.
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _broken(self) -> LocalStateError:
        return LocalStateError(f"a process of {self._owner} ended before its time", self._hint)


def _begin(life: Connection, begin: Callable[[], None] | None) -> None:
    threading.Thread(target=_end_with, args=(life,), daemon=True).start()
    if begin is not None:
        begin()


def _end_with(life: Connection) -> None:
    """End this process when nobody holds the other end any more, whatever it waits for."""
    wait([life])
    os._exit(1)
