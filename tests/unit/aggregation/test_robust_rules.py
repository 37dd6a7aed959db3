"""The robust rules: their golden integers, in any order, and never outside of their assumption."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import rfc8785

from fl_chain.aggregation.derive import RoundAggregation
from fl_chain.aggregation.robust.distances import compute_distances_to
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.robust.table import ROBUST_RULES, apply_rule
from fl_chain.aggregation.round_blobs import decode_model_blob, model_header
from fl_chain.aggregation.step import apply_step
from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.manifest import decode_manifest
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.protocol.report import ExclusionReason
from fl_chain.protocol.rules import RULES
from tests import golden

VECTORS = golden.load("aggregate/rules.json")
ROUND = golden.load("aggregate/robust_round.json")
BYZFL = golden.load("byzfl/rules.json")


def rows_of(updates: list[list[int]]) -> LaneRows:
    rows = LaneRows(len(updates[0]))
    for number, lanes in enumerate(updates):
        rows.add(f"0x{number:040x}", np.array(lanes, np.int16))
    return rows


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_aggregates_and_models_are_the_golden_ones(case: dict[str, Any]) -> None:
    aggregate = apply_rule(case["rule"], rows_of(case["updates"]), case["num_malicious"])
    assert aggregate.numerators.tolist() == case["numerators"]
    assert aggregate.divisor == case["divisor"]
    bits = case["fraction_bits"], case["model_fraction_bits"]
    model = apply_step(np.array(case["base"], np.int32), aggregate, *bits)
    assert model.tolist() == case["model"]


def test_the_vectors_are_whole_and_show_every_rule() -> None:
    assert len(VECTORS["cases"]) == VECTORS["count"]
    assert len(VECTORS["refused"]) == VECTORS["refused_count"]
    assert {case["rule"] for case in VECTORS["cases"]} == set(ROBUST_RULES)
    assert {"mean", *ROBUST_RULES} == set(RULES)


@pytest.mark.parametrize("case", VECTORS["refused"])
def test_a_rule_refuses_fewer_updates_than_it_assumes(case: dict[str, Any]) -> None:
    with pytest.raises(ValueOutOfRange, match=f"the rule {case['rule']} with"):
        apply_rule(case["rule"], rows_of(case["updates"]), case["num_malicious"])


def test_one_update_far_from_all_others_changes_nothing_that_a_robust_rule_makes() -> None:
    updates = [[100 + row, -100 - row, row] for row in range(10)]
    for rule in ROBUST_RULES:
        honest = apply_rule(rule, rows_of([*updates, updates[5]]), 1)
        attacked = apply_rule(rule, rows_of([*updates, [32767, 32767, -32767]]), 1)
        steps = [a.numerators / a.divisor for a in (honest, attacked)]
        assert np.abs(steps[0] - steps[1]).max() < 8, rule


def test_the_norm_is_rounded_up_and_at_least_one() -> None:
    rows = rows_of([[0, 0], [3, 4], [1, 1], [32767, -32767]])
    assert compute_distances_to(rows, np.zeros(2, np.int64)) == [1, 5, 2, 46340]


def derive(updates: list[dict[str, Any]]) -> Any:
    manifest = decode_manifest(rfc8785.dumps(ROUND["manifest"]))
    total = RoundAggregation(manifest, ROUND["round"], [ROUND["base_digest"]])
    for update in updates:
        part = RoundAggregation(manifest, ROUND["round"], [ROUND["base_digest"]])
        if update["blob"] is None:
            total.exclude(update["sequence"], ExclusionReason.UNAVAILABLE)
            continue
        reason = part.add(record_of(update), bytes.fromhex(update["blob"]))
        assert (reason or "included") == update["outcome"]
        total.add_partial(part.partial())
    base = decode_model_blob(bytes.fromhex(ROUND["base_model"]), model_header(manifest))
    return total.derive(base)


def record_of(update: dict[str, Any]) -> UpdateSubmitted:
    digests = bytes.fromhex(update["digest"]), b"\1" * 32
    place = ROUND["round"], update["participant"], update["sequence"]
    return UpdateSubmitted(*place, *digests, update["weight"], 0)


def test_a_whole_round_gives_the_golden_bytes_in_any_order_and_in_parts() -> None:
    valid = [update for update in ROUND["updates"] if update["outcome"] == "included"]
    others = [update for update in ROUND["updates"] if update["outcome"] != "included"]
    assert "too_long" in {update["outcome"] for update in others}
    for order in itertools.permutations(valid):
        derived = derive([*others, *order])
        assert derived.model.hex() == ROUND["model"]
        assert derived.report.hex() == ROUND["report"]


def test_a_round_with_fewer_updates_than_its_rule_assumes_has_no_model() -> None:
    updates = [u for u in ROUND["updates"] if u["outcome"] == "included"][:2]
    renumbered = [{**update, "sequence": number} for number, update in enumerate(updates)]
    with pytest.raises(ValueOutOfRange, match="2 valid updates of 3"):
        derive(renumbered)


@pytest.mark.parametrize("case", **golden.named(BYZFL["cases"], "num_malicious"))
def test_the_rules_are_those_of_byzfl_but_for_what_its_floats_round(case: dict[str, Any]) -> None:
    """Half a lane where a mean is taken; the geometric median is that of eight steps and of 200."""
    tolerances = {"geometric_median": 2.0}
    for rule, expected in case["aggregates"].items():
        aggregate = apply_rule(rule, rows_of(case["updates"]), case["num_malicious"])
        made = aggregate.numerators / aggregate.divisor
        assert np.abs(made - expected).max() < tolerances.get(rule, 1e-6), rule
