"""Masked rounds: what everybody derives is what the open round of the same updates yields."""

from __future__ import annotations

import itertools
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fl_chain.aggregation.derive import RoundAggregation
from fl_chain.aggregation.masked_groups import find_left_out, leave_out_unpaired
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.robust.table import apply_rule
from fl_chain.aggregation.round_blobs import (
    compute_pinned_bytes,
    compute_ring_bits,
    encode_masked_update,
)
from fl_chain.aggregation.rounding import div_rhe
from fl_chain.aggregation.submissions import Submission
from fl_chain.errors import MalformedBlob, ValueOutOfRange
from fl_chain.privacy.masking.reveal import RevealedItem, decode_reveal, encode_reveal
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.report import STATUSES, ExclusionReason, decode_report
from tests.unit.aggregation.masked_world import (
    BASE_DIGEST,
    NUMBER,
    MaskedRoundOf,
    make_base,
    make_manifest,
    read_model,
)
from tests.unit.privacy.masking_world import subsets


def outcomes(played: MaskedRoundOf) -> list[str]:
    derived = played.derive()
    told = decode_report(derived.report).statuses
    return [str(STATUSES[status] or "included") for status in told]


def check_as_open(played: MaskedRoundOf) -> list[int]:
    """Whoever is included is so in the open round; return their indices."""
    derived = played.derive()
    report = decode_report(derived.report)
    names = {record.sequence: record.participant for record in played.history.updates}
    included = [played.names.index(names[sequence]) for sequence in report.included]
    assert read_model(played.manifest, derived) == played.derive_open(included)
    assert report.total_weight == sum(played.weights[index] for index in included)
    return included


@pytest.mark.parametrize("size", [3, 4, 5])
def test_whoever_drops_out_the_model_is_that_of_the_open_round(size: int) -> None:
    manifest = make_manifest(size, rounds={"min_updates": 3})
    found = set()
    for absent in subsets(range(size)):
        rest = [index for index in range(size) if index not in absent]
        for late in subsets(rest):
            played = MaskedRoundOf(manifest, size)
            played.play(absent, late)
            if not played.groups[0].survivors:
                assert set(outcomes_of(played)) <= {"unpaired"}
                continue
            included = check_as_open(played)
            assert included == [index for index in rest if index not in late]
            found.add(len(included))
    assert max(found) == size


def outcomes_of(played: MaskedRoundOf) -> list[str]:
    """Of a round too small for a model."""
    total = played.begin()
    for record in played.history.updates:
        assert played.add(total, record) == "unpaired"
    with pytest.raises(ValueOutOfRange, match="valid updates"):
        total.derive(make_base(played.manifest))
    return [str(STATUSES[status]) for status in total.partial().statuses.values()]


@pytest.mark.parametrize(
    "apart", [[(0, 1)], [(1, 0)], [(0, 1), (1, 0)], [(0, 4), (1, 4), (2, 4)], [(0, 0), (3, 2)]]
)
@pytest.mark.parametrize("late", [(), (4,)])
def test_who_is_declared_apart_leaves_the_others_in(apart: Any, late: Any) -> None:
    played = MaskedRoundOf(make_manifest(5), 5)
    played.play(late=late, apart=[(i, j) for i, j in apart if i != j])
    if played.groups[0].survivors:
        included = check_as_open(played)
        assert len(included) == len(played.groups[0].survivors)


def test_an_unpaired_update_is_left_out_and_the_rest_counts() -> None:
    played = MaskedRoundOf(make_manifest(5), 5)
    played.play(apart=[(0, 4), (1, 4), (2, 4)])
    assert outcomes(played) == ["included"] * 4 + ["unpaired"]
    assert check_as_open(played) == [0, 1, 2, 3]


