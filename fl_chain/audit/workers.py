"""How the work of an audit is divided: the core asks for results in order, others do the work.

Rounds are gathered independently of one another, and slices of updates examined likewise; only
sums and models depend on what was before. Whatever is done at the same time, the findings are the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, Protocol, TypeVar

from fl_chain.audit.evidence import FetchBlob
from fl_chain.audit.slices import ExaminedSlice, Slice, examine_slice

A = TypeVar("A")
B = TypeVar("B")

MOST_UPDATES: Final = 64
"""Of one slice."""


class Workers(Protocol):
    """Two maps, one inside the other: the work on a round asks for that on its updates."""

    def expect(self, num_bytes: int) -> None:
        """Hear, before all work, how many bytes of updates there will be."""
        ...

    def map_rounds(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """Yield the results of some work on rounds, in the order of the items."""
        ...

    def slice_size(self, num_updates: int) -> int:
        """Return how many updates, of so many in a round, a slice should have at most."""
        ...

    def map_slices(self, slices: Iterable[Slice], fetch_blob: FetchBlob) -> Iterator[ExaminedSlice]:
        """Yield what comes of some slices, in their order.

        Called from the work on rounds, and so from wherever that is done. Whoever cannot use
        ``fetch_blob`` where the work is done has another one there, to the same contents.
        """
        ...


class InTurn:
    """One thing after the other, each only when its result is asked for."""

    def expect(self, num_bytes: int) -> None:
        """See `Workers.expect`."""

    def map_rounds(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """See `Workers.map_rounds`."""
        return map(work, items)

    def slice_size(self, num_updates: int) -> int:
        """See `Workers.slice_size`."""
        return MOST_UPDATES

    def map_slices(self, slices: Iterable[Slice], fetch_blob: FetchBlob) -> Iterator[ExaminedSlice]:
        """See `Workers.map_slices`."""
        return map(partial(examine_slice, fetch_blob=fetch_blob), slices)
