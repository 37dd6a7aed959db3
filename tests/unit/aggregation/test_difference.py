"""What a model differs by from its base model: exact, in its golden bytes, never too large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.aggregation.difference import (
    apply_difference,
    compute_largest_difference,
    encode_difference,
)
from fl_chain.errors import MalformedBlob
from tests import golden
from tests import reference as ref

VECTORS = golden.load("aggregate/differences.json")

values = st.integers(-(2**31), 2**31 - 1)


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_differences_have_their_golden_bytes_and_yield_the_model(case: dict[str, Any]) -> None:
    base, model = np.array(case["base"], np.int32), np.array(case["model"], np.int32)
    data = bytes.fromhex(case["data"])
    assert encode_difference(base, model) == data
    assert apply_difference(base, data).tolist() == case["model"]


@pytest.mark.parametrize("case", **golden.named(VECTORS["refused"], "reason"))
def test_what_is_no_difference_of_so_many_values_is_refused(case: dict[str, Any]) -> None:
    base = np.zeros(case["values"], np.int32)
    with pytest.raises(MalformedBlob, match="difference"):
        apply_difference(base, bytes.fromhex(case["data"]))


@given(
    st.lists(st.tuples(values, values), min_size=1, max_size=20),
    st.integers(1, 60),
    st.integers(0, 31),
)
def test_a_difference_is_the_dull_one_and_yields_the_model_whatever_it_is(
    pairs: list[tuple[int, int]], times: int, shift: int
) -> None:
    """Shifted to the right, the second model is near the first in some runs and far in others."""
    base = np.array([before for before, _ in pairs] * times, np.int32)
    moves = np.array([after for _, after in pairs] * times, np.int32) >> shift
    model = (base.view(np.uint32) + moves.view(np.uint32)).view(np.int32)
    data = encode_difference(base, model)
    assert data == ref.difference(base.tolist(), model.tolist())
    assert len(data) <= compute_largest_difference(len(base))
    assert (apply_difference(base, data) == model).all()


@given(st.binary(max_size=300), st.integers(1, 600))
def test_whatever_bytes_come_they_make_a_model_or_are_refused(data: bytes, count: int) -> None:
    base = np.zeros(count, np.int32)
    try:
        model = apply_difference(base, data)
    except MalformedBlob:
        return
    assert model.shape == base.shape
    assert model.dtype == np.int32


def test_as_many_runs_as_are_packed_at_once_and_more_have_every_width() -> None:
    drawn = np.random.default_rng(5)
    base = drawn.integers(-(2**31), 2**31, 256 * 1500).astype(np.int32)
    moves = drawn.integers(-(2**31), 2**31, base.size).astype(np.int32)
    moves >>= np.repeat(np.where(np.arange(1500) < 1100, 20, np.arange(1500) % 32), 256)
    model = (base.view(np.uint32) + moves.view(np.uint32)).view(np.int32)
    data = encode_difference(base, model)
    assert data == ref.difference(base.tolist(), model.tolist())
    assert (apply_difference(base, data) == model).all()