def test_two_groups_are_two_sums() -> None:
    played = MaskedRoundOf(make_manifest(3), 8)
    played.play(order=[3, 1, 4, 0, 7, 6, 2, 5])
    assert [len(group.members) for group in played.groups] == [4, 4]
    assert sorted(check_as_open(played)) == list(range(8))


def index_of(played: MaskedRoundOf, group: int, position: int) -> int:
    return played.names.index(played.groups[group].members[position])


def silence(played: MaskedRoundOf, group: int) -> None:
    for record in played.history.unmaskings:
        if record.participant in played.groups[group].members:
            played.blobs.pop(record.cid_digest, None)


def test_a_group_whose_seeds_are_not_told_is_left_out_and_the_other_is_not() -> None:
    played = MaskedRoundOf(make_manifest(3), 8)
    played.play()
    silence(played, 1)
    assert len(check_as_open(played)) == 4
    gone = {played.names.index(who) for who in played.groups[1].members}
    told = outcomes(played)
    assert {index for index, one in enumerate(told) if one == "group_left_out"} == gone


def test_without_a_bundle_whose_seed_is_asked_for_the_group_is_left_out() -> None:
    played = MaskedRoundOf(make_manifest(4), 4)
    played.play()
    del played.blobs[played.history.commitments[2].commitment]
    total = played.begin()
    played.add_all(total)
    assert {*total.partial().statuses.values()} == {13}


def test_a_bundle_that_is_not_asked_for_is_not_needed() -> None:
    played = MaskedRoundOf(make_manifest(5), 5)
    played.play(late=[4])  # of position 4 only pair seeds are asked for, which lower ones drew
    asked = [blob for blob in played.groups[0].list_blobs() if blob.kind == "shares"]
    assert [blob.position for blob in asked] == [0, 1, 2, 3]
    del played.blobs[played.history.commitments[4].commitment]
    assert len(check_as_open(played)) == 4


def spoil(played: MaskedRoundOf, kind: str, position: int, how: str) -> None:
    """Replace a blob on record by a bad one."""
    group = played.groups[0]
    records: Any = group.commitments if kind == "shares" else group.unmaskings
    record = records[position]
    key = record.commitment if kind == "shares" else record.cid_digest
    other_record = records[(position + 1) % 4]
    other = other_record.commitment if kind == "shares" else other_record.cid_digest
    data = played.blobs[key]
    played.blobs[key] = {
        "empty": b"",
        "cut": data[:-1],
        "longer": data + bytes(1),
        "flipped": data[:200] + bytes([data[200] ^ 1]) + data[201:],
        "copied": played.blobs[other],
        "huge": data + bytes(2**20),
    }[how]


@pytest.mark.parametrize("how", ["empty", "cut", "longer", "flipped", "copied", "huge"])
def test_a_bad_bundle_is_none(how: str) -> None:
    played = MaskedRoundOf(make_manifest(4), 4)
    played.play()
    spoil(played, "shares", 1, how)
    total = played.begin()
    played.add_all(total)
    assert {*total.partial().statuses.values()} == {13}
    (false,) = total.masked.group(0).false_blobs  # type: ignore[union-attr]
    assert (false.kind, false.participant) == ("shares", played.groups[0].members[1])


@pytest.mark.parametrize("how", ["empty", "cut", "longer", "flipped", "copied", "huge"])
def test_a_bad_reveal_is_none_and_the_others_suffice(how: str) -> None:
    played = MaskedRoundOf(make_manifest(4), 4)
    played.play()
    spoil(played, "reveal", 2, how)
    assert len(check_as_open(played)) == 4  # three of four tell every self seed
    total = played.begin()
    played.add_all(total)
    (false,) = total.masked.group(0).false_blobs  # type: ignore[union-attr]
    assert (false.kind, false.participant) == ("reveal", played.groups[0].members[2])
    spoil(played, "reveal", 1, how)
    total = played.begin()
    played.add_all(total)
    assert {*total.partial().statuses.values()} == {13}


