"""Between named tensors and the one flat vector that blobs and aggregation work on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.blob import Layout, count_values

ScalarT = TypeVar("ScalarT", bound=np.generic)


def layout_of(tensors: Mapping[str, NDArray[Any]]) -> Layout:
    """Return the layout of named tensors: names sorted, with shapes."""
    return tuple((name, tuple(map(int, tensors[name].shape))) for name in sorted(tensors))


def flatten(tensors: Mapping[str, NDArray[ScalarT]], layout: Layout) -> NDArray[ScalarT]:
    """Return all values in the order of the layout, one dimension.

    Raises
    ------
    MalformedBlob
        The tensors have another layout.
    """
    if layout_of(tensors) != layout:
        raise MalformedBlob("the tensors do not have the layout of the task")
    return np.concatenate([tensors[name].reshape(-1) for name, _ in layout])


def unflatten(values: NDArray[ScalarT], layout: Layout) -> dict[str, NDArray[ScalarT]]:
    """Return named tensors as views of a flat vector; the inverse of :func:`flatten`."""
    if values.shape != (count_values(layout),):
        raise MalformedBlob(f"{values.shape} values do not fill the layout")
    tensors, offset = {}, 0
    for name, shape in layout:
        size = math.prod(shape)
        tensors[name] = values[offset : offset + size].reshape(shape)
        offset += size
    return tensors
