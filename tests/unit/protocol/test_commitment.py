"""Commitments, against the words that the contract tests read as well."""

from __future__ import annotations

from typing import Any

import pytest

from fl_chain.protocol.commitment import compute_commitment
from tests import golden

CASES = golden.load("commitment/commitment.json")["cases"]


def commitment_of(case: dict[str, Any]) -> str:
    return compute_commitment(
        case["chain_id"],
        case["ledger"],
        case["round"],
        case["participant"],
        *(bytes.fromhex(case[name]) for name in ("digest", "cid_digest")),
        case["weight"],
        bytes.fromhex(case["salt"]),
    ).hex()


@pytest.mark.parametrize("case", **golden.named(CASES, "name"))
def test_commitments_are_the_golden_words(case: dict[str, Any]) -> None:
    assert commitment_of(case) == case["commitment"]


def test_no_two_places_updates_or_salts_have_the_same_commitment() -> None:
    assert len({case["commitment"] for case in CASES}) == len(CASES)
    # Nor the same first 23 bytes, which are all that the ledger keeps.
    assert len({case["commitment"][:46] for case in CASES}) == len(CASES)
