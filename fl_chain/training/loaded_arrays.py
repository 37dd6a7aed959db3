"""What somebody's own code loaded, as the arrays that training takes, or why it cannot be.

Every function raises TrainingError, which begins with ``place``: whose code it was.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from fl_chain.errors import TrainingError

__all__ = ["read_features", "read_labels", "read_targets", "read_values"]

_SHOWN: Final = 3
"""Places of bad values that a message names."""


def _as_array(place: str, what: str, values: Any) -> npt.NDArray[Any]:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise TrainingError(f"{place}: {what} are no array: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TrainingError(
            f"{place}: {what} are {array.dtype}, not numbers", "turn text into numbers first"
        )
    return array


def read_features(place: str, values: Any) -> npt.NDArray[np.float32]:
    """Return features as float32, ``[n, ...]``; the place of the first that cannot be is told."""
    array = _as_array(place, "features", values)
    if array.ndim < 2:
        raise TrainingError(f"{place}: features have shape {array.shape}, not (n, ...)")
    with np.errstate(over="ignore"):  # found and named just below
        features = array.astype(np.float32)
    bad = ~np.isfinite(features)
    if bad.any():
        first = np.argwhere(bad)[:_SHOWN].tolist()
        places = ", ".join(str(tuple(position)) for position in first)
        raise TrainingError(
            f"{place}: {int(bad.sum())} of {bad.size} features are NaN, or no float32; "
            f"the first at {places}",
            "decide in load_data() what stands for a missing value",
        )
    return features


def read_values(place: str, values: Any, each: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return labels as one array, ``[n, *each]``; ``each`` is the shape of one example's."""
    array = _as_array(place, "labels", values)
    if array.ndim == 0 or array.shape[1:] != each:
        expected = "(n,)" if not each else f"(n, {each[0]})"
        raise TrainingError(f"{place}: labels have shape {array.shape}, not {expected}")
    return array


def read_targets(place: str, array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return numbers to predict as float32, all finite."""
    with np.errstate(over="ignore"):  # found and named just below
        targets = array.astype(np.float32)
    if not np.isfinite(targets).all():
        row = int(np.flatnonzero(~np.isfinite(targets))[0])
        raise TrainingError(f"{place}: label {array[row]} in row {row} is NaN, or no float32")
    return targets


def read_labels(place: str, array: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return classes as whole numbers from 0 on."""
    is_whole = np.isfinite(array) & (array == np.floor(array)) & (array >= 0)
    if not is_whole.all():
        first = np.argwhere(~is_whole)[0]
        raise TrainingError(
            f"{place}: label {array[tuple(first)]} in row {first[0]} is no class, a whole number"
            " from 0 on",
            "to predict numbers, let the model have one output",
        )
    return array.astype(np.int64)
