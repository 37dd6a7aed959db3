"""Vectors of Flower apps as one file, and of files that are none."""

from __future__ import annotations

import json
from typing import Any

import rfc8785

FILES = {"app/client_app.py": "app = None\n", "pyproject.toml": "# \u00e9\n"}
WEIGHT = {"dtype": "float32", "name": "fc.weight", "shape": [2, 3]}
COUNTER = {"dtype": "int64", "name": "bn.count", "shape": [], "values": [5]}


def make_bundles() -> Any:
    """Return bundles with their text and layout, and texts that are none."""
    mask = {"dtype": "bool", "name": "mask", "shape": [2], "values": [1, 0]}
    half = {"dtype": "float16", "name": "a", "shape": [1]}
    cases = [
        _case([WEIGHT, COUNTER], {}, {}),
        _case([COUNTER, mask, WEIGHT, half], {"lr": 0.1, "deep.size": 3}, {"tags": ["x", "y"]}),
    ]
    whole = _members([WEIGHT, COUNTER], {}, {})
    refused = [
        ("an unknown member", whole | {"comment": ""}),
        ("another format", whole | {"format": "fl_chain/flower/2"}),
        ("no files", whole | {"files": {}}),
        ("a path that leaves the directory", whole | {"files": {"../x.py": ""}}),
        ("an absolute path", whole | {"files": {"/x.py": ""}}),
        ("a hidden file", whole | {"files": {".x.py": ""}}),
        ("a path of 17 parts", whole | {"files": {"/".join("x" * 17): ""}}),
        ("a file without text", whole | {"files": {"x.py": 1}}),
        ("no array", whole | {"arrays": []}),
        ("no array of floats", whole | {"arrays": [COUNTER]}),
        ("two arrays of one name", whole | {"arrays": [WEIGHT, WEIGHT]}),
        ("an unknown type", whole | {"arrays": [WEIGHT | {"dtype": "complex64"}]}),
        ("an empty dimension", whole | {"arrays": [WEIGHT | {"shape": [0]}]}),
        ("values of floats", whole | {"arrays": [WEIGHT | {"values": [1]}]}),
        ("too few values", whole | {"arrays": [WEIGHT, COUNTER | {"values": []}]}),
        ("a value that is no integer", whole | {"arrays": [WEIGHT, COUNTER | {"values": [True]}]}),
        ("a configuration that is no text", whole | {"run_config": {}}),
        ("a configuration that is not flat", whole | {"train_config": '{"a":{}}'}),
        ("a configuration with nothing", whole | {"train_config": '{"a":null}'}),
        ("a list of two types", whole | {"train_config": '{"a":[1,1.5]}'}),
    ]
    texts = [(why, rfc8785.dumps(value).decode()) for why, value in refused]
    texts.append(("white space", rfc8785.dumps(whole).decode().replace(":", ": ", 1)))
    return {
        "cases": cases,
        "count": len(cases),
        "refused": [{"reason": why, "text": text} for why, text in texts],
        "refused_count": len(texts),
    }


def _members(arrays: list[dict[str, Any]], run: Any, train: Any) -> dict[str, Any]:
    return {
        "arrays": arrays,
        "files": FILES,
        "format": "fl_chain/flower/1",
        "run_config": json.dumps(run, sort_keys=True),
        "train_config": json.dumps(train, sort_keys=True),
    }


def _case(arrays: list[dict[str, Any]], run: Any, train: Any) -> dict[str, Any]:
    floats = [[each["name"], each["shape"]] for each in arrays if "values" not in each]
    return {
        "text": rfc8785.dumps(_members(arrays, run, train)).decode(),
        "files": FILES,
        "layout": sorted(floats),
        "run_config": run,
        "train_config": train,
    }
