"""Threads and processes that work on an audit, and no further ahead than memory allows.

Threads wait for IPFS nodes at the same time. They do not hash at the same time: Python holds its
lock while it hashes the chunks of a digest, so large audits have processes (ADR 0024).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeVar

from fl_chain.audit.evidence import FetchBlob
from fl_chain.audit.slices import ExaminedSlice, Slice, examine_slice
from fl_chain.audit.workers import MOST_UPDATES
from fl_chain.errors import UsageError
from fl_chain.process_pool import ProcessPool
from fl_chain.roles import audit_process
from fl_chain.roles.audit_process import OpenStore
from fl_chain.roles.thread_crew import Await, ThreadCrew

MOST_JOBS: Final = 64
PROCESS_BYTES: Final = 2**29
"""Fewer bytes of updates are examined before processes have started."""
FEWEST_UPDATES: Final = 16
"""Of a slice for a process: its sum, four updates large, goes through a pipe."""
_ROUGHLY: Final = 4
"""Slices for each job, so that none waits long for the last one."""
A = TypeVar("A")
B = TypeVar("B")


def count_cores() -> int:
    """Return how many jobs this machine has cores for."""
    return min(os.cpu_count() or 1, MOST_JOBS)


class ParallelWorkers:
    """`Workers` that are threads, or processes where there is much to hash.

    At most ``num_jobs`` rounds are in hand and one more waits to be concluded, each with a sum;
    ``num_jobs`` slices are examined at a time and as many wait, each with a sum, and with one
    update as long as it is examined. Memory grows with the number of jobs, not with that of rounds
    or updates; by other rules than the mean, a round or slice in hand has its updates for a sum.

    None of them keeps a process alive: one that is interrupted ends at once, whatever they wait
    for, and with it those that it started.

    Parameters
    ----------
    num_jobs
        Threads for rounds, and threads or processes for slices; 1 to 64.
    open_store
        Opens the content store again in another process; None for threads only.
    process_bytes
        From how many bytes of updates on there are processes.

    Raises
    ------
    UsageError
        Another number of jobs.
    """

    def __init__(
        self,
        num_jobs: int,
        open_store: OpenStore | None = None,
        *,
        process_bytes: int = PROCESS_BYTES,
    ) -> None:
        if not 1 <= num_jobs <= MOST_JOBS:
            raise UsageError(f"an audit has 1 to {MOST_JOBS} jobs, not {num_jobs}")
        self._num_jobs = num_jobs
        self._num_rounds = 1
        self._open_store = open_store
        self._process_bytes = process_bytes
        # Two crews: work on a round waits for that on its slices, which waits for nobody.
        self._rounds = ThreadCrew(num_jobs)
        self._slices = ThreadCrew(num_jobs)
        self._processes: ProcessPool | None = None

    def expect(self, num_bytes: int) -> None:
        """See `Workers.expect`."""
        if self._open_store is None or num_bytes < self._process_bytes:
            return
        # Not a fork of this process, which has threads and connections already.
        self._processes = ProcessPool(
            self._num_jobs,
            [audit_process.__name__],
            partial(audit_process.begin, self._open_store),
            owner="the audit",
            hint="memory may be short: try fewer --jobs; --resume goes on where it stopped",
        )

    def map_rounds(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """See `Workers.map_rounds`."""
        rounds = list(items)
        self._num_rounds = max(1, min(self._num_jobs, len(rounds)))

        def begin(item: A) -> Await[B]:
            return self._rounds.begin(work, item)

        return _map_ahead(self._num_rounds, begin, rounds)

    def slice_size(self, num_updates: int) -> int:
        """See `Workers.slice_size`."""
        size = -(-num_updates // (_ROUGHLY * self._jobs_of_a_round))
        return min(max(size, FEWEST_UPDATES if self._processes else 1), MOST_UPDATES)

    def map_slices(self, slices: Iterable[Slice], fetch_blob: FetchBlob) -> Iterator[ExaminedSlice]:
        """See `Workers.map_slices`.

        Raises
        ------
        LocalStateError
            A process ended before its time.
        """
        processes = self._processes

        def begin(part: Slice) -> Await[ExaminedSlice]:
            if processes is None:
                return self._slices.begin(partial(examine_slice, fetch_blob=fetch_blob), part)
            return partial(processes.result, processes.submit(audit_process.examine_here, part))

        return _map_ahead(self._jobs_of_a_round, begin, slices)

    def close(self) -> None:
        """Give up what is not done yet."""
        self._rounds.close()
        self._slices.close()
        if self._processes is not None:
            self._processes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _jobs_of_a_round(self) -> int:
        return -(-self._num_jobs // self._num_rounds)


def _map_ahead(ahead: int, begin: Callable[[A], Await[B]], items: Iterable[A]) -> Iterator[B]:
    """Yield results in order, with so many begun beyond the one that is waited for."""
    pending: deque[Await[B]] = deque()
    for item in items:
        pending.append(begin(item))
        if len(pending) > ahead:
            yield pending.popleft()()
    while pending:
        yield pending.popleft()()
