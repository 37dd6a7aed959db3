"""Bundles of Flower apps: one encoding, and nothing in them that leaves a directory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.app_bundle import (
    KEPT_TYPES,
    MAX_BUNDLE_BYTES,
    AppArray,
    AppBundle,
    decode_bundle,
    encode_bundle,
    is_source_path,
)
from fl_chain.protocol.canonical_json import encode_json
from tests import golden

VECTORS = golden.load("app_bundle/app_bundle.json")
WEIGHT = AppArray("fc.weight", (2, 3), "float32")
COUNTER = AppArray("bn.num_batches_tracked", (), "int64", (5,))
SMALL = AppBundle({"pyproject.toml": "", "app/task.py": "x = 1\n"}, (WEIGHT, COUNTER), {}, {})

scalars = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = scalars | st.text() | st.lists(st.integers()) | st.lists(st.text())
configs = st.dictionaries(st.text(), values, max_size=4)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["text"][:40])
def test_a_bundle_is_the_golden_bytes(case: Any) -> None:
    bundle = decode_bundle(case["text"].encode())
    assert encode_bundle(bundle).decode() == case["text"]
    assert bundle.files == case["files"]
    assert [[name, list(shape)] for name, shape in bundle.layout] == case["layout"]
    assert (bundle.run_config, bundle.train_config) == (case["run_config"], case["train_config"])


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["reason"])
def test_a_text_that_is_no_bundle_is_refused(case: Any) -> None:
    with pytest.raises(MalformedBlob):
        decode_bundle(case["text"].encode())


@given(configs, configs)
def test_every_configuration_comes_back_with_its_types(run: Any, train: Any) -> None:
    bundle = AppBundle(SMALL.files, SMALL.arrays, run, train)
    again = decode_bundle(encode_bundle(bundle))
    assert again == bundle
    for name, value in run.items():
        assert type(again.run_config[name]) is type(value)


def test_only_floats_belong_to_the_layout_which_is_sorted() -> None:
    bias = AppArray("bias", (2,), "float64")
    bundle = AppBundle(SMALL.files, (WEIGHT, COUNTER, bias), {}, {})
    assert bundle.layout == (("bias", (2,)), ("fc.weight", (2, 3)))
    assert decode_bundle(encode_bundle(bundle)).arrays == (WEIGHT, COUNTER, bias)


@pytest.mark.parametrize(
    "path",
    ["", "/app.py", "../app.py", "app/../../x.py", "app//x.py", ".hidden.py", "a\\b.py", "a\0.py"],
)
def test_no_path_leaves_the_directory_or_hides_in_it(path: str) -> None:
    assert not is_source_path(path)
    with pytest.raises(MalformedBlob, match="is no path of a source file"):
        encode_bundle(AppBundle({path: ""}, (WEIGHT,), {}, {}))


def changed(**members: Any) -> bytes:
    return encode_json({**json.loads(encode_bundle(SMALL)), **members})


ARRAY = {"dtype": "float32", "name": "w", "shape": [2]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "canonical JSON|not JSON"),
        (b"{}", "no Flower app of format"),
        (changed(format="fl_chain/flower/2"), "no Flower app of format"),
        (changed(more=1), "has the members"),
        (changed(files={}), "1 to 1000 files"),
        (changed(files={"app.py": 1}), "has no text"),
        (changed(arrays=[]), "1 to 4096 arrays"),
        (changed(arrays=[1]), "a name, a shape and a dtype"),
        (changed(arrays=[{**ARRAY, "dtype": "object"}]), "no type"),
        (changed(arrays=[{**ARRAY, "shape": [0]}]), "impossible shape"),
        (changed(arrays=[{**ARRAY, "shape": [True]}]), "impossible shape"),
        (changed(arrays=[{**ARRAY, "values": [1, 2]}]), "values where it is no float"),
        (changed(arrays=[{**ARRAY, "dtype": "int8", "values": [1]}]), "other than 2 values"),
        (changed(arrays=[{**ARRAY, "dtype": "int8", "values": [1, "2"]}]), "no integer"),
        (changed(arrays=[{**ARRAY, "dtype": "int8", "values": [1, 2]}]), "no array .* floats"),
        (changed(arrays=[ARRAY, ARRAY]), "one name"),
        (changed(run_config="[1]"), "no flat table"),
        (changed(run_config='{"a": {"b": 1}}'), "no flat table"),
        (changed(run_config='{"a": [1, "2"]}'), "no flat table"),
        (changed(run_config='{"a": NaN}'), "no flat table"),
        (changed(train_config="[" * 100_000), "no flat table"),
        (changed(files={"app.py": "#" * MAX_BUNDLE_BYTES}), "at most 1048576 bytes"),
    ],
)
def test_what_is_no_bundle_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(MalformedBlob, match=message):
        decode_bundle(data)


@pytest.mark.parametrize("dtype", KEPT_TYPES)
def test_what_cannot_be_trained_travels_by_value(dtype: str) -> None:
    kept = AppArray("kept", (2,), dtype, (0, 1))
    assert (
        decode_bundle(encode_bundle(AppBundle(SMALL.files, (WEIGHT, kept), {}, {}))).arrays[1]
        == kept
    )
