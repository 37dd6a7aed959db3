"""Blobs: one encoding, everything else refused, readable by any safetensors reader."""

from __future__ import annotations

import bisect
import copy
import functools
import operator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.blob import (
    DTYPES,
    MODEL,
    UPDATE,
    BlobHeader,
    Layout,
    check_layout,
    compute_header_bytes,
    count_values,
    decode_blob,
    encode_blob,
    encode_header,
)
from fl_chain.protocol.constants import MAX_HEADER_BYTES, MAX_TENSORS
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.measurement import EnergySource, Measurement
from tests import golden

VECTORS = golden.load("blob/blob.json")


def _header(case: dict[str, Any]) -> BlobHeader:
    fields = copy.deepcopy(case["header"])
    layout = tuple((name, tuple(shape)) for name, shape in fields.pop("layout"))
    if said := fields.pop("measurement", None):
        source = EnergySource(said.pop("energy_source"))
        fields["measurement"] = Measurement(**said, energy_source=source)
    return BlobHeader(layout=layout, **fields)


def _values(case: dict[str, Any]) -> Any:
    return np.array(case["values"], DTYPES[_header(case).bits][1])


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_blobs_have_their_golden_bytes(case: dict[str, Any]) -> None:
    data = golden.blob_of(case["parts"])
    assert encode_blob(_header(case), _values(case)) == data
    assert len(data) == case["bytes"]
    assert compute_digest(data).hex() == case["digest"]
    header, values = decode_blob(data)
    assert header == _header(case)
    assert values.tolist() == case["values"]


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_any_safetensors_reader_opens_a_blob(case: dict[str, Any]) -> None:
    tensors = safetensors.numpy.load(golden.blob_of(case["parts"]))
    assert set(tensors) == {name for name, _ in case["header"]["layout"]}
    flat = [tensors[name].reshape(-1).tolist() for name, _ in case["header"]["layout"]]
    assert functools.reduce(operator.iadd, flat, []) == case["values"]
    for name, shape in case["header"]["layout"]:
        assert list(tensors[name].shape) == shape


@pytest.mark.parametrize("case", **golden.named(VECTORS["refused"], "reason"))
def test_bytes_that_no_encoder_writes_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedBlob):
        decode_blob(golden.blob_of(case["parts"]))


def test_no_bytes_are_no_blob() -> None:
    with pytest.raises(MalformedBlob, match="shorter"):
        decode_blob(b"")


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_every_prefix_of_a_blob_is_refused(case: dict[str, Any]) -> None:
    data = golden.blob_of(case["parts"])
    for length in {*range(0, len(data), 61), len(data) - 1, 1023, 1024}:
        if length < len(data):
            with pytest.raises(MalformedBlob):
                decode_blob(data[:length])


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_the_data_of_a_blob_starts_on_the_chunk_border_of_its_layout(case: dict[str, Any]) -> None:
    header = _header(case)
    size = compute_header_bytes(header.layout, header.is_measured)
    assert size % 1024 == 0
    assert len(encode_header(header)) == size


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_a_header_of_another_size_is_refused(case: dict[str, Any]) -> None:
    data = golden.blob_of(case["parts"])
    header = _header(case)
    size = compute_header_bytes(header.layout, header.is_measured)
    text = case["parts"]["header"].encode()
    fitting = 1024 * -(-(8 + len(text)) // 1024)
    for other in {fitting, size - 1024, size - 1, size + 1, size + 1024} - {size}:
        if other >= 8 + len(text):
            frame = (other - 8).to_bytes(8, "little") + text.ljust(other - 8)
            with pytest.raises(MalformedBlob):
                decode_blob(frame + data[size:])


def test_one_byte_more_in_the_last_round_is_a_chunk_more_in_all_blobs_of_the_layout() -> None:
    """A header that followed the digits of its own round would grow in the middle of a task."""
    cases = {case["name"]: case for case in VECTORS["cases"]}
    names = (
        "a chunk more for one byte in the last round",
        "a chunk more in every other round, too",
    )
    last, other = (_header(cases[name]) for name in names)
    assert other == replace(last, round=3)
    assert len(cases[names[1]]["parts"]["header"]) <= 1024 - 8
    assert len(encode_header(last)) == len(encode_header(other)) == 2048


def test_decoded_integers_cannot_be_changed() -> None:
    _, values = decode_blob(golden.blob_of(VECTORS["cases"][0]["parts"]))
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 1


def test_tensors_of_another_shape_have_another_digest() -> None:
    """The hash covers the structure, so a reshaped tensor is another blob."""
    header, values = decode_blob(golden.blob_of(VECTORS["cases"][0]["parts"]))
    reshaped = replace(header, layout=(("bias", (2,)), ("weight", (3, 2))))
    assert encode_blob(reshaped, values) != encode_blob(header, values)
    merged = replace(header, layout=(("bias", (1,)), ("weight", (7,))))
    assert encode_blob(merged, values) != encode_blob(header, values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(7, np.int16), "do not fill"),
        (np.zeros((2, 4), np.int16), "do not fill"),
        (np.zeros(8, np.int32), "not int32"),
        (np.zeros(8, np.uint16), "not uint16"),
        (np.zeros(8, np.float16), "not float16"),
    ],
)
def test_values_that_do_not_fit_are_not_encoded(values: Any, message: str) -> None:
    header = _header(VECTORS["cases"][0])
    with pytest.raises(MalformedBlob, match=message):
        encode_blob(header, values)


