"""Amounts of money read as people count them, and never the wrong way round."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.chain.ether import format_ether


@pytest.mark.parametrize(
    ("wei", "down", "up"),
    [
        (0, "0 ether", "0 ether"),
        (1, "1 wei", "1 wei"),
        (10**12 - 1, "999999999999 wei", "999999999999 wei"),
        (10**12, "0.000001 ether", "0.000001 ether"),
        (10**12 + 1, "0.000001 ether", "0.000002 ether"),
        (10**18 - 1, "0.999999 ether", "1 ether"),
        (10**18, "1 ether", "1 ether"),
        (10**20 + 5 * 10**17, "100.5 ether", "100.5 ether"),
    ],
)
def test_an_amount_is_in_ether_and_only_dust_in_wei(wei: int, down: str, up: str) -> None:
    assert format_ether(wei) == down
    assert format_ether(wei, round_up=True) == up


def value_of(text: str) -> float:
    number, unit = text.split()
    return float(number) * (1 if unit == "ether" else 1e-18)


@given(st.integers(0, 10**21), st.integers(1, 10**21))
def test_what_is_missing_shows(funds: int, missing: int) -> None:
    needed = format_ether(funds + missing, round_up=True)
    assert value_of(format_ether(funds)) < value_of(needed)