def test_a_false_share_names_who_told_it_and_does_no_harm() -> None:
    played = MaskedRoundOf(make_manifest(4), 4)
    played.play()
    record = played.groups[0].unmaskings[3]
    reveal = decode_reveal(played.blobs[record.cid_digest])
    items = dict(reveal.items) | {(0, 0): RevealedItem(False, b"\1" * 32)}
    played.blobs[record.cid_digest] = encode_reveal(replace(reveal, items=items))
    assert len(check_as_open(played)) == 4
    total = played.begin()
    played.add_all(total)
    (false,) = total.masked.group(0).false_blobs  # type: ignore[union-attr]
    assert false.participant == played.groups[0].members[3]


def replace_update(played: MaskedRoundOf, sequence: int, data: bytes, digest: bytes) -> None:
    updates = played.history.updates
    before = updates[sequence]
    played.submit(played.names.index(before.participant), data, digest)
    updates[sequence] = replace(updates.pop(), sequence=sequence)


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("oversized", lambda data: (data + bytes(1), None)),
        ("wrong_digest", lambda data: (data, b"\1" * 32)),
        ("malformed", lambda data: (data[:-1], None)),
        ("misbound", lambda data: (data.replace(b'"round":"3"', b'"round":"4"'), None)),
    ],
)
def test_an_update_that_is_none_keeps_its_reason_and_takes_its_group_along(
    reason: str, change: Any
) -> None:
    played = MaskedRoundOf(make_manifest(3), 8)
    played.play()
    first = index_of(played, 0, 0)
    data, digest = change(played.blobs[played.history.updates[first].cid_digest])
    replace_update(played, first, data, digest or compute_digest(data))
    told = outcomes(played)
    mates = {played.names.index(who) for who in played.groups[0].members} - {first}
    assert told[first] == reason
    assert {index for index, one in enumerate(told) if one == "group_left_out"} == mates
    assert len(check_as_open(played)) == 4


def test_a_plain_update_is_misbound_in_a_masked_round() -> None:
    played = MaskedRoundOf(make_manifest(3), 8)
    played.play()
    data = played.blobs[played.history.updates[0].cid_digest]
    assert b'"U32"' in data
    data = data.replace(b'"U32"', b'"I32"')
    replace_update(played, 0, data, compute_digest(data))
    assert outcomes(played)[0] == "malformed"


def test_an_unavailable_update_takes_its_group_along() -> None:
    played = MaskedRoundOf(make_manifest(3), 8)
    played.play()
    first = index_of(played, 1, 2)
    del played.blobs[played.history.updates[first].cid_digest]
    told = outcomes(played)
    assert (told[first], told.count("group_left_out"), told.count("included")) == (
        *("unavailable", 3),
        4,
    )
    assert len(check_as_open(played)) == 4


def test_if_seeds_are_missing_it_does_not_matter_what_updates_are() -> None:
    played = MaskedRoundOf(make_manifest(3), 8)
    played.play()
    silence(played, 0)
    del played.blobs[played.history.updates[index_of(played, 0, 1)].cid_digest]
    told = outcomes(played)
    assert {told[index_of(played, 0, i)] for i in range(4)} == {"group_left_out"}


def test_a_sum_out_of_range_leaves_the_group_out() -> None:
    played = MaskedRoundOf(make_manifest(3), 8)
    index = index_of(played, 0, 3)
    for i in range(4):
        played.values[index_of(played, 0, i)] = 20000
    played.values[index] = 20001
    played.play()
    told = outcomes(played)
    assert {told[index_of(played, 0, i)] for i in range(4)} == {"group_left_out"}
    assert len(check_as_open(played)) == 4


def test_who_is_in_no_group_or_in_a_small_one_is_unpaired() -> None:
    played = MaskedRoundOf(make_manifest(3), 3)
    played.play()
    played.names.append("0x" + "0a" * 20)
    played.weights.append(3)
    played.submit(3, b"whatever", b"\1" * 32)
    assert outcomes(played) == ["included"] * 3 + ["unpaired"]
    small = MaskedRoundOf(make_manifest(3), 2)
    small.play()
    assert outcomes_of(small) == ["unpaired", "unpaired"]


