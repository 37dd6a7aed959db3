"""Threads that wait at the same time, and that keep no process alive.

Executors of the standard library make a process that is interrupted wait for what they do, however
long an IPFS node takes to answer; pools of its ``multiprocessing`` hold semaphores of the operating
system, which a process that is stopped leaves behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self, TypeVar

A = TypeVar("A")
B = TypeVar("B")
Await = Callable[[], B]
"""Waits for a result: returns it, or raises what the work raised."""
_Begun = tuple["Future[Any]", Callable[[], Any]]


class ThreadCrew:
    """Threads that stay: what one keeps open, as a connection, serves its later work.

    Parameters
    ----------
    num_threads
        At least 1.

    Examples
    --------
    >>> with ThreadCrew(2) as crew:
    ...     crew.map(abs, [-3, 1, -2])
    [3, 1, 2]
    """

    def __init__(self, num_threads: int) -> None:
        self._queue: SimpleQueue[_Begun | None] = SimpleQueue()
        self._num_threads = num_threads
        self._is_closed = False
        self._lock = Lock()
        """Nothing is put into the queue behind the end."""
        for _ in range(num_threads):
            Thread(target=_serve, args=(self._queue,), daemon=True).start()

    def begin(self, work: Callable[[A], B], item: A) -> Await[B]:
        """Let the next free thread do the work on an item."""
        future: Future[B] = Future()
        with self._lock:
            if self._is_closed:
                future.cancel()
            else:
                self._queue.put((future, partial(work, item)))
        return future.result

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """Return the results in order, or raise the error of the first item that has one."""
        begun = [self.begin(work, item) for item in items]
        return [await_result() for await_result in begun]

    def close(self) -> None:
        """Give up what no thread has begun; wait for nothing. Who waits for it is told."""
        with self._lock:
            self._is_closed = True
            while (begun := self._take_waiting()) is not None:
                begun[0].cancel()
            for _ in range(self._num_threads):
                self._queue.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _take_waiting(self) -> _Begun | None:
        try:
            return self._queue.get_nowait()
        except Empty:
            return None


def _serve(queue: SimpleQueue[_Begun | None]) -> None:
    while _do(queue.get()):
        pass  # It holds no work and no result while it waits for the next.


def _do(begun: _Begun | None) -> bool:
    if begun is None:
        return False
    future, work = begun
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
    return True
