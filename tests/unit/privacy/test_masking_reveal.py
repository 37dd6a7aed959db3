"""Reveals: what is asked for and nothing else, in one encoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import safetensors.numpy

from fl_chain.errors import InvalidTransition, MalformedBlob
from fl_chain.privacy.masking.masks import SeedName
from fl_chain.privacy.masking.reveal import (
    HEADER_BYTES,
    ITEM_BYTES,
    Reveal,
    RevealedItem,
    compute_reveal_bytes,
    decode_reveal,
    encode_reveal,
    make_reveal,
)
from fl_chain.privacy.masking.survivors import find_survivors, list_questions
from tests.unit.privacy.masking_world import (
    make_group,
    make_state,
    member,
    surviving_states,
)

SIZE = 5
STATE = make_state(SIZE, late=[2])
"""All share, all but 2 enter: asked for are the self seeds of four, and their pairs with 2."""


def seeds_in(reveal: Reveal) -> list[SeedName]:
    return [name for name, item in reveal.items.items() if item.is_seed]


def shares_in(reveal: Reveal) -> list[SeedName]:
    return [name for name, item in reveal.items.items() if not item.is_seed]


@pytest.mark.parametrize("position", range(SIZE))
def test_a_member_tells_about_all_that_is_asked_for(position: int) -> None:
    """Of its pair with the one who is gone the seed, if it survives; else shares, also its own."""
    group = make_group(SIZE)
    reveal = group.reveal(STATE, position)
    selves, pairs = [(0, 0), (1, 1), (3, 3), (4, 4)], [(0, 2), (1, 2), (2, 3), (2, 4)]
    assert list(reveal.items) == sorted(selves + pairs)
    assert seeds_in(reveal) == [name for name in pairs if position in name and position != 2]
    for name, item in reveal.items.items():
        bundle = group.bundles[name[0]]
        assert bundle.is_seed(name, item.value) == item.is_seed
        assert bundle.is_share(name, position, item.value) != item.is_seed


def test_who_did_not_share_helps_with_its_shares() -> None:
    reveal = make_group(SIZE).reveal(make_state(SIZE, absent=[2]), 2)
    assert shares_in(reveal) == [(0, 0), (1, 1), (3, 3), (4, 4)]
    assert seeds_in(reveal) == []


def test_nothing_is_told_of_who_is_apart() -> None:
    reveal = make_group(SIZE).reveal(make_state(SIZE, apart=[(1, 3), (2, 0)]), 1)
    assert shares_in(reveal) == [(0, 0), (0, 2), (1, 1), (1, 3), (2, 2), (4, 4)]
    assert seeds_in(reveal) == []


def test_the_seed_of_a_pair_of_survivors_is_told_by_neither_end() -> None:
    """Where one declared the other apart: somebody can be shown that it was, and it alone."""
    group, state = make_group(SIZE), make_state(SIZE, apart=[(1, 3)])
    assert (1, 3) in list_questions(state).names
    assert find_survivors(state) == group.everybody
    assert not any(seeds_in(reveal) for reveal in group.reveals(state).values())


@pytest.mark.parametrize("size", [3, 4, 5])
def test_no_reveal_answers_what_is_not_asked_for_or_both_kinds_about_one_member(size: int) -> None:
    group = make_group(size)
    for state in surviving_states(size):
        questions, survivors = list_questions(state), find_survivors(state)
        for position in range(size):
            reveal = group.reveal(state, position)
            told = reveal.items.keys()
            assert told <= set(questions.names)
            for low, high in seeds_in(reveal):
                assert survivors & {low, high} == {position}
                assert position in survivors - {low + high - position}
            for i in range(size):
                if (i, i) in told:
                    assert i in survivors
                for j in range(i + 1, size):
                    # Both self seeds told: then one of the ends has no mask of this pair.
                    if {(i, i), (i, j), (j, j)} <= told:
                        assert j in state.entered[i] or i in state.entered[j]


def test_a_group_without_survivors_is_told_nothing() -> None:
    reveal = make_group(SIZE).reveal(make_state(SIZE, late=[0, 1]), 3)
    assert reveal.items == {}
    with pytest.raises(MalformedBlob, match="tells nothing"):
        encode_reveal(reveal)


def test_a_record_with_other_peers_than_a_member_has_masked_with_is_not_answered() -> None:
    group, true = make_group(SIZE), make_state(SIZE, apart=[(1, 3)])
    own = group.seeds[1], group.own_shares[1], group.received_by(true, 1)
    for apart in ([], [(1, 4)], [(1, 3), (1, 4)]):
        record = make_state(SIZE, apart=apart)
        with pytest.raises(InvalidTransition, match="masked with others"):
            make_reveal(record, member(SIZE, 1), *own)
    assert make_reveal(true, member(SIZE, 1), *own).items
    # Of whom it never masked with, as it did not enter, it tells what it has.
    assert make_reveal(make_state(SIZE, late=[1]), member(SIZE, 1), *own).items


def test_bundles_that_came_too_late_make_no_difference() -> None:
    group, record = make_group(SIZE), make_state(SIZE, absent=[4])
    own = group.seeds[1], group.own_shares[1], group.received[1]
    assert make_reveal(record, member(SIZE, 1), *own) == group.reveal(record, 1)


def test_a_member_tells_nothing_about_a_group_of_another_size() -> None:
    with pytest.raises(ValueError, match="group of 5"):
        make_reveal(STATE, member(4, 0), (), (), {})


@pytest.mark.parametrize("size", [3, 5, 9])
def test_reveals_come_back_from_their_bytes_and_are_no_longer_than_the_questions(size: int) -> None:
    state = make_state(size, late=[1] if size > 3 else [])
    for reveal in make_group(size).reveals(state).values():
        data = encode_reveal(reveal)
        assert decode_reveal(data) == reveal
        assert len(data) == compute_reveal_bytes(len(reveal.items))
        assert len(data) <= compute_reveal_bytes(len(list_questions(state).names))


def test_a_reveal_has_its_golden_bytes() -> None:
    items = {(2, 2): RevealedItem(False, b"t" * 32), (0, 2): RevealedItem(True, b"s" * 32)}
    text = (
        '{"__metadata__":{"format":"fl_chain/1","group":"3","kind":"reveal",'
        f'"participant":"0x{3:040x}","position":"2","round":"7","size":"3","task":"{"ab" * 32}"}},'
        '"items":{"data_offsets":[0,70],"dtype":"U8","shape":[2,35]}}'
    )
    header = (1016).to_bytes(8, "little") + text.encode().ljust(1016)
    rows = b"\0\2\1" + b"s" * 32 + b"\2\2\0" + b"t" * 32
    assert encode_reveal(Reveal(member(3, 2), items)) == header + rows


def test_any_safetensors_reader_opens_a_reveal() -> None:
    reveal = make_group(SIZE).reveal(STATE, 0)
    tensors = safetensors.numpy.load(encode_reveal(reveal))
    assert set(tensors) == {"items"}
    assert tensors["items"].shape == (len(reveal.items), ITEM_BYTES)


@pytest.mark.parametrize(
    ("name", "length"), [((2, 1), 32), ((0, 3), 32), ((-1, 1), 32), ((0, 1), 31), ((0, 1), 33)]
)
def test_items_that_no_reveal_has_are_not_written(name: SeedName, length: int) -> None:
    with pytest.raises(MalformedBlob):
        encode_reveal(Reveal(member(3, 2), {name: RevealedItem(False, bytes(length))}))


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: b"",
        lambda data: data[:HEADER_BYTES],
        lambda data: data[: HEADER_BYTES + 1],
        lambda data: data[: HEADER_BYTES + 2] + b"\2" + data[HEADER_BYTES + 3 :],
        lambda data: data[:-1],
        lambda data: data[: 1 - ITEM_BYTES],
        lambda data: data[:-ITEM_BYTES],
        lambda data: data + b"\0",
        lambda data: data + data[-ITEM_BYTES:],
        lambda data: data[:HEADER_BYTES] + data[: HEADER_BYTES - 1 : -1],
        lambda data: data[:-ITEM_BYTES] + data[HEADER_BYTES : HEADER_BYTES + ITEM_BYTES],
        lambda data: data.replace(b'"kind":"reveal"', b'"kind":"shares"'),
        lambda data: data.replace(b'"size":"5"', b'"size":"4"'),
        lambda data: data.replace(b'"size":"5"', b'"size":"2"'),
        lambda data: data.replace(b'"group":"3",', b""),
        lambda data: data.replace(b'"group":"3"', b'"group":3  '),
        lambda data: data.replace(b'"U8"', b'"I8"'),
        lambda data: data[:8] + b'""'.ljust(1016) + data[1024:],
        lambda data: data + bytes(2**20),
        lambda data: bytes(len(data)),
    ],
)
def test_bytes_that_no_encoder_writes_are_refused(edit: Callable[[bytes], bytes]) -> None:
    data = encode_reveal(make_group(SIZE).reveal(STATE, 1))
    assert edit(data) != data
    with pytest.raises(MalformedBlob):
        decode_reveal(edit(data))


def test_a_changed_byte_of_the_header_is_refused_or_misbound() -> None:
    reveal = make_group(SIZE).reveal(STATE, 1)
    data = bytearray(encode_reveal(reveal))
    num_misbound = 0
    for at in range(HEADER_BYTES):
        for flipped in (1, 2, 128):
            data[at] ^= flipped
            try:
                changed = decode_reveal(bytes(data))
            except MalformedBlob:
                changed = None
            assert changed is None or changed.member != reveal.member
            num_misbound += changed is not None
            data[at] ^= flipped
    assert num_misbound > 64


def test_a_reveal_that_names_another_member_is_misbound() -> None:
    reveal = make_group(SIZE).reveal(STATE, 1)
    other = replace(reveal, member=member(SIZE, 2))
    assert decode_reveal(encode_reveal(other)).member != reveal.member