def test_a_round_without_commitments_has_no_groups() -> None:
    played = MaskedRoundOf(make_manifest(3), 3)
    played.history.seed = b""
    assert played.groups == ()


def test_what_is_unpaired_is_known_before_anything_is_fetched() -> None:
    played = MaskedRoundOf(make_manifest(5), 5)
    played.play(apart=[(0, 4), (1, 4), (2, 4)])
    submissions = [Submission(record.sequence, record) for record in played.history.updates]
    reasons = [one.reason for one in leave_out_unpaired(submissions, played.groups)]
    assert reasons == [None] * 4 + ["unpaired"]


@pytest.mark.parametrize(
    "encoding",
    [
        Encoding(fraction_bits=8, max_abs=127, lane_bits=8),
        Encoding(fraction_bits=8, max_abs=2000, lane_bits=12),
        Encoding(fraction_bits=8, max_abs=2000, lane_bits=12, one_block_in=3),
        Encoding(fraction_bits=15, max_abs=3, one_block_in=2),
    ],
    ids=["short", "packed", "packed parts", "a ring of 16 bits, parts"],
)
def test_lanes_of_any_length_and_parts_of_models(encoding: Encoding) -> None:
    manifest = make_manifest(4, encoding=encoding, layout=(("a", (5, 7)), ("b", (50,))))
    played = MaskedRoundOf(manifest, 4)
    played.play(late=[1])
    assert check_as_open(played) == [0, 2, 3]
    assert compute_ring_bits(manifest) == (16 if encoding.max_abs == 3 else 32)
    sizes = {len(played.blobs[record.cid_digest]) for record in played.history.updates}
    assert sizes == {compute_pinned_bytes(manifest)}


def rule_manifest(rule: str) -> Any:
    rounds = {"min_updates": 15, "target_updates": 60}
    return make_manifest(3, rule=rule, num_malicious=1, rounds=rounds)


@pytest.mark.parametrize("rule", ["median", "trimmed_mean", "krum", "geometric_median"])
def test_another_rule_is_one_across_the_means_of_groups(rule: str) -> None:
    played = MaskedRoundOf(rule_manifest(rule), 15)
    played.play(late=[])
    total = played.begin()
    played.add_all(total)
    derived = total.derive(make_base(played.manifest))
    rows = LaneRows(played.values.shape[1])
    for group in played.groups:
        indices = [played.names.index(who) for who in group.members]
        weights = [played.weights[index] for index in indices]
        sums = sum(
            played.values[index].astype(np.int64) * weight
            for index, weight in zip(indices, weights, strict=True)
        )
        means = div_rhe(np.asarray(sums), sum(weights)).astype(np.int16)
        rows.add(group.members[0], means)
    expected = apply_rule(rule, rows, 1)
    made = total.partial().gathered.aggregate()
    assert made.numerators.tolist() == expected.numerators.tolist()
    assert decode_report(derived.report).total_weight == sum(played.weights)


def test_another_rule_needs_groups_and_not_updates() -> None:
    played = MaskedRoundOf(rule_manifest("median"), 15)
    played.play()
    for number in (0, 1, 2):
        silence(played, number)
    total = played.begin()
    played.add_all(total)
    with pytest.raises(ValueOutOfRange):
        total.derive(make_base(played.manifest))


