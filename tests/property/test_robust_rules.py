"""Robust rules: the fast code against the dull definition, and what malicious updates can't do."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.aggregation.norms import compute_squared_norm
from fl_chain.aggregation.robust.distances import ceil_sqrt, compute_squared_distances
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.robust.table import ROBUST_RULES, apply_rule
from fl_chain.protocol.rules import RULES
from tests import reference_rules as ref

MAX_ABS = 32767
LANES = st.integers(-MAX_ABS, MAX_ABS)
FEW_LANES = st.integers(-4, 4)
"""So few that distances and lanes tie in most rounds."""
Round = tuple[str, int, list[list[int]]]


@st.composite
def rounds(draw: st.DrawFn, *rules: str) -> Round:
    """Draw one of some rules, f, and updates enough for it."""
    rule = draw(st.sampled_from(sorted(rules or ROBUST_RULES)))
    f = draw(st.integers(1, 2))
    count = draw(st.integers(ref.LEAST[rule](f), 12))
    size = draw(st.integers(1, 4))
    kind = draw(st.sampled_from([LANES, FEW_LANES, LANES | FEW_LANES]))
    lanes = st.lists(kind, min_size=size, max_size=size)
    return rule, f, draw(st.lists(lanes, min_size=count, max_size=count))


def rows_of(updates: list[list[int]]) -> LaneRows:
    rows = LaneRows(len(updates[0]))
    for number, lanes in enumerate(updates):
        rows.add(f"0x{number:040x}", np.array(lanes, np.int16))
    return rows


@given(rounds())
def test_every_rule_is_its_dull_definition(case: Round) -> None:
    rule, f, updates = case
    aggregate = apply_rule(rule, rows_of(updates), f)
    assert (aggregate.numerators.tolist(), aggregate.divisor) == ref.RULES[rule](updates, f)


@given(rounds())
def test_no_numerator_exceeds_what_the_manifest_leaves_room_for(case: Round) -> None:
    rule, f, updates = case
    aggregate = apply_rule(rule, rows_of(updates), f)
    assert np.abs(aggregate.numerators).max() <= RULES[rule].most_lanes(len(updates)) * MAX_ABS


@given(rounds(), st.randoms())
def test_the_order_in_which_updates_come_changes_nothing(case: Round, random: Random) -> None:
    rule, f, updates = case
    numbered = [(f"0x{number:040x}", lanes) for number, lanes in enumerate(updates)]
    random.shuffle(numbered)
    shuffled = LaneRows(len(updates[0]))
    for participant, lanes in numbered:
        shuffled.add(participant, np.array(lanes, np.int16))
    one, other = apply_rule(rule, rows_of(updates), f), apply_rule(rule, shuffled, f)
    assert one.numerators.tolist() == other.numerators.tolist()


@given(rounds("median", "trimmed_mean"))
def test_no_value_leaves_the_range_of_the_honest_lanes(case: Round) -> None:
    """Whichever f of the updates are the malicious ones."""
    rule, f, updates = case
    aggregate = apply_rule(rule, rows_of(updates), f)
    for honest in (updates[f:], updates[:-f]):
        for value, lanes in zip(aggregate.numerators, zip(*honest, strict=True), strict=True):
            assert min(lanes) <= Fraction(int(value), aggregate.divisor) <= max(lanes)


@given(st.lists(st.lists(LANES, min_size=3, max_size=3), min_size=1, max_size=6))
def test_distances_and_norms_are_those_of_exact_integers(updates: list[list[int]]) -> None:
    expected = [[ref.square(a, b) for b in updates] for a in updates]
    assert compute_squared_distances(rows_of(updates)).tolist() == expected
    norms = [compute_squared_norm(np.array(lanes, np.int16)) for lanes in updates]
    assert norms == [ref.square(lanes, [0, 0, 0]) for lanes in updates]


def test_distances_of_many_of_the_largest_lanes_are_exact() -> None:
    count = 2**17 + 3
    rows = LaneRows(count)
    rows.add("0x1", np.full(count, MAX_ABS, np.int16))
    rows.add("0x2", np.full(count, -MAX_ABS, np.int16))
    distance = count * (2 * MAX_ABS) ** 2
    assert compute_squared_distances(rows).tolist() == [[0, distance], [distance, 0]]
    assert compute_squared_norm(np.full(count, MAX_ABS, np.int16)) == count * MAX_ABS**2


@given(st.integers(0, 2**62))
def test_roots_are_rounded_up(value: int) -> None:
    root = ceil_sqrt(value)
    assert root**2 >= value
    assert root == 0 or (root - 1) ** 2 < value
