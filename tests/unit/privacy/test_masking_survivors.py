"""Survivors and questions: what follows from the record of a group, for every record."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl_chain.privacy.masking.survivors import (
    GroupState,
    find_survivors,
    list_questions,
)
from fl_chain.protocol.group_sizes import threshold
from tests.unit.privacy.masking_world import NOBODY, all_states, make_state, surviving_states


def are_mutual(state: GroupState, i: int, j: int) -> bool:
    return (
        {i, j} <= state.sharers
        and {i, j} <= state.entered.keys()
        and j not in state.entered[i]
        and i not in state.entered[j]
    )


def largest_set(state: GroupState) -> set[int]:
    """The rule, by trying every set of positions."""
    needed = threshold(state.size)
    for count in range(state.size, max(3, needed) - 1, -1):
        for chosen in itertools.combinations(sorted(state.sharers & state.entered.keys()), count):
            if all(
                sum(are_mutual(state, i, j) for j in chosen if j != i) >= needed - 1 for i in chosen
            ):
                return set(chosen)
    return set()


def check_questions(state: GroupState) -> None:
    survivors, questions = find_survivors(state), list_questions(state)
    assert questions.self_positions == tuple(sorted(survivors))
    expected = {}
    for i in survivors:
        for j in state.sharers - {i} - state.entered[i]:
            if j not in survivors or not are_mutual(state, i, j):
                expected[min(i, j), max(i, j)] = i
    assert dict(questions.pairs) == expected
    assert list(questions.names) == sorted([*((i, i) for i in survivors), *expected])
    for (low, high), carrier in questions.pairs.items():
        assert low < high
        assert carrier in (low, high)
        other = low + high - carrier
        assert carrier in survivors
        # The other end is gone, or it says that its lanes hold no mask of this pair.
        assert other not in survivors or carrier in state.entered[other]
        assert other not in survivors or (other, other) in questions.names


@pytest.mark.parametrize("size", [3, 4])
def test_survivors_and_questions_of_every_record_are_those_of_the_rule(size: int) -> None:
    num_surviving = 0
    for state in all_states(size):
        assert find_survivors(state) == largest_set(state)
        check_questions(state)
        num_surviving += bool(find_survivors(state))
    # Of four, by hand: 1 + 6 * 3 + 3 * 9 in which all survive, 4 * (27 + 27 + 8 + 1) with three.
    assert num_surviving == {3: 1, 4: 46 + 252}[size]


def test_the_states_that_other_tests_go_through_are_all_that_have_survivors() -> None:
    found = [state for state in surviving_states(4) if find_survivors(state)]
    expected = [state for state in all_states(4) if find_survivors(state)]
    assert len(found) == len(expected)
    assert all(state in found for state in expected)


@settings(max_examples=300)
@given(st.data())
def test_survivors_are_those_of_the_rule_in_larger_groups(data: st.DataObject) -> None:
    size = data.draw(st.integers(5, 9))
    positions = st.sets(st.integers(0, size - 1), max_size=3)
    pairs = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))
    apart = data.draw(st.sets(pairs, max_size=10))
    state = make_state(size, data.draw(positions), data.draw(positions), apart)
    assert find_survivors(state) == largest_set(state)
    check_questions(state)


def test_who_has_too_few_partners_takes_others_along() -> None:
    """Of seven, each needs four: 0 has three; 4 has four with it, and three without."""
    apart = [(0, 3), (0, 5), (0, 6), (4, 1), (2, 4)]
    assert find_survivors(make_state(7, apart=apart[3:])) == frozenset(range(7))
    assert find_survivors(make_state(7, apart=apart[:4])) == frozenset(range(1, 7))
    assert find_survivors(make_state(7, apart=apart)) == frozenset({1, 2, 3, 5, 6})


def test_liars_fewer_than_a_third_put_out_nobody_but_themselves() -> None:
    state = make_state(9, apart=[(liar, i) for liar in (7, 8) for i in range(7)])
    assert find_survivors(state) == frozenset(range(7))


@pytest.mark.parametrize("size", [1, 2])
def test_one_or_two_release_nothing(size: int) -> None:
    state = make_state(size)
    assert find_survivors(state) == NOBODY
    assert list_questions(state).names == ()


def test_two_of_three_release_nothing() -> None:
    assert find_survivors(make_state(3)) == frozenset(range(3))
    for state in (
        make_state(3, late=[1]),
        make_state(3, absent=[1]),
        make_state(3, apart=[(0, 1)]),
    ):
        assert find_survivors(state) == NOBODY
        assert list_questions(state).names == ()


def test_who_entered_without_sharing_is_passed_over() -> None:
    plain = make_state(5, absent=[4])
    state = GroupState(5, plain.sharers, {**plain.entered, 4: NOBODY})
    assert find_survivors(state) == frozenset(range(4))
    assert list_questions(state) == list_questions(plain)


def test_declarations_that_mean_nothing_are_passed_over() -> None:
    plain = make_state(5, absent=[4])
    state = make_state(5, absent=[4], apart=[(0, 0), (1, 4), (2, 126)])
    assert find_survivors(state) == find_survivors(plain)
    assert list_questions(state) == list_questions(plain)
