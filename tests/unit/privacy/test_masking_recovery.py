"""Recovery: what is true is used, whoever else lies or is silent."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.errors import MalformedBlob
from fl_chain.privacy.masking.bundle import decode_bundle, encode_bundle
from fl_chain.privacy.masking.recovery import RecoveredSeeds, recover
from fl_chain.privacy.masking.reveal import (
    HEADER_BYTES,
    Reveal,
    RevealedItem,
    decode_reveal,
    encode_reveal,
)
from fl_chain.privacy.masking.survivors import GroupState, find_survivors, list_questions
from fl_chain.protocol.group_sizes import threshold
from tests.unit.privacy.masking_world import Group, make_group, make_state, subsets

SIZE = 5
STATE = make_state(SIZE, late=[2])
SILENT = 9 - threshold(9)
"""So many of nine can be silent."""


def truth(group: Group, state: GroupState) -> dict[tuple[int, int], bytes]:
    return {name: group.seed(name) for name in list_questions(state).names}


def recover_from(group: Group, state: GroupState, reveals: dict[int, Reveal]) -> RecoveredSeeds:
    return recover(state, group.bundles_of(state), reveals)


def make_false(reveal: Reveal) -> Reveal:
    """The same items with values that are nothing."""
    items = {
        name: replace(item, value=hashlib.sha256(item.value).digest())
        for name, item in reveal.items.items()
    }
    return replace(reveal, items=items)


def test_all_seeds_come_out_if_all_tell() -> None:
    group = make_group(SIZE)
    found = recover_from(group, STATE, group.reveals(STATE))
    assert found == RecoveredSeeds(truth(group, STATE), (), frozenset(), frozenset())
    assert found.is_released


def test_as_many_as_the_threshold_does_not_need_can_be_silent_or_tell_garbage() -> None:
    group = make_group(9)
    state = make_state(9, late=[2, 5])
    honest = group.reveals(state)
    for others in itertools.combinations(range(9), SILENT):
        reveals = {i: its for i, its in honest.items() if i not in others}
        found = recover_from(group, state, reveals)
        assert found.seeds == truth(group, state)
        found = recover_from(group, state, reveals | {i: make_false(honest[i]) for i in others})
        assert found.seeds == truth(group, state)
        assert found.false_reveals == frozenset(others)
        assert not found.false_bundles


def test_for_the_seeds_of_who_is_apart_for_a_member_that_member_is_silent() -> None:
    group = make_group(9)
    state = make_state(9, apart=[(0, 1)])
    reveals = group.reveals(state)
    for others in itertools.combinations(range(1, 9), SILENT):
        told = {i: its for i, its in reveals.items() if i not in others}
        assert recover_from(group, state, told).missing == ((1, 1),)
        told = {i: its for i, its in reveals.items() if i not in others[1:]}
        assert recover_from(group, state, told).seeds == truth(group, state)


def test_one_more_who_is_silent_leaves_the_group_out() -> None:
    group, state = make_group(9), make_state(9)
    reveals = {i: its for i, its in group.reveals(state).items() if i > SILENT}
    found = recover_from(group, state, reveals)
    assert found.missing == tuple((i, i) for i in range(9))
    assert not found.is_released


def test_if_all_survivors_tell_the_sum_comes_out() -> None:
    """Even if so few others have the bundle of 2 that its shares would not do."""
    group = make_group(9)
    state = make_state(9, late=[8], apart=[(i, 2) for i in (0, 3, 4)])
    survivors = find_survivors(state)
    assert 2 not in survivors
    reveals = {i: group.reveal(state, i) for i in survivors}
    assert recover_from(group, state, reveals).seeds == truth(group, state)
    del reveals[6]
    assert (2, 6) in recover_from(group, state, reveals).missing


def test_nobody_tells_anything() -> None:
    found = recover_from(make_group(SIZE), STATE, {})
    assert found.missing == list_questions(STATE).names
    assert not found.seeds
    assert not found.is_released


def test_a_group_without_survivors_is_not_released() -> None:
    group, state = make_group(SIZE), make_state(SIZE, late=[0, 1])
    found = recover_from(group, state, group.reveals(make_state(SIZE)))
    assert found == RecoveredSeeds({}, (), frozenset(), frozenset())
    assert not found.is_released


@pytest.mark.parametrize("is_seed", [False, True])
def test_shares_of_another_member_are_neither_shares_nor_seeds(is_seed: bool) -> None:
    group = make_group(SIZE)
    reveals = group.reveals(STATE)
    its = {name: replace(item, is_seed=is_seed) for name, item in reveals[2].items.items()}
    reveals[0] = replace(reveals[0], items=its)
    found = recover_from(group, STATE, reveals)
    assert found.false_reveals == {0}
    assert found.seeds == truth(group, STATE)


def test_a_seed_is_no_share() -> None:
    group = make_group(SIZE)
    reveals = group.reveals(STATE)
    told = {name: RevealedItem(False, seed) for name, seed in truth(group, STATE).items()}
    reveals[0] = replace(reveals[0], items=told)
    found = recover_from(group, STATE, reveals)
    assert found.false_reveals == {0}
    assert found.seeds == truth(group, STATE)


def test_a_seed_is_believed_whoever_tells_it() -> None:
    group = make_group(SIZE)
    told = {name: RevealedItem(True, seed) for name, seed in truth(group, STATE).items()}
    reveals = {2: Reveal(group.reveal(STATE, 2).member, told)}
    assert recover_from(group, STATE, reveals).is_released


def test_two_reveals_with_swapped_positions_are_passed_over() -> None:
    group = make_group(9)
    state = make_state(9, late=[2])
    reveals = group.reveals(state)
    reveals[0], reveals[1] = reveals[1], reveals[0]
    found = recover_from(group, state, reveals)
    assert found.false_reveals == {0, 1}
    assert found.seeds == truth(group, state)
    del reveals[5]
    found = recover_from(group, state, reveals)
    assert found.missing == ((0, 0), (0, 2), (1, 1), (1, 2), (2, 5), *((i, i) for i in range(3, 9)))


def test_two_bundles_with_swapped_positions_are_as_good_as_missing() -> None:
    group = make_group(SIZE)
    bundles = group.bundles_of(STATE)
    bundles[0], bundles[1] = bundles[1], bundles[0]
    found = recover(STATE, bundles, group.reveals(STATE))
    assert found.missing == ((0, 0), (0, 2), (1, 1), (1, 2))
    assert not found.false_reveals


def test_a_bundle_of_a_group_of_another_size_is_as_good_as_missing() -> None:
    group = make_group(SIZE)
    bundles = {**group.bundles_of(STATE), 3: make_group(4).bundles[3]}
    assert recover(STATE, bundles, group.reveals(STATE)).missing == ((3, 3),)


def test_a_missing_bundle_is_missed_exactly_if_something_is_asked_about_it() -> None:
    group = make_group(SIZE)
    everybody_apart = make_state(SIZE, late=[2], apart=[(i, 2) for i in (0, 1, 3, 4)])
    bundles = {i: bundle for i, bundle in enumerate(group.bundles) if i != 2}
    assert recover(everybody_apart, bundles, group.reveals(everybody_apart)).is_released
    found = recover(STATE, bundles, group.reveals(STATE))
    assert found.missing == ((2, 3), (2, 4))


def test_what_nobody_asked_for_is_passed_over() -> None:
    group = make_group(SIZE)
    reveals = group.reveals(STATE)
    unasked = {
        (0, 1): RevealedItem(True, group.seed((0, 1))),
        (2, 2): RevealedItem(True, group.seed((2, 2))),
        (3, 4): RevealedItem(False, bytes(32)),
    }
    reveals[0] = replace(reveals[0], items={**reveals[0].items, **unasked})
    found = recover_from(group, STATE, reveals)
    assert found == recover_from(group, STATE, group.reveals(STATE))
    assert set(found.seeds) == set(list_questions(STATE).names)


def test_shares_of_a_bundle_that_tell_another_seed_are_reported_and_not_used() -> None:
    group, state = make_group(SIZE), make_state(SIZE)
    bundle = group.bundles[1]
    false = [hashlib.sha256(f"share {i}".encode()).digest() for i in range(SIZE)]
    hashes = [hashlib.sha256(share).digest() for share in false]
    commitments = bundle.commitments[:32] + b"".join(hashes) + bundle.commitments[6 * 32 :]
    bundles = group.bundles_of(state) | {1: replace(bundle, commitments=commitments)}
    reveals = {
        position: replace(reveal, items={**reveal.items, (1, 1): RevealedItem(False, share)})
        for (position, reveal), share in zip(group.reveals(state).items(), false, strict=True)
    }
    found = recover(state, bundles, reveals)
    assert found.missing == ((1, 1),)
    assert found.false_bundles == {1}
    assert not found.false_reveals


@pytest.mark.parametrize("liar", range(SIZE))
def test_whoever_deals_one_share_wrong_decides_nothing_by_when_it_tells_it(liar: int) -> None:
    """Shares of some positions tell the seed committed to, and with another one they do not."""
    group, state = make_group(SIZE), make_state(SIZE)
    bundle, false = group.bundles[1], hashlib.sha256(b"share").digest()
    at = 32 * (1 + liar)
    commitments = (
        bundle.commitments[:at] + hashlib.sha256(false).digest() + bundle.commitments[at + 32 :]
    )
    bundles = group.bundles_of(state) | {1: replace(bundle, commitments=commitments)}
    reveals = group.reveals(state)
    items = {**reveals[liar].items, (1, 1): RevealedItem(False, false)}
    reveals[liar] = replace(reveals[liar], items=items)
    for told in subsets(range(SIZE)):
        found = recover(state, bundles, {position: reveals[position] for position in told})
        assert not found.is_released
        assert not found.false_reveals
        assert found.false_bundles == ({1} if len(told) >= threshold(SIZE) else frozenset())
        assert found.seeds.items() <= truth(group, state).items()


@given(st.data())
def test_what_else_is_told_makes_no_known_seed_unknown(data: st.DataObject) -> None:
    """Whatever owners committed to, and whoever tells what."""
    group = make_group(SIZE)
    bundles, reveals = group.bundles_of(STATE), group.reveals(STATE)
    words = [bytes([byte]) * 32 for byte in range(2)]
    for owner, bundle in bundles.items():
        hashes = [bundle.commitments[at : at + 32] for at in range(0, len(bundle.commitments), 32)]
        for column in data.draw(st.sets(st.integers(0, len(hashes) - 1), max_size=3)):
            hashes[column] = hashlib.sha256(data.draw(st.sampled_from(words))).digest()
        bundles[owner] = replace(bundle, commitments=b"".join(hashes))
    for position, reveal in reveals.items():
        items = dict(reveal.items)
        for name in data.draw(st.sets(st.sampled_from(sorted(items)), max_size=2)):
            value = data.draw(st.sampled_from(words))
            items[name] = RevealedItem(data.draw(st.booleans()), value)
        reveals[position] = replace(reveal, items=items)
    order = data.draw(st.permutations(range(SIZE)))
    known: dict[tuple[int, int], bytes] = {}
    for count in range(SIZE + 1):
        found = recover(STATE, bundles, {i: reveals[i] for i in order[:count]})
        assert known.items() <= found.seeds.items()
        known = dict(found.seeds)


def test_a_changed_byte_of_a_reveal_is_refused_or_changes_no_seed() -> None:
    group = make_group(4)
    state = make_state(4, late=[1])
    reveals = group.reveals(state)
    data = bytearray(encode_reveal(reveals[2]))
    num_false = 0
    for at in range(HEADER_BYTES, len(data)):
        for flipped in (1, 128):
            data[at] ^= flipped
            try:
                changed = decode_reveal(bytes(data))
            except MalformedBlob:
                changed = None
            data[at] ^= flipped
            if changed:
                found = recover_from(group, state, {**reveals, 2: changed})
                assert found.seeds == truth(group, state)
                assert found.false_reveals <= {2}
                num_false += len(found.false_reveals)
    assert num_false >= 2 * 32 * len(reveals[2].items)


@pytest.mark.parametrize("silent", [[], [1]])
def test_a_changed_byte_of_a_bundle_changes_no_seed(silent: list[int]) -> None:
    """Its digest is not the one on record any more; and if nobody noticed, this is what happens."""
    group = make_group(4)
    state = make_state(4, late=[3])
    reveals = {i: its for i, its in group.reveals(state).items() if i not in silent}
    data = bytearray(encode_bundle(group.bundles[1]))
    num_missing = 0
    for at in range(HEADER_BYTES, len(data), 5):
        data[at] ^= 1
        bundles = {**group.bundles_of(state), 1: decode_bundle(bytes(data))}
        found = recover(state, bundles, reveals)
        assert found.seeds.items() <= truth(group, state).items()
        assert found.is_released == (found.seeds == truth(group, state))
        num_missing += not found.is_released
        data[at] ^= 1
    assert num_missing
