"""Seeds and lots, against the words that the contract tests read as well."""

from __future__ import annotations

from typing import Any

import pytest

from fl_chain.protocol.sampling import (
    NO_MIX,
    add_to_mix,
    compute_chain,
    compute_contribution,
    compute_seed,
    compute_tip,
    is_drawn,
)
from tests import golden

VECTORS = golden.load("seed/seed.json")


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_seeds_are_the_golden_words(case: dict[str, Any]) -> None:
    mix = NO_MIX
    for entry in case["secrets"]:
        secret = bytes.fromhex(entry["secret"])
        mix = add_to_mix(mix, compute_contribution(case["round"], entry["aggregator"], secret))
    former = bytes.fromhex(case["former_seed"])
    assert compute_seed(former, case["round"], mix).hex() == case["seed"]


def test_lots_are_the_golden_ones() -> None:
    assert len(VECTORS["lots"]) == VECTORS["lot_count"] > 50
    for lot in VECTORS["lots"]:
        drawn = is_drawn(bytes.fromhex(lot["seed"]), lot["name"], lot["sample_rate"])
        assert drawn == lot["is_selected"]


def test_every_word_of_a_chain_is_the_hash_of_the_one_before() -> None:
    words = compute_chain(b"\x01" * 32, 5)
    assert len(set(words)) == len(words) == 6
    assert [compute_tip(word) for word in words[:-1]] == words[1:]
