"""A whole round: what everybody derives from its records and blobs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import rfc8785

from fl_chain.aggregation.derive import DerivedRound, RoundAggregation
from fl_chain.aggregation.round_blobs import (
    compute_blob_bytes,
    decode_model_blob,
    model_header,
    select_round,
    update_header,
)
from fl_chain.errors import MalformedBlob, ValueOutOfRange
from fl_chain.protocol.blob import compute_header_bytes, decode_blob, encode_blob
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import decode_manifest
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.protocol.report import ExclusionReason, decode_report
from tests import golden

ROUND = golden.load("aggregate/round.json")
ROBUST = golden.load("aggregate/robust_round.json")
MEASURED = golden.load("aggregate/measured_round.json")
COMPRESSED = golden.load("aggregate/compressed_round.json")
PACKED = golden.load("aggregate/packed_round.json")
LATE = golden.load("aggregate/late_round.json")
DIFFERENCES = golden.load("aggregate/difference_round.json")
REWARDED = golden.load("aggregate/rewarded_round.json")
OPTIMIZED = golden.load("aggregate/optimized_round.json")
MASKED = golden.load("aggregate/masked_round.json")
MANIFEST = decode_manifest(rfc8785.dumps(ROUND["manifest"]))
BASE = decode_model_blob(bytes.fromhex(ROUND["base_model"]), model_header(MANIFEST))


def record_of(update: dict[str, Any]) -> UpdateSubmitted:
    return UpdateSubmitted(
        round=ROUND["round"],
        participant=update["participant"],
        sequence=update["sequence"],
        digest=bytes.fromhex(update["digest"]),
        cid_digest=b"\1" * 32,
        weight=update["weight"],
        timestamp=0,
    )


def aggregation() -> RoundAggregation:
    return RoundAggregation(MANIFEST, ROUND["round"], [ROUND["base_digest"]])


def take(total: RoundAggregation, update: dict[str, Any]) -> str:
    """Add or exclude an update and return its outcome."""
    if update["blob"] is None:
        total.exclude(update["sequence"], ExclusionReason.UNAVAILABLE)
        return "unavailable"
    reason = total.add(record_of(update), bytes.fromhex(update["blob"]))
    return reason.value if reason else "included"


def derive(updates: Iterable[dict[str, Any]]) -> DerivedRound:
    total = aggregation()
    for update in updates:
        take(total, update)
    return total.derive(BASE)


def test_a_task_has_its_golden_id() -> None:
    assert MANIFEST.task_id == ROUND["task_id"]


@pytest.mark.parametrize("update", **golden.named(ROUND["updates"], "outcome"))
def test_each_update_is_included_or_left_out_for_its_reason(update: dict[str, Any]) -> None:
    assert take(aggregation(), update) == update["outcome"]


def test_the_vectors_show_every_reason() -> None:
    """Those that only lists know are shown by the audits of tasks with lists."""
    outcomes = {
        update["outcome"]
        for golden_round in (ROUND, ROBUST, LATE, MASKED)
        for update in golden_round["updates"]
    }
    others = {"unsigned", "not_admitted", "duplicate"}
    assert outcomes == {"included", *({reason.value for reason in ExclusionReason} - others)}


def test_model_and_report_are_the_golden_bytes() -> None:
    derived = derive(ROUND["updates"])
    assert derived.model.hex() == ROUND["model"]
    assert derived.model_digest.hex() == ROUND["model_digest"]
    assert derived.report.hex() == ROUND["report"]
    assert derived.report_digest.hex() == ROUND["report_digest"]
    model = decode_model_blob(derived.model, model_header(MANIFEST))
    assert model.tolist() == ROUND["model_values"]


def derive_of(golden_round: dict[str, Any], updates: Iterable[dict[str, Any]]) -> DerivedRound:
    manifest = decode_manifest(rfc8785.dumps(golden_round["manifest"]))
    bases = [golden_round["base_digest"], *golden_round.get("former_digests", [])]
    bases = bases[: 1 + manifest.max_staleness]
    total = RoundAggregation(manifest, golden_round["round"], bases)
    for update in updates:
        assert take(total, update) == update["outcome"]
    base = decode_model_blob(bytes.fromhex(golden_round["base_model"]), model_header(manifest))
    return total.derive(base)


@pytest.mark.parametrize(
    "golden_round",
    [MEASURED, COMPRESSED, PACKED, OPTIMIZED, LATE, REWARDED, DIFFERENCES],
    ids=[
        *("measured", "compressed", "packed", "with an optimizer", "with late updates"),
        *("with rewards", "with differences"),
    ],
)
def test_rounds_of_other_tasks_yield_the_golden_bytes_in_any_order(
    golden_round: dict[str, Any],
) -> None:
    valid = [update for update in golden_round["updates"] if update["outcome"] == "included"]
    others = [update for update in golden_round["updates"] if update["outcome"] != "included"]
    for order in itertools.permutations(valid):
        derived = derive_of(golden_round, [*others, *order])
        assert derived.report.hex() == golden_round["report"]
        assert derived.model.hex() == golden_round["model"]
        difference = derived.difference.hex() if derived.difference else None
        assert difference == golden_round.get("difference")


def test_what_no_update_holds_stays_as_it_is() -> None:
    manifest = decode_manifest(rfc8785.dumps(COMPRESSED["manifest"]))
    base = decode_model_blob(bytes.fromhex(COMPRESSED["base_model"]), model_header(manifest))
    derived = derive_of(COMPRESSED, COMPRESSED["updates"])
    model = decode_model_blob(derived.model, model_header(manifest))
    selected = select_round(manifest, COMPRESSED["round"])
    held = np.zeros(base.size, bool)
    held[selected] = True
    assert np.array_equal(model[~held], base[~held])
    assert (model[held] != base[held]).any()
    assert (held.sum(), base.size) == (20, 100)


def test_the_model_does_not_depend_on_what_participants_say() -> None:
    assert MEASURED["model_values"] == ROUND["model_values"]


def test_a_measurement_where_none_is_due_is_misbound() -> None:
    update = {**MEASURED["updates"][0], "sequence": 0}
    data = bytes.fromhex(update["blob"])
    header, lanes = decode_blob(data)
    elsewhere = replace(header, task=MANIFEST.task_id, base_model=ROUND["base_digest"])
    blob = encode_blob(elsewhere, lanes)
    update |= {"blob": blob.hex(), "digest": compute_digest(blob).hex()}
    assert take(aggregation(), update) == "misbound"


def test_updates_in_any_order_give_the_same_bytes() -> None:
    valid = [update for update in ROUND["updates"] if update["outcome"] == "included"]
    others = [update for update in ROUND["updates"] if update["outcome"] != "included"]
    for order in itertools.permutations(valid):
        assert derive([*others, *order]) == derive([*reversed(order), *reversed(others)])
        assert derive([*order, *others]).report.hex() == ROUND["report"]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_sums_of_parts_give_the_same_bytes(size: int) -> None:
    # A participant's updates belong into one part: the first that is available counts.
    updates = sorted(ROUND["updates"], key=lambda update: update["participant"])
    senders = [list(group) for _, group in itertools.groupby(updates, lambda u: u["participant"])]
    total = aggregation()
    for start in range(0, len(senders), size):
        part = aggregation()
        for update in itertools.chain(*senders[start : start + size]):
            take(part, update)
        total.add_partial(part.partial())
    assert total.derive(BASE) == derive(ROUND["updates"])
    for update in ROUND["updates"]:
        was_there = update["blob"] is not None
        assert not was_there or total.exclude_duplicate(record_of(update))


def test_every_update_on_record_is_accounted_for_once() -> None:
    report = decode_report(derive(ROUND["updates"]).report)
    sequences = sorted([*report.included, *(sequence for sequence, _ in report.excluded)])
    assert sequences == list(range(len(ROUND["updates"])))
    for update in ROUND["updates"]:
        assert (report.reason_of(update["sequence"]) or "included") == update["outcome"]


def test_nothing_is_derived_while_an_update_is_passed_over() -> None:
    with pytest.raises(ValueError, match="neither added nor excluded"):
        derive([update for update in ROUND["updates"] if update["sequence"] != 5])


def test_models_that_hold_the_same_numbers_are_the_same_bytes_in_every_round() -> None:
    """Genesis included: which round has which model is on chain, and not in the model."""
    derived = derive(ROUND["updates"])
    genesis = encode_blob(model_header(MANIFEST), np.array(ROUND["model_values"], np.int32))
    assert genesis == derived.model
    base = bytes.fromhex(ROUND["base_model"])
    header_bytes = compute_header_bytes(MANIFEST.layout)
    assert base[:header_bytes] == derived.model[:header_bytes]


def test_a_round_with_too_few_valid_updates_has_no_model() -> None:
    valid = [update for update in ROUND["updates"] if update["outcome"] == "included"]
    total = aggregation()
    for update in [*valid[: MANIFEST.rounds.min_updates - 1], *ROUND["updates"][1:4]]:
        take(total, update)
    with pytest.raises(ValueOutOfRange, match="1 valid updates of 2"):
        total.derive(BASE)


def test_sizes_are_known_before_anything_is_fetched() -> None:
    update = ROUND["updates"][0]
    assert aggregation().pinned_bytes == len(update["blob"]) // 2
    assert compute_blob_bytes(model_header(MANIFEST)) == len(ROUND["base_model"]) // 2


@pytest.mark.parametrize(
    "change",
    [
        {"task": "00" * 32},
        {"round": 4},
        {"base_model": "00" * 32},
        {"participant": "0x" + "ee" * 20},
        {"kind": "model", "round": 0, "base_model": "", "participant": ""},
        {"layout": (("bias", (2,)), ("weight", (3, 2)))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_update_bound_to_another_place_is_left_out(change: dict[str, Any]) -> None:
    update = ROUND["updates"][0]
    header = update_header(MANIFEST, 3, ROUND["base_digest"], update["participant"])
    dtype = np.int32 if "kind" in change else np.int16
    data = encode_blob(replace(header, **change), np.ones(8, dtype))
    record = replace(record_of(update), digest=compute_digest(data))
    reason = aggregation().add(record, data)
    # A model has wider integers, so the larger blob is told apart by its size.
    assert reason == (ExclusionReason.OVERSIZED if "kind" in change else ExclusionReason.MISBOUND)


@pytest.mark.parametrize(
    ("lane", "reason"),
    [
        (20000, None),
        (-20000, None),
        (20001, ExclusionReason.OUT_OF_RANGE),
        (-20001, ExclusionReason.OUT_OF_RANGE),
        (-32768, ExclusionReason.OUT_OF_RANGE),
    ],
)
def test_lanes_beyond_the_bound_are_left_out(lane: int, reason: ExclusionReason | None) -> None:
    update = ROUND["updates"][0]
    header = update_header(MANIFEST, 3, ROUND["base_digest"], update["participant"])
    data = encode_blob(header, np.array([0] * 7 + [lane], np.int16))
    record = replace(record_of(update), digest=compute_digest(data))
    assert aggregation().add(record, data) == reason


def test_a_model_bound_to_another_place_is_refused() -> None:
    data = bytes.fromhex(ROUND["base_model"])
    for header in (
        model_header(replace(MANIFEST, salt="00" * 16)),
        replace(model_header(MANIFEST), layout=(("bias", (2,)), ("weight", (3, 2)))),
        update_header(MANIFEST, 2, "11" * 32, "0x" + "0a" * 20),
    ):
        with pytest.raises(MalformedBlob, match="another place"):
            decode_model_blob(data, header)
