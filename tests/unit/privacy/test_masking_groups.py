"""Groups: everybody in one, drawn by nothing but seed and addresses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.errors import MalformedBlob, ValueOutOfRange
from fl_chain.privacy.masking.groups import (
    MAX_MEMBERS,
    GroupPlace,
    check_member,
    describe_member,
    draw_groups,
    parse_member,
)
from fl_chain.protocol.group_sizes import count_accomplices, count_noisy, threshold
from tests import reference_masks as ref
from tests.unit.privacy.masking_world import PLACE, member

ADDRESSES = st.integers(0, 2**160 - 1).map(lambda number: f"0x{number:040x}")
SEEDS = st.binary(min_size=32, max_size=32)


@given(SEEDS, st.lists(ADDRESSES, unique=True, max_size=60), st.integers(2, 64))
def test_groups_are_those_of_the_rule(seed: bytes, members: list[str], group_size: int) -> None:
    groups = draw_groups(seed, members, group_size)
    assert [list(group) for group in groups] == ref.draw(seed, members, group_size)


@given(SEEDS, st.integers(1, 400), st.integers(2, 64))
def test_everybody_is_in_one_group_and_groups_differ_by_one_member_at_most(
    seed: bytes, count: int, group_size: int
) -> None:
    members = {f"0x{number:040x}" for number in range(count)}
    groups = draw_groups(seed, members, group_size)
    assert len(groups) == max(1, count // group_size)
    assert sorted(who for group in groups for who in group) == sorted(members)
    sizes = [len(group) for group in groups]
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= MAX_MEMBERS
    assert min(sizes) >= min(group_size, count)
    assert all(list(group) == sorted(group) for group in groups)


def test_the_most_members_of_a_group_are_127() -> None:
    members = [f"0x{number:040x}" for number in range(127)]
    assert [len(group) for group in draw_groups(bytes(32), members, 64)] == [127]
    members.append("0x" + "ff" * 20)
    assert [len(group) for group in draw_groups(bytes(32), members, 64)] == [64, 64]


def test_the_order_of_members_and_their_repetition_make_no_difference() -> None:
    members = [f"0x{number:040x}" for number in range(20)]
    assert draw_groups(b"s" * 32, members[::-1] * 2, 4) == draw_groups(b"s" * 32, members, 4)


def test_another_seed_draws_other_groups() -> None:
    members = [f"0x{number:040x}" for number in range(20)]
    assert draw_groups(b"s" * 32, members, 4) != draw_groups(b"t" * 32, members, 4)


def test_nobody_makes_no_group() -> None:
    assert draw_groups(bytes(32), [], 16) == ()


@pytest.mark.parametrize("group_size", [-1, 0, 1, 65])
def test_a_group_size_out_of_range_is_refused(group_size: int) -> None:
    with pytest.raises(ValueOutOfRange, match="2 to 64"):
        draw_groups(bytes(32), [], group_size)


def test_what_is_no_seed_or_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        draw_groups(bytes(31), [], 16)
    with pytest.raises(MalformedBlob):
        draw_groups(bytes(32), ["0x" + "AB" * 20], 16)


def test_the_threshold_is_more_than_two_thirds_and_no_more_than_it_takes() -> None:
    for size in range(1, MAX_MEMBERS + 1):
        assert 3 * threshold(size) > 2 * size
        assert 3 * (threshold(size) - 1) <= 2 * size
        assert threshold(size) <= size


def test_no_third_of_accomplices_gets_the_threshold_for_two_questions() -> None:
    for size in range(1, MAX_MEMBERS + 1):
        accomplices = size // 3
        assert 2 * threshold(size) > (size - accomplices) + 2 * accomplices


@pytest.mark.parametrize("group_size", range(3, 65))
def test_no_group_releases_a_sum_with_less_noise_than_is_counted(group_size: int) -> None:
    """In all the sizes that groups are drawn in, with as many accomplices as masks withstand."""
    honest = [
        threshold(len(group)) - max(1, count_accomplices(len(group)))
        for number in range(group_size, 3 * group_size)
        for group in draw_groups(bytes(32), [f"0x{n:040x}" for n in range(number)], group_size)
    ]
    assert min(honest) == count_noisy(group_size)


def test_a_place_is_40_bytes_of_fixed_width() -> None:
    place = GroupPlace("01" * 32, 2, 3)
    assert place.encode().hex() == "01" * 32 + "00000002" + "00000003"


def test_a_member_comes_back_from_its_metadata() -> None:
    assert parse_member(describe_member("any", member(5, 2))) == member(5, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"place": replace(PLACE, task="AB" * 32)},
        {"place": replace(PLACE, round=2**32)},
        {"place": replace(PLACE, group=-1)},
        {"participant": "0x" + "AB" * 20},
        {"size": 2, "position": 0},
        {"size": 128},
        {"position": 5},
        {"position": -1},
    ],
)
def test_a_member_that_cannot_be_one_is_refused(changes: dict[str, object]) -> None:
    check_member(member(5, 2))
    with pytest.raises(MalformedBlob):
        check_member(replace(member(5, 2), **changes))
