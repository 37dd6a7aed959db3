"""Whole rounds: masked sums are the plain ones, and nothing else comes out.

Every record and every silence that leaves a sum in groups of three, four and five; random ones in
larger groups, with false answers.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fl_chain.errors import MalformedBlob, ValueOutOfRange
from fl_chain.privacy.masking.bundle import find_pair_seeds
from fl_chain.privacy.masking.masks import (
    RING_DTYPES,
    SeedName,
    apply_masks,
    choose_ring_bits,
    expand_mask,
    pair_label,
    self_label,
)
from fl_chain.privacy.masking.recovery import RecoveredSeeds, recover
from fl_chain.privacy.masking.reveal import Reveal, RevealedItem
from fl_chain.privacy.masking.survivors import GroupState, find_survivors, list_questions
from fl_chain.privacy.masking.unmask import GroupSum
from fl_chain.protocol.group_sizes import threshold
from tests.unit.privacy.masking_world import (
    MAX_ABS,
    PLACE,
    Group,
    make_group,
    make_state,
    seen_names,
    subsets,
    surviving_states,
    unmask,
)

NUM_LANES = 5


def make_values(size: int, largest: int = MAX_ABS) -> NDArray[np.int16]:
    random = np.random.default_rng(size)
    values = random.integers(-largest, largest + 1, (size, NUM_LANES)).astype(np.int16)
    values[:, 0], values[:, 1] = largest, -largest
    return values


def plain_sum(
    survivors: Collection[int], values: NDArray[Any], weights: Mapping[int, int]
) -> list[int]:
    columns = range(values.shape[1])
    return [sum(weights[i] * int(values[i, column]) for i in survivors) for column in columns]


def find_known(
    state: GroupState, survivors: frozenset[int], names: Iterable[SeedName], told: set[int]
) -> list[SeedName]:
    """Of whom a survivor tells it of somebody who is gone, or enough others have shares of it."""
    known = []
    for low, high in names:
        left = survivors & {low, high}
        apart = {i for i in told if low in state.entered.get(i, ())}
        is_told = low != high and len(left) == 1 and left <= told
        if is_told or len(told - apart) >= threshold(state.size):
            known.append((low, high))
    return known


@pytest.mark.parametrize("size", [3, 4, 5])
def test_every_record_and_every_silence_gives_the_plain_sum_or_none(size: int) -> None:
    group, values = make_group(size), make_values(size)
    weights = {i: 1000 + 7 * i for i in range(size)}
    num_released, num_left_out = 0, 0
    for state in surviving_states(size):
        survivors, names = find_survivors(state), list_questions(state).names
        reveals, bundles = group.reveals(state), group.bundles_of(state)
        if not survivors:
            found = recover(state, bundles, reveals)
            assert not found.is_released
            assert not any(reveal.items for reveal in reveals.values())
            num_left_out += 1
            continue
        truth = {name: group.seed(name) for name in names}
        for told in map(set, subsets(range(size))):
            found = recover(state, bundles, {i: reveals[i] for i in told})
            known = find_known(state, survivors, names, told)
            assert found.seeds == {name: truth[name] for name in known}
            assert found.missing == tuple(name for name in names if name not in known)
            assert found.is_released == (len(known) == len(names))
            assert not found.false_reveals
            assert not found.false_bundles
            num_released += found.is_released
            num_left_out += not found.is_released
            # If all survivors tell, the sum comes out.
            assert found.is_released or not survivors <= told
        masked = {i: group.mask(state, i, values[i], weights[i], 32) for i in state.entered}
        unmasked = unmask(state, recover(state, bundles, reveals), masked, weights, 32)
        assert unmasked.tolist() == plain_sum(survivors, values, weights)
    assert num_released
    assert num_left_out


@pytest.mark.parametrize("size", [4, 5])
def test_any_members_beyond_the_threshold_can_be_silent_if_bundles_reached_all(size: int) -> None:
    group = make_group(size)
    late = [(), *((i,) for i in range(size))]
    for state in (make_state(size, late=who) for who in late):
        reveals = group.reveals(state)
        for told in itertools.combinations(range(size), threshold(size)):
            found = recover(state, group.bundles_of(state), {i: reveals[i] for i in told})
            assert found.is_released


@st.composite
def rounds(draw: st.DrawFn) -> tuple[GroupState, set[int], set[int]]:
    """A record, who is silent, and who tells falsehoods."""
    size = draw(st.integers(3, 9))
    position = st.integers(0, size - 1)
    few = st.sets(position, max_size=2)
    apart = draw(st.sets(st.tuples(position, position), max_size=size - 2))
    state = make_state(size, draw(few), draw(few), apart)
    return state, draw(few), draw(few)


def make_false(reveal: Reveal, random: np.random.Generator) -> Reveal:
    """Change some values, swap some kinds, and leave some out."""
    items = {}
    for name, item in reveal.items.items():
        value = random.bytes(32) if random.integers(2) else item.value
        is_seed = item.is_seed if random.integers(2) else bool(random.integers(2))
        if random.integers(4):
            items[name] = RevealedItem(is_seed, value)
    return Reveal(reveal.member, items)


@settings(max_examples=300)
@given(rounds(), st.integers(0, 2**32), st.sampled_from([16, 32]), st.integers(0, 70))
def test_masked_sums_are_the_plain_ones_bit_for_bit(
    chance: tuple[GroupState, set[int], set[int]], number: int, ring_bits: int, num_lanes: int
) -> None:
    state, silent, liars = chance
    group, random = make_group(state.size), np.random.default_rng(number)
    largest_weight = {16: 20, 32: 5000}[ring_bits]
    max_abs = {16: 181, 32: MAX_ABS}[ring_bits]
    assert choose_ring_bits(state.size * largest_weight * max_abs) == ring_bits
    values = random.integers(-max_abs, max_abs + 1, (state.size, num_lanes)).astype(np.int16)
    weights = {i: int(random.integers(1, largest_weight + 1)) for i in range(state.size)}
    masked = {i: group.mask(state, i, values[i], weights[i], ring_bits) for i in state.entered}
    reveals = {i: its for i, its in group.reveals(state).items() if i not in silent}
    reveals |= {i: make_false(reveals[i], random) for i in liars & reveals.keys()}
    found = recover(state, group.bundles_of(state), reveals)
    assert found.false_reveals <= liars
    if found.is_released:
        unmasked = unmask(state, found, masked, weights, ring_bits)
        assert unmasked.dtype == np.int32
        assert unmasked.tolist() == plain_sum(find_survivors(state), values, weights)
    else:
        assert found.missing or not find_survivors(state)
        with pytest.raises(ValueError, match="left out"):
            GroupSum(PLACE, state, found, num_lanes, ring_bits)


def check_view(group: Group, state: GroupState, reveals: Mapping[int, Reveal], liars: Any) -> None:
    """Check what all that is published, and all that liars know, tells about the others."""
    seen = seen_names(group, reveals.values(), liars)
    honest = set(state.sharers) - set(liars)
    survivors = find_survivors(state)
    assert not any((i, i) in seen for i in honest - survivors)
    hidden = {
        i: {
            j
            for j in survivors & honest
            if j != i
            and (min(i, j), max(i, j)) not in seen
            and j in state.find_peers(i)
            and i in state.find_peers(j)
        }
        for i in honest & survivors
    }
    # From anybody, all others are reached over pairs that nobody else knows the seed of.
    for i in hidden:
        reached, fresh = {i}, {i}
        while fresh:
            fresh = set().union(*(hidden[j] for j in fresh)) - reached
            reached |= fresh
        assert reached == set(hidden)
        assert len(reached) >= 2


@pytest.mark.parametrize("size", [3, 4, 5])
def test_of_no_record_is_an_update_left_without_a_mask_that_nobody_knows(size: int) -> None:
    group = make_group(size)
    for state in surviving_states(size):
        reveals = group.reveals(state)
        check_view(group, state, reveals, ())
        for liar in range(size):
            if size > 3:
                check_view(group, state, reveals, {liar})


@settings(max_examples=300)
@given(rounds(), st.data())
def test_less_than_a_third_of_liars_learn_the_sum_of_the_honest_and_no_more(
    chance: tuple[GroupState, set[int], set[int]], data: st.DataObject
) -> None:
    state, _, _ = chance
    most = (state.size - 1) // 3
    liars = data.draw(st.sets(st.integers(0, state.size - 1), max_size=most))
    group = make_group(state.size)
    check_view(group, state, group.reveals(state), liars)


def check_alone(group: Group, seen: set[tuple[int, int]], liars: Collection[int]) -> None:
    """Check that no honest member is known by its self seed and by all its pairs with others."""
    honest = group.everybody - set(liars)
    for i in honest:
        pairs = {(min(i, j), max(i, j)) for j in honest - {i}}
        assert (i, i) not in seen or pairs - seen


@st.composite
def two_records(draw: st.DrawFn) -> tuple[int, set[int], list[tuple[set[int], GroupState]]]:
    """Size, liars, and two halves of the honest, each with the record that it is shown.

    All honest have entered, and declared nobody apart. A record can say of a member that it was
    late, and anything of those that it is not shown to.
    """
    size = draw(st.integers(4, 9))
    most = min((size - 1) // 3, 2 * threshold(size) - size - 2)
    position = st.integers(0, size - 1)
    liars = draw(st.sets(position, max_size=most))
    honest = set(range(size)) - liars
    half = draw(st.sets(st.sampled_from(sorted(honest))))
    shown = []
    for part in (half, honest - half):
        late = draw(st.sets(position, max_size=size - threshold(size)))
        pairs = st.tuples(position.filter(lambda i, part=part: i not in part), position)
        apart = draw(st.sets(pairs, max_size=2 * size)) if len(part) < size else set()
        shown.append((part, make_state(size, late=late, apart=apart)))
    return size, liars, shown


@settings(max_examples=300)
@given(two_records())
def test_whoever_shows_half_of_them_another_record_takes_no_masks_off(
    chance: tuple[int, set[int], list[tuple[set[int], GroupState]]],
) -> None:
    size, liars, shown = chance
    group = make_group(size)
    reveals = [group.reveal(state, i) for part, state in shown for i in part]
    check_alone(group, seen_names(group, reveals, liars), liars)


def test_two_records_and_a_third_of_accomplices_are_too_much() -> None:
    """Of four, 1 is an accomplice: 0 and 2 are told that 2 was late, 3 that 0 was."""
    group = make_group(4)
    first, second = make_state(4, late=[2]), make_state(4, late=[0])
    reveals = [group.reveal(first, 0), group.reveal(first, 2), group.reveal(second, 3)]
    assert {(0, 0), (0, 1), (0, 2), (0, 3)} <= seen_names(group, reveals, [1])
    assert 2 * threshold(4) - 4 - 1 == 1


def test_three_records_are_too_much_without_any_accomplice() -> None:
    """Of seven, 0 is told that 3 and 4 were late, 1 to 4 that 1 and 2 were, and the others that 0
    was."""
    group = make_group(7)
    own, most, rest = (make_state(7, late=late) for late in ([3, 4], [1, 2], [0]))
    shown = {0: own, **dict.fromkeys((1, 2, 3, 4), most), **dict.fromkeys((5, 6), rest)}
    reveals = [group.reveal(state, i) for i, state in shown.items()]
    assert {(0, i) for i in range(7)} <= seen_names(group, reveals)


@pytest.mark.parametrize("size", range(4, 10))
def test_a_member_that_is_shown_a_record_of_its_own_gives_nothing_away(size: int) -> None:
    """It is told that all survived, and all others that it was late."""
    group = make_group(size)
    for victim in range(size):
        truth = group.reveals(make_state(size, late=[victim]))
        reveals = {**truth, victim: group.reveal(make_state(size), victim)}
        seen = seen_names(group, reveals.values())
        assert all((min(i, victim), max(i, victim)) in seen for i in range(size) if i != victim)
        assert (victim, victim) not in seen


def test_who_did_not_survive_stays_masked_by_its_self_seed() -> None:
    """2 entered, but only two others share masks with it: all its pair seeds are told."""
    group, values = make_group(5), make_values(5)
    state = make_state(5, apart=[(0, 2), (1, 2)])
    assert 2 not in find_survivors(state)
    seen = seen_names(group, group.reveals(state).values())
    assert {(0, 2), (1, 2), (2, 3), (2, 4)} & seen == {(2, 3), (2, 4)}
    assert (2, 2) not in seen
    lanes = group.mask(state, 2, values[2], 1, 32)
    received = group.received_by(state, 2)
    for peer, seed in find_pair_seeds(2, group.seeds[2], received).items():
        mask = [(seed, pair_label(PLACE, *sorted((2, peer))))]
        apply_masks(lanes, *((), mask) if peer > 2 else (mask, ()))
    own = expand_mask(group.seed((2, 2)), self_label(PLACE, 2), NUM_LANES, 32)
    assert lanes.tolist() == (values[2].astype(np.uint32) + own).tolist()


@pytest.mark.parametrize("ring_bits", [16, 32])
def test_sums_at_both_ends_of_the_ring_come_out(ring_bits: int) -> None:
    group, state = make_group(3), make_state(3)
    weight = {16: 1, 32: 2**15}[ring_bits]
    largest = {16: 10922, 32: 21845}[ring_bits]
    assert choose_ring_bits(3 * weight * largest) == ring_bits
    values = np.tile(np.array([largest, -largest, 0], np.int16), (3, 1))
    masked = {i: group.mask(state, i, values[i], weight, ring_bits) for i in range(3)}
    found = recover(state, group.bundles_of(state), group.reveals(state))
    total = GroupSum(PLACE, state, found, 3, ring_bits)
    for i in range(3):
        total.add(i, masked[i])
    ends = 3 * weight * largest
    assert total.finish(3 * weight, largest).tolist() == [ends, -ends, 0]


def ready_sum(values: NDArray[Any], state: GroupState, ring_bits: int = 32) -> GroupSum:
    group = make_group(state.size)
    found = recover(state, group.bundles_of(state), group.reveals(state))
    total = GroupSum(PLACE, state, found, values.shape[1], ring_bits)
    for i in find_survivors(state):
        total.add(i, group.mask(state, i, values[i], 2, ring_bits))
    return total


def test_a_sum_beyond_its_bound_is_refused() -> None:
    values = make_values(4, 100)
    state = make_state(4, late=[3])
    assert ready_sum(values, state).finish(6, 100)[:2].tolist() == [600, -600]
    for side in (values, np.abs(values), -np.abs(values)):
        with pytest.raises(ValueOutOfRange, match="exceeds 599"):
            ready_sum(side, state).finish(599, 1)


def test_an_update_without_its_masks_makes_a_sum_that_is_refused() -> None:
    group, state, values = make_group(4), make_state(4), make_values(4, 100)
    found = recover(state, group.bundles_of(state), group.reveals(state))
    total = GroupSum(PLACE, state, found, NUM_LANES, 32)
    for i in range(3):
        total.add(i, group.mask(state, i, values[i], 1, 32))
    total.add(3, values[3].astype(np.uint32))
    with pytest.raises(ValueOutOfRange, match="bound"):
        total.finish(4, 100)


def test_the_order_in_which_updates_come_makes_no_difference() -> None:
    group, state, values = make_group(4), make_state(4, late=[0]), make_values(4)
    found = recover(state, group.bundles_of(state), group.reveals(state))
    sums = []
    for order in itertools.permutations((1, 2, 3)):
        total = GroupSum(PLACE, state, found, NUM_LANES, 32)
        for i in order:
            total.add(i, group.mask(state, i, values[i], 3, 32))
        sums.append(total.finish(9, MAX_ABS).tolist())
    assert all(found == sums[0] for found in sums)


def test_a_sum_takes_each_survivor_once_and_is_taken_once() -> None:
    group, state, values = make_group(4), make_state(4, late=[3]), make_values(4)
    found = recover(state, group.bundles_of(state), group.reveals(state))
    total = GroupSum(PLACE, state, found, NUM_LANES, 32)
    masked = [group.mask(make_state(4), i, values[i], 1, 32) for i in range(4)]
    with pytest.raises(ValueError, match="position 3"):
        total.add(3, masked[3])
    for i in range(3):
        with pytest.raises(ValueError, match="of all survivors"):
            total.finish(3, MAX_ABS)
        total.add(i, masked[i])
    with pytest.raises(ValueError, match="position 0"):
        total.add(0, masked[0])
    assert total.finish(3, MAX_ABS).tolist() == plain_sum(range(3), values, {0: 1, 1: 1, 2: 1})
    with pytest.raises(ValueError, match="once"):
        total.finish(3, MAX_ABS)


@pytest.mark.parametrize(
    "lanes",
    [
        np.zeros(NUM_LANES + 1, np.uint32),
        np.zeros((1, NUM_LANES), np.uint32),
        np.zeros(NUM_LANES, np.uint16),
        np.zeros(NUM_LANES, np.int32),
        np.zeros(NUM_LANES, np.uint64),
    ],
)
def test_lanes_that_are_not_those_of_the_group_are_refused(lanes: NDArray[Any]) -> None:
    group, state = make_group(3), make_state(3)
    found = recover(state, group.bundles_of(state), group.reveals(state))
    total = GroupSum(PLACE, state, found, NUM_LANES, 32)
    with pytest.raises(MalformedBlob, match="not those of this group"):
        total.add(0, lanes)
    total.add(0, np.zeros(NUM_LANES, RING_DTYPES[32].newbyteorder("<")))


def test_lanes_can_be_added_up_before_they_are_added() -> None:
    group, state, values = make_group(4), make_state(4), make_values(4)
    weights = dict.fromkeys(range(4), 3)
    found = recover(state, group.bundles_of(state), group.reveals(state))
    masked = {i: group.mask(state, i, values[i], 3, 32) for i in range(4)}
    total = GroupSum(PLACE, state, found, NUM_LANES, 32)
    total.add_sum((0, 2, 3), masked[0] + masked[2] + masked[3])
    with pytest.raises(ValueError, match="no update of position 2"):
        total.add_sum((1, 2), masked[1] + masked[2])
    total.add(1, masked[1])
    assert total.finish(12, MAX_ABS).tolist() == plain_sum(range(4), values, weights)


def test_a_seed_that_is_missing_leaves_the_group_out() -> None:
    group, state = make_group(4), make_state(4)
    found = recover(state, group.bundles_of(state), group.reveals(state))
    for name in found.seeds:
        seeds = {other: seed for other, seed in found.seeds.items() if other != name}
        part = RecoveredSeeds(seeds, (name,), frozenset(), frozenset())
        with pytest.raises(ValueError, match="left out"):
            GroupSum(PLACE, state, part, NUM_LANES, 32)
