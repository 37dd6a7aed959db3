"""Division to the nearest integer, ties to even."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fl_chain.aggregation.rounding import div_rhe
from fl_chain.errors import ValueOutOfRange
from tests import golden

VECTORS = golden.load("fixed_point/fixed_point.json")["div_rhe"]


@pytest.mark.parametrize("case", VECTORS, ids=[str(case["denominator"]) for case in VECTORS])
def test_quotients_are_the_golden_ones(case: dict[str, Any]) -> None:
    assert div_rhe(np.array(case["numerators"]), case["denominator"]).tolist() == case["quotients"]


@pytest.mark.parametrize("denominator", [0, -1, 2**62, 2**63])
def test_a_denominator_out_of_range_is_refused(denominator: int) -> None:
    with pytest.raises(ValueOutOfRange, match="denominator"):
        div_rhe(np.array([1]), denominator)


@pytest.mark.parametrize("numerator", [2**62, -(2**62), 2**63 - 1, -(2**63)])
def test_a_numerator_out_of_range_is_refused(numerator: int) -> None:
    with pytest.raises(ValueOutOfRange, match="numerator"):
        div_rhe(np.array([0, numerator]), 3)


def test_nothing_divides_to_nothing() -> None:
    assert div_rhe(np.zeros(0, np.int64), 1).shape == (0,)
