"""The lanes of a round's included updates, each of them whole, as robust rules look at them.

Rules ask which update is nearest to which, or for the middle of all, so the sum does not do: memory
holds all n updates at 2 bytes a lane. What is computed from them goes block by block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.blocks import iterate_blocks


class LaneRows:
    """Updates by participant, in the order of the addresses, however they came.

    Parameters
    ----------
    num_values
        Lanes per update.

    Examples
    --------
    >>> rows = LaneRows(2)
    >>> rows.add("0x02", np.array([3, 4], np.int16))
    >>> rows.add("0x01", np.array([1, 2], np.int16))
    >>> [lanes.tolist() for _, lanes in rows.iterate()]
    [[[1, 2], [3, 4]]]
    """

    def __init__(self, num_values: int) -> None:
        self.num_values = num_values
        self._lanes: dict[str, NDArray[np.int16]] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    def add(self, participant: str, lanes: NDArray[np.int16]) -> None:
        """Add the update of a participant; there is one of each."""
        self._lanes[participant] = lanes

    def add_rows(self, rows: LaneRows) -> None:
        """Add the updates of other participants."""
        self._lanes |= rows._lanes

    def items(self) -> Iterator[tuple[str, NDArray[np.int16]]]:
        """Yield every participant with its update, in the order of the addresses."""
        yield from sorted(self._lanes.items())

    def iterate(
        self, kind: type[np.number[Any]] = np.int16
    ) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yield blocks of values with the lanes of all updates, shape (n, values of the block).

        Parameters
        ----------
        kind
            What the numbers become.

        The array may be written to; with the next block it is used again.
        """
        ordered = [lanes for _, lanes in sorted(self._lanes.items())]
        buffer: NDArray[Any] | None = None
        for block in iterate_blocks(self.num_values):
            width = block.stop - block.start
            if buffer is None or buffer.shape[1] != width:
                buffer = np.empty((len(ordered), width), kind)
            for row, lanes in zip(buffer, ordered, strict=True):
                row[:] = lanes[block]
            yield block, buffer
