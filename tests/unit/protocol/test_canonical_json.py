"""Canonical JSON has one encoding for each value and takes no other."""

from __future__ import annotations

from typing import Any

import pytest

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.canonical_json import decode_json, encode_json
from tests import golden

VECTORS = golden.load("canonical_json/canonical_json.json")


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_values_have_their_golden_encoding(case: dict[str, Any]) -> None:
    assert encode_json(case["value"]).hex() == case["hex"]
    assert decode_json(bytes.fromhex(case["hex"])) == case["value"]


@pytest.mark.parametrize("case", **golden.named(VECTORS["refused"], "reason"))
def test_other_texts_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedBlob):
        decode_json(bytes.fromhex(case["hex"]) * case.get("times", 1))


def _nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.0, "no float"),
        (float("nan"), "no float"),
        ({"a": [0.5]}, "no float"),
        (None, "no NoneType"),
        (b"bytes", "no bytes"),
        ({1}, "no set"),
        ({1: 2}, "keys"),
        ({"é": 1}, "keys"),
        (2**53, "53 bits"),
        (-(2**53), "53 bits"),
        ("\ud800", "surrogates"),
        (_nested(17), "16 levels"),
    ],
)
def test_values_without_canonical_form_are_not_encoded(value: Any, message: str) -> None:
    with pytest.raises(MalformedBlob, match=message):
        encode_json(value)


def test_brackets_within_text_are_no_nesting() -> None:
    for text in ("[" * 50, '"' + "[" * 50, "\\" + "{" * 50, '\\"' + "[" * 50):
        assert decode_json(encode_json({"a": [text]})) == {"a": [text]}


def test_sixteen_levels_are_the_deepest_nesting() -> None:
    assert encode_json(_nested(16)) == b"[" * 17 + b"]" * 17
