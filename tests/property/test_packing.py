"""Lanes of 12 bits come out of three bytes for two as they went in."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.protocol.packing import count_packed_bytes, pack_lanes, unpack_lanes
from tests import reference as ref

LANES = st.lists(st.integers(-(2**11), 2**11 - 1), max_size=50)


@given(LANES)
def test_packed_lanes_are_those_of_the_format_and_come_back(lanes: list[int]) -> None:
    packed = pack_lanes(np.array(lanes, np.int16))
    assert packed.tolist() == ref.packed(lanes)
    assert len(packed) == count_packed_bytes(len(lanes))
    assert unpack_lanes(packed)[: len(lanes)].tolist() == lanes


@given(st.binary(max_size=60).filter(lambda data: len(data) % 3 == 0))
def test_whatever_bytes_come_are_lanes_and_have_no_other_spelling(data: bytes) -> None:
    lanes = unpack_lanes(np.frombuffer(data, np.uint8))
    assert pack_lanes(lanes).tobytes() == data
