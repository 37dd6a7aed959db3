"""Claims about parts: every update is in one of them, and no word says more than it should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.aggregation.mean import WeightedSum
from fl_chain.aggregation.step import apply_step
from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.parts import (
    MOST_PARTS,
    Contribution,
    UpdateRange,
    add_parts,
    pack_parts,
    step_value,
    unpack_part,
)
from tests import reference as ref

contributions = st.builds(
    Contribution, st.integers(0, 2**64 - 1), st.integers(-(2**191), 2**191 - 1)
)


@given(st.integers(0, 2**32), st.integers(1, 2**32 - 1))
def test_parts_follow_each_other_and_fill_the_range(first: int, count: int) -> None:
    whole = UpdateRange(first, count)
    assert 1 <= whole.num_parts <= MOST_PARTS
    position = first
    for index in range(whole.num_parts):
        part = whole.part(index)
        assert part.first == position
        assert 1 <= part.count <= whole.part_width
        position += part.count
    assert position == first + count


@given(st.integers(1, 2**32 - 1))
def test_a_range_of_any_size_is_split_to_single_updates_in_seven_splits(count: int) -> None:
    updates, splits = UpdateRange(0, count), 0
    while updates.count > 1:
        updates, splits = updates.part(0), splits + 1
    assert splits <= 7
    assert splits <= 2 or count > 1024


@given(st.lists(contributions, max_size=MOST_PARTS))
def test_words_hold_what_was_packed_and_nothing_beyond(claims: list[Contribution]) -> None:
    words = pack_parts(claims)
    assert len(words) == MOST_PARTS
    assert all(0 <= word < 2**256 for word in words)
    assert [unpack_part(word) for word in words[: len(claims)]] == claims
    assert not any(words[len(claims) :])


@given(st.lists(contributions, min_size=1, max_size=MOST_PARTS))
def test_parts_add_up_exactly(claims: list[Contribution]) -> None:
    total = add_parts(pack_parts(claims), UpdateRange(0, len(claims)))
    assert total == Contribution(sum(c.weight for c in claims), sum(c.sum for c in claims))


@given(st.integers(1, MOST_PARTS - 1), st.data())
def test_a_word_beyond_the_last_part_is_refused(count: int, data: st.DataObject) -> None:
    words = [0] * MOST_PARTS
    words[data.draw(st.integers(count, MOST_PARTS - 1))] = data.draw(st.integers(1, 2**256 - 1))
    with pytest.raises(ValueOutOfRange):
        add_parts(words, UpdateRange(0, count))


@pytest.mark.parametrize(
    "claim",
    [
        Contribution(2**64, 0),
        Contribution(-1, 0),
        Contribution(0, 2**191),
        Contribution(0, -(2**191) - 1),
    ],
)
def test_what_fits_no_word_is_refused(claim: Contribution) -> None:
    with pytest.raises(ValueOutOfRange):
        pack_parts([claim])


def test_other_numbers_of_parts_are_refused() -> None:
    with pytest.raises(ValueOutOfRange):
        pack_parts([Contribution(1, 1)] * 33)
    with pytest.raises(ValueOutOfRange):
        add_parts([0] * 31, UpdateRange(0, 5))


@given(
    base=st.integers(-(2**31), 2**31 - 1),
    lanes=st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=9),
    weights=st.lists(st.integers(1, 2**20), min_size=9, max_size=9),
    shift=st.integers(0, 15),
)
def test_the_step_of_one_value_is_that_of_the_model_and_of_the_definition(
    base: int, lanes: list[int], weights: list[int], shift: int
) -> None:
    total, truth = WeightedSum(1), []
    for lane, weight in zip(lanes, weights, strict=False):
        total.add(np.array([lane], np.int16), weight)
        truth.append(Contribution(weight, weight * lane))
    claims = add_parts(pack_parts(truth), UpdateRange(0, len(truth)))
    stepped = step_value(base, claims, shift)
    assert stepped == ref.next_value(base, claims.sum, shift, claims.weight)
    assert stepped == int(apply_step(np.array([base], np.int32), total.mean(), 0, shift)[0])
