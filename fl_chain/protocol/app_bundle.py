"""A Flower app as one file: what its participants run, and the arrays that its models consist of.

Canonical JSON with the source files, so that anybody can read them before running them, and with
what an app's own server would have told its clients: the arrays in the order in which the app
counts them, and the configuration. Which app a task trains is the CID of this file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.blob import Layout
from fl_chain.protocol.canonical_json import decode_json, encode_json
from fl_chain.protocol.constants import MAX_DIMENSIONS, MAX_TENSORS

__all__ = [
    "BUNDLE_FORMAT",
    "MAX_BUNDLE_BYTES",
    "AppArray",
    "AppBundle",
    "decode_bundle",
    "encode_bundle",
    "is_source_path",
]

BUNDLE_FORMAT: Final = "fl_chain/flower/1"
MAX_BUNDLE_BYTES: Final = 2**20
"""One block of IPFS, so that the CID is the SHA-256 of the file."""
MAX_FILES: Final = 1000
FLOAT_TYPES: Final = ("float16", "float32", "float64")
"""Of arrays that are trained and aggregated; what else an app has is kept by each participant."""
KEPT_TYPES: Final = ("bool", "int16", "int32", "int64", "int8", "uint8")
_COMPONENT = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,99}", re.ASCII)
_MEMBERS: Final = {"arrays", "files", "format", "run_config", "train_config"}

ConfigValue = bool | int | float | str | list[bool] | list[int] | list[float] | list[str]
Config = Mapping[str, ConfigValue]


@dataclass(frozen=True, slots=True)
class AppArray:
    """One array of a model, as the app knows it."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    """One of FLOAT_TYPES or KEPT_TYPES."""
    values: tuple[int, ...] = ()
    """To begin with, row by row, where the array is no float; empty otherwise."""

    @property
    def is_trained(self) -> bool:
        """Whether the array is part of updates and models."""
        return self.dtype in FLOAT_TYPES


@dataclass(frozen=True, slots=True)
class AppBundle:
    """Contents of the file."""

    files: Mapping[str, str]
    """Text of each source file by its path below the app's directory, with slashes."""
    arrays: tuple[AppArray, ...]
    """In the order in which the app counts them; at least one is trained."""
    run_config: Config
    """What the app reads as ``context.run_config``."""
    train_config: Config
    """What the app's server sends with the arrays."""

    @property
    def layout(self) -> Layout:
        """Names and shapes of the arrays that are trained, sorted."""
        return tuple(sorted((each.name, each.shape) for each in self.arrays if each.is_trained))


def is_source_path(path: str) -> bool:
    """Return whether a bundle may have a file at this path, which never leaves the directory.

    Examples
    --------
    >>> is_source_path("app/client_app.py"), is_source_path("../client_app.py")
    (True, False)
    """
    parts = path.split("/")
    return len(parts) <= 16 and all(_COMPONENT.fullmatch(part) for part in parts)


def encode_bundle(bundle: AppBundle) -> bytes:
    """Return the one encoding of a bundle.

    Raises
    ------
    MalformedBlob
        A decoder would refuse it, or it has more than 1 MiB.
    """
    data = encode_json(
        {
            "arrays": [_array_to_json(array) for array in bundle.arrays],
            "files": dict(bundle.files),
            "format": BUNDLE_FORMAT,
            "run_config": _config_to_text(bundle.run_config),
            "train_config": _config_to_text(bundle.train_config),
        }
    )
    decode_bundle(data)
    return data


def decode_bundle(data: bytes) -> AppBundle:
    """Return what a file says that is a bundle.

    Raises
    ------
    MalformedBlob
        It is none.
    """
    if len(data) > MAX_BUNDLE_BYTES:
        raise MalformedBlob(f"a bundle of a Flower app has at most {MAX_BUNDLE_BYTES} bytes")
    value = decode_json(data)
    if not isinstance(value, dict) or value.get("format") != BUNDLE_FORMAT:
        raise MalformedBlob(f"no Flower app of format {BUNDLE_FORMAT}")
    if set(value) != _MEMBERS:
        raise MalformedBlob(f"a Flower app has the members {', '.join(sorted(_MEMBERS))}")
    files = value["files"]
    if not isinstance(files, dict) or not 0 < len(files) <= MAX_FILES:
        raise MalformedBlob(f"a Flower app has 1 to {MAX_FILES} files")
    for path, text in files.items():
        if not is_source_path(path) or not isinstance(text, str):
            raise MalformedBlob(f"{path[:100]!r} is no path of a source file, or has no text")
    arrays = value["arrays"]
    if not isinstance(arrays, list) or not 0 < len(arrays) <= MAX_TENSORS:
        raise MalformedBlob(f"a Flower app has 1 to {MAX_TENSORS} arrays")
    parsed = tuple(_array_from_json(array) for array in arrays)
    if len({array.name for array in parsed}) != len(parsed):
        raise MalformedBlob("two arrays of a Flower app have one name")
    if not any(array.is_trained for array in parsed):
        raise MalformedBlob("no array of the Flower app has floats, which can be trained")
    configs = [_config_from_text(value[name]) for name in ("run_config", "train_config")]
    return AppBundle(files, parsed, *configs)


def _array_to_json(array: AppArray) -> dict[str, Any]:
    entry = {"dtype": array.dtype, "name": array.name, "shape": list(array.shape)}
    return entry if array.is_trained else {**entry, "values": list(array.values)}


def _array_from_json(entry: Any) -> AppArray:
    if not isinstance(entry, dict) or not {"dtype", "name", "shape"} <= set(entry):
        raise MalformedBlob("an array of a Flower app has a name, a shape and a dtype")
    name, shape, dtype = entry["name"], entry["shape"], entry["dtype"]
    if not isinstance(name, str) or dtype not in (*FLOAT_TYPES, *KEPT_TYPES):
        raise MalformedBlob(f"array {str(name)[:80]!r} has no type that an array can have here")
    is_shape = isinstance(shape, list) and len(shape) <= MAX_DIMENSIONS
    if not is_shape or not all(type(size) is int and 0 < size < 2**32 for size in shape):
        raise MalformedBlob(f"array {name[:80]!r} has an impossible shape")
    values = entry.get("values", [])
    expected = 0 if dtype in FLOAT_TYPES else math.prod(shape)
    if set(entry) - {"dtype", "name", "shape"} != ({"values"} if expected else set()):
        raise MalformedBlob(f"array {name[:80]!r} has values where it is no float, only there")
    if not isinstance(values, list) or len(values) != expected:
        raise MalformedBlob(f"array {name[:80]!r} has other than {expected} values")
    if not all(type(number) is int for number in values):
        raise MalformedBlob(f"a value of array {name[:80]!r} is no integer")
    return AppArray(name, tuple(shape), dtype, tuple(values))


def _config_to_text(config: Config) -> str:
    # As text: canonical JSON has no fractions, and an app may tell 1 from 1.0.
    return json.dumps(dict(config), sort_keys=True, allow_nan=False)


def _config_from_text(text: Any) -> Config:
    try:
        config = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict) or not all(map(_is_config_value, config.values())):
        raise MalformedBlob("the configuration of a Flower app is no flat table")
    return config


def _is_config_value(value: Any) -> bool:
    kinds = (bool, int, float, str)
    if isinstance(value, list):
        return all(type(entry) in kinds and type(entry) is type(value[0]) for entry in value)
    return type(value) in kinds and (type(value) is not float or math.isfinite(value))