def test_big_endian_integers_have_the_same_blob() -> None:
    case = VECTORS["cases"][0]
    swapped = _values(case).astype(">i2")
    assert encode_blob(_header(case), swapped) == golden.blob_of(case["parts"])


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ((), "1 to 4096"),
        (tuple((f"t{i:04}", (1,)) for i in range(MAX_TENSORS + 1)), "1 to 4096"),
        ((("b", (1,)), ("a", (1,))), "sorted"),
        ((("a", (1,)), ("a", (1,))), "distinct"),
        ((("", (1,)),), "printable"),
        ((("a\n", (1,)),), "printable"),
        ((("é", (1,)),), "printable"),
        ((("a" * 257, (1,)),), "printable"),
        ((("__metadata__", (1,)),), "reserved"),
        ((("a", (0,)),), "impossible"),
        ((("a", (-1,)),), "impossible"),
        ((("a", (2**32,)),), "impossible"),
        ((("a", (True,)),), "impossible"),
        ((("a", (1.0,)),), "impossible"),
        ((("a", (1,) * 9),), "impossible"),
        ((("a", (2**31,)),), "at most"),
        ((("a", (2**29,)), ("b", (2**29,)), ("c", (1,))), "at most"),
    ],
)
def test_impossible_layouts_are_refused(layout: Any, message: str) -> None:
    with pytest.raises(MalformedBlob, match=message):
        check_layout(layout)


def test_the_largest_layout_holds_4_gib_of_a_model() -> None:
    layout = (("a", (2**30,)),)
    check_layout(layout)
    assert count_values(layout) * 4 == 2**32


def test_every_layout_that_is_accepted_has_blobs_that_are_accepted() -> None:
    """The header of many long names would pass its cap, so the layout must be refused."""
    for length in (150, 180, 190, 195, 200, 256):
        layout: Layout = tuple((f"{i:0{length}}", (1,)) for i in range(MAX_TENSORS))
        update = BlobHeader(UPDATE, "ab" * 32, layout, 2**32 - 1, "cd" * 32, "0x" + "0a" * 20)
        model = BlobHeader(MODEL, "ab" * 32, layout)
        try:
            check_layout(layout)
        except MalformedBlob:
            assert compute_header_bytes(layout) > MAX_HEADER_BYTES
        else:
            for header in (update, replace(update, round=0), model):
                zeros = np.zeros(MAX_TENSORS, DTYPES[header.bits][1])
                assert decode_blob(encode_blob(header, zeros))[0] == header


def test_a_layout_is_refused_from_the_first_byte_on_that_its_header_has_no_room_for() -> None:
    def stretched(more: int) -> Layout:
        """Return a layout of as many tensors as there may be, with so many characters more."""
        each, rest = divmod(more, MAX_TENSORS)
        return tuple(
            (f"{i:04}".ljust(4 + each + (i < rest), "x"), (1,)) for i in range(MAX_TENSORS)
        )

    longest = bisect.bisect_right(
        range(200 * MAX_TENSORS),
        MAX_HEADER_BYTES,
        key=lambda more: compute_header_bytes(stretched(more)),
    )
    check_layout(stretched(longest - 1))
    assert compute_header_bytes(stretched(longest - 1)) == MAX_HEADER_BYTES
    with pytest.raises(MalformedBlob, match="header of this layout"):
        check_layout(stretched(longest))


@pytest.mark.parametrize(
    "place", [{"round": 1}, {"base_model": "cd" * 32}, {"participant": "0x" + "0a" * 20}]
)
def test_a_model_names_its_task_and_no_other_place(place: dict[str, Any]) -> None:
    header = BlobHeader(MODEL, "ab" * 32, (("a", (1,)),))
    for name in (b"participant", b"round", b"base_model"):
        assert name not in encode_header(header)
    with pytest.raises(MalformedBlob, match="a model names no"):
        encode_header(replace(header, **place))
