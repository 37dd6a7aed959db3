"""Fixed point: the one door between floats and integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fl_chain.aggregation.fixed_point import (
    decode_model,
    encode_fixed_point,
    encode_model,
    encode_update,
    expand_words,
)
from fl_chain.errors import ValueOutOfRange
from tests import golden

VECTORS = golden.load("fixed_point/fixed_point.json")


def _floats(case: dict[str, Any]) -> Any:
    return np.array([float.fromhex(x) for x in case["x"]])


@pytest.mark.parametrize("case", VECTORS["nearest"])
def test_rounding_to_nearest_gives_the_golden_integers(case: dict[str, Any]) -> None:
    encoded = encode_fixed_point(_floats(case), case["fraction_bits"], case["max_abs"])
    assert encoded.tolist() == case["q"]


@pytest.mark.parametrize("case", VECTORS["stochastic"])
def test_stochastic_rounding_gives_the_golden_integers(case: dict[str, Any]) -> None:
    words = np.array(case["words"], np.uint32)
    encoded = encode_fixed_point(_floats(case), case["fraction_bits"], case["max_abs"], words)
    assert encoded.tolist() == case["q"]


def test_words_are_shake_128_read_little_endian() -> None:
    words = expand_words(VECTORS["seed"].encode(), len(VECTORS["words"]))
    assert words.tolist() == VECTORS["words"]
    assert words[:4].tolist() == [3871774423, 1063809520, 1241504626, 2899671187]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_that_are_not_finite_are_refused_and_counted(value: float, dtype: Any) -> None:
    values = np.array([0, value, 1], dtype)
    with pytest.raises(ValueOutOfRange, match="1 of 3 values"):
        encode_fixed_point(values, 15, 32767)
    with pytest.raises(ValueOutOfRange):
        encode_update(values, 15, 32767, None)
    with pytest.raises(ValueOutOfRange):
        encode_model(values, 24)


@pytest.mark.parametrize("value", [1.7e308, -1.7e308, 3.4e38, 1e-320])
def test_every_finite_double_is_encoded(value: float) -> None:
    (encoded,) = encode_fixed_point(np.array([value]), 30, 32767)
    assert encoded == (0 if abs(value) < 1 else 32767 if value > 0 else -32767)


def test_the_shape_is_kept() -> None:
    values = np.zeros((2, 3), np.float32)
    assert encode_fixed_point(values, 15, 1).shape == (2, 3)
    assert encode_fixed_point(values, 15, 1, expand_words(b"", 6)).shape == (2, 3)


def test_nothing_encodes_to_nothing() -> None:
    empty = np.zeros(0, np.float32)
    assert encode_update(empty, 15, 32767, None).shape == (0,)
    assert encode_model(empty, 24).shape == (0,)
    assert decode_model(np.zeros(0, np.int32), 24).shape == (0,)


def test_an_update_is_clipped_to_its_bound() -> None:
    lanes = encode_update(np.array([2, -2, 0.5], np.float32), 15, 20000, None)
    assert lanes.dtype == np.int16
    assert lanes.tolist() == [20000, -20000, 16384]


def test_a_bound_that_no_lane_holds_is_refused() -> None:
    encode_update(np.zeros(1, np.float32), 15, 32767, None)
    with pytest.raises(ValueOutOfRange, match="32768 does not fit"):
        encode_update(np.zeros(1, np.float32), 15, 32768, None)


@pytest.mark.parametrize("value", [128.0, -128.0, 129.0, 3e38])
def test_a_parameter_that_no_model_holds_is_refused_not_clipped(value: float) -> None:
    with pytest.raises(ValueOutOfRange, match="exceeds 128"):
        encode_model(np.array([0, value], np.float32), 24)


def test_the_largest_parameters_of_a_model_are_kept_exactly() -> None:
    largest = np.nextafter(np.float32(128), np.float32(0))
    encoded = encode_model(np.array([largest, -largest], np.float32), 24)
    assert encoded.tolist() == [2**31 - 128, -(2**31) + 128]
    assert decode_model(encoded, 24).tolist() == [largest, -largest]


@pytest.mark.parametrize("bits", [0, 15, 24, 30])
def test_a_models_view_is_the_float32_nearest_to_each_integer(bits: int) -> None:
    model = np.array([0, 1, -1, 2**24 + 1, -(2**24) - 1, 2**31 - 1, -(2**31)], np.int32)
    view = decode_model(model, bits)
    assert view.dtype == np.float32
    expected = [np.float32(int(value) / 2**bits) for value in model]
    assert view.tolist() == [float(value) for value in expected]