def test_in_any_order_and_in_parts_the_same_bytes_come_out() -> None:
    played = MaskedRoundOf(make_manifest(3), 7)
    played.play(late=[5], silent=[2])
    expected = played.derive()
    blobs = [blob for group in played.groups for blob in group.list_blobs()]
    random = np.random.default_rng(3)
    everything = [*blobs, *played.history.updates]
    for num_parts in (1, 1, 2, 3, 4):
        order = random.permutation(len(everything))
        parts = [played.begin() for _ in range(num_parts)]
        for place, index in enumerate(order):
            part, item = parts[place % num_parts], everything[index]
            if index < len(blobs):
                part.take_group_blob(item, played.find(item))
            else:
                played.add(part, item)
        total = played.begin()
        for part in parts:
            total.add_partial(pickle.loads(pickle.dumps(part.partial())))  # noqa: S301
        assert total.derive(make_base(played.manifest)) == expected


def num_sums(total: RoundAggregation) -> int:
    assert total.masked is not None
    return sum(group._sum is not None for group in total.masked.unsettled)


def test_group_by_group_there_is_one_partial_sum_and_none_at_the_end() -> None:
    played = MaskedRoundOf(make_manifest(3), 12)
    played.play()
    total = played.begin()
    most = 0
    for group in played.groups:
        for blob in group.list_blobs():
            total.take_group_blob(blob, played.find(blob))
        for record in group.surviving_updates.values():
            played.add(total, record)
            most = max(most, num_sums(total))
        assert num_sums(total) == 0
        assert total.num_included == 3 * (1 + group.number)
    assert most == 1


def test_of_a_group_that_cannot_come_out_no_sum_is_kept() -> None:
    played = MaskedRoundOf(make_manifest(3), 3)
    played.play()
    total = played.begin()
    first, second, _ = played.history.updates
    played.add(total, first)
    assert num_sums(total) == 1
    total.exclude(second.sequence, ExclusionReason.UNAVAILABLE)
    assert num_sums(total) == 0
    played.add(total, played.history.updates[2])
    assert num_sums(total) == 0


def test_an_update_that_nobody_mentioned_is_an_error() -> None:
    played = MaskedRoundOf(make_manifest(3), 4)
    played.play()
    total = played.begin()
    played.add_all(total, played.history.updates[:3])
    with pytest.raises(ValueError, match="neither added nor excluded"):
        total.derive(make_base(played.manifest))


def test_left_out_by_a_report_is_a_group_of_which_no_update_has_a_reason_of_its_own() -> None:
    played = MaskedRoundOf(make_manifest(3), 8)
    played.play()
    silence(played, 1)
    del played.blobs[played.history.updates[index_of(played, 0, 1)].cid_digest]
    played.manifest = replace(played.manifest)
    total = played.begin()
    played.add_all(total)
    with pytest.raises(ValueOutOfRange):
        total.derive(make_base(played.manifest))
    told = played.begin()
    for group in played.groups:
        for sequence in group.sequences:
            told.exclude(sequence, ExclusionReason.GROUP_LEFT_OUT)
    assert {*told.partial().statuses.values()} == {13}
    full = MaskedRoundOf(make_manifest(3), 12)
    full.play()
    silence(full, 1)
    del full.blobs[full.history.updates[index_of(full, 0, 1)].cid_digest]
    report = decode_report(full.derive().report)
    assert find_left_out(report, full.groups) == {1}


def test_other_lanes_than_those_of_the_ring_make_no_blob() -> None:
    with pytest.raises(MalformedBlob):
        encode_masked_update(
            make_manifest(3), NUMBER, BASE_DIGEST, "0x" + "0a" * 20, np.zeros(8, np.uint16)
        )


def test_all_orders_of_two_groups_give_the_same() -> None:
    played = MaskedRoundOf(make_manifest(3), 6)
    played.play()
    expected = played.derive()
    blobs = [blob for group in played.groups for blob in group.list_blobs()]
    for order in itertools.islice(itertools.permutations(played.history.updates), 0, 720, 37):
        total = played.begin()
        for record in order:
            assert played.add(total, record) is None
        for blob in blobs:
            total.take_group_blob(blob, played.find(blob))
        assert total.derive(make_base(played.manifest)) == expected
