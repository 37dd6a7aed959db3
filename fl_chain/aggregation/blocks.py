"""Large arrays in blocks, so that what is computed on the way stays in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

_BLOCK_VALUES = 2**14


def iterate_blocks(size: int) -> Iterator[slice]:
    """Yield slices that cover ``range(size)`` in order.

    Examples
    --------
    >>> list(iterate_blocks(20_000))
    [slice(0, 16384, None), slice(16384, 20000, None)]
    """
    for start in range(0, size, _BLOCK_VALUES):
        yield slice(start, min(start + _BLOCK_VALUES, size))
