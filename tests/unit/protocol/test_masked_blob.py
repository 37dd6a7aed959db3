"""Blobs of masked updates: lanes of a ring, and a header that has room for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.blob import (
    MASKED_DTYPES,
    MODEL,
    UPDATE,
    BlobHeader,
    compute_header_bytes,
    decode_blob,
    encode_blob,
    encode_header,
)
from fl_chain.protocol.measurement import EnergySource, Measurement

LAYOUT = (("bias", (2,)), ("weight", (2, 3)))
HEADER = BlobHeader(UPDATE, "ab" * 32, LAYOUT, 7, "cd" * 32, "0x" + "0a" * 20, is_masked=True)


@pytest.mark.parametrize("bits", [16, 32])
def test_masked_lanes_are_what_was_put_in(bits: int) -> None:
    header = replace(HEADER, lane_bits=bits)
    name, dtype = MASKED_DTYPES[bits]
    lanes = np.array([0, 1, 2, 3, 2 ** (bits - 1), 2**bits - 2, 2**bits - 1, 5], dtype)
    data = encode_blob(header, lanes)
    assert decode_blob(data)[0] == header
    assert decode_blob(data)[1].tolist() == lanes.tolist()
    assert decode_blob(data)[1].dtype == dtype
    assert f'"{name}"'.encode() in data
    assert len(data) == compute_header_bytes(LAYOUT, is_masked=True) + 8 * bits // 8
    tensors = safetensors.numpy.load(data)
    assert tensors["bias"].tolist() + tensors["weight"].reshape(-1).tolist() == lanes.tolist()


@pytest.mark.parametrize("bits", [8, 12, 24])
def test_no_ring_has_other_bits(bits: int) -> None:
    with pytest.raises(KeyError):
        encode_blob(replace(HEADER, lane_bits=bits), np.zeros(8, np.uint8))


@pytest.mark.parametrize("dtype", [np.int32, np.int16, np.uint16, np.uint64])
def test_lanes_of_another_type_are_refused(dtype: type) -> None:
    with pytest.raises(MalformedBlob, match="values of a update are uint32"):
        encode_blob(replace(HEADER, lane_bits=32), np.zeros(8, dtype))


def test_a_model_is_not_masked() -> None:
    with pytest.raises(MalformedBlob, match="a model is not masked"):
        encode_header(BlobHeader(MODEL, "ab" * 32, LAYOUT, is_masked=True))
    data = encode_blob(BlobHeader(MODEL, "ab" * 32, LAYOUT), np.zeros(8, np.int32))
    with pytest.raises(MalformedBlob):
        decode_blob(data.replace(b'"I32"', b'"U32"'))


def test_tensors_of_two_kinds_are_refused() -> None:
    data = encode_blob(replace(HEADER, lane_bits=32), np.zeros(8, np.uint32))
    with pytest.raises(MalformedBlob):
        decode_blob(data.replace(b'"U32"', b'"I32"'))
    with pytest.raises(MalformedBlob):
        decode_blob(data.replace(b'"U32"', b'"I16"', 1))


@pytest.mark.parametrize("num_names", range(1, 60))
def test_the_header_has_room_for_either_ring_and_no_chunk_too_many(num_names: int) -> None:
    layout = tuple((f"layer{number:03}", (3, 999)) for number in range(num_names))
    size = compute_header_bytes(layout, is_masked=True)
    longest = replace(HEADER, layout=layout, round=2**32 - 1, lane_bits=32)
    for bits in (16, 32):
        header = replace(longest, lane_bits=bits)
        assert len(encode_header(header)) == size
        assert len(encode_header(replace(header, round=0))) == size
    assert size - 1024 < len(encode_header(longest).rstrip(b" ")) <= size
    assert compute_header_bytes(layout) <= size


def test_a_measurement_and_masks_go_together_as_bytes() -> None:
    said = Measurement(100, 900, 2_302_585, 50, 11, 2_302_585, 12_000, EnergySource.ESTIMATED)
    header = replace(HEADER, lane_bits=32, is_measured=True, measurement=said)
    assert decode_blob(encode_blob(header, np.zeros(8, np.uint32)))[0] == header
