"""Share bundles: one encoding, one size, and shares that are what was committed to."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import safetensors.numpy

from fl_chain.errors import CannotDecrypt, MalformedBlob
from fl_chain.privacy.masking.bundle import (
    HEADER_BYTES,
    ReceivedShares,
    ShareBundle,
    compute_bundle_bytes,
    decode_bundle,
    draw_seeds,
    encode_bundle,
    find_pair_seeds,
    make_bundle,
    open_bundle,
)
from fl_chain.privacy.masking.shamir import combine
from fl_chain.protocol.encryption import OVERHEAD_BYTES, decrypt
from fl_chain.protocol.group_sizes import threshold
from tests.unit.privacy.masking_world import (
    PLACE,
    make_draw,
    make_group,
    member,
    public_key,
    secret_key,
)

SIZE = 4
SIZES = [3, 4, 5, 9]


def receivers_of(bundle: ShareBundle) -> list[int]:
    return [i for i in range(bundle.member.size) if i != bundle.member.position]


def open_all(bundle: ShareBundle) -> dict[int, ReceivedShares | None]:
    """What each receiver has of a bundle, None if the sender is apart for it."""
    opened: dict[int, ReceivedShares | None] = {}
    for receiver in receivers_of(bundle):
        try:
            opened[receiver] = open_bundle(bundle, secret_key(receiver), receiver)
        except (CannotDecrypt, MalformedBlob):
            opened[receiver] = None
    return opened


@pytest.mark.parametrize("size", SIZES)
def test_bundles_come_back_from_their_bytes_and_have_their_size(size: int) -> None:
    for bundle in make_group(size).bundles:
        data = encode_bundle(bundle)
        assert decode_bundle(data) == bundle
        assert len(data) == compute_bundle_bytes(size, bundle.member.position)


def test_the_size_of_a_bundle_is_that_of_the_specification() -> None:
    for size in (3, 16, 127):
        for position in range(size):
            seeds = size - position
            messages = (size - 1) * (OVERHEAD_BYTES + 32 * seeds) + 32 * (size - 1 - position)
            expected = 1024 + 32 * seeds * (1 + size) + messages
            assert compute_bundle_bytes(size, position) == expected


def test_the_largest_bundle_is_encoded() -> None:
    keys = [None] * 127
    seeds = draw_seeds(127, 0, make_draw("largest"))
    bundle, _ = make_bundle(member(127, 0), keys, seeds, make_draw("coefficients"))
    data = encode_bundle(bundle)
    assert len(data) == compute_bundle_bytes(127, 0)
    assert decode_bundle(data) == bundle


def test_any_safetensors_reader_opens_a_bundle() -> None:
    tensors = safetensors.numpy.load(encode_bundle(make_group(SIZE).bundles[1]))
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        "commitments": (3, 5, 32),
        "messages": (3 * (OVERHEAD_BYTES + 3 * 32) + 2 * 32,),
    }


def test_the_header_has_its_golden_bytes() -> None:
    header = encode_bundle(make_group(3).bundles[2])[:HEADER_BYTES]
    text = (
        '{"__metadata__":{"format":"fl_chain/1","group":"3","kind":"shares",'
        f'"participant":"0x{3:040x}","position":"2","round":"7","size":"3","task":"{"ab" * 32}"}},'
        '"commitments":{"data_offsets":[0,128],"dtype":"U8","shape":[1,4,32]},'
        '"messages":{"data_offsets":[128,2464],"dtype":"U8","shape":[2336]}}'
    )
    assert header == (1016).to_bytes(8, "little") + text.encode().ljust(1016)


@pytest.mark.parametrize("size", SIZES)
def test_each_receiver_gets_its_shares_and_the_seed_of_its_pair(size: int) -> None:
    group = make_group(size)
    for sender, bundle in enumerate(group.bundles):
        seeds = group.seeds[sender]
        for receiver in receivers_of(bundle):
            its = open_bundle(bundle, secret_key(receiver), receiver)
            assert its.sender == sender
            assert its.pair_seed == (seeds[receiver - sender] if receiver > sender else None)
        for row, seed in enumerate(seeds):
            others = receivers_of(bundle)
            shares = {i: group.received[i][sender].shares[row] for i in others}
            shares[sender] = group.own_shares[sender][row]
            for held in itertools.combinations(shares, threshold(size)):
                assert combine({i: shares[i] for i in held}, threshold(size)) == seed
            name = (sender, sender + row)
            assert bundle.is_seed(name, seed)
            assert all(bundle.is_share(name, i, share) for i, share in shares.items())
            assert not any(bundle.is_share(name, i, seed) for i in range(size))
            assert not any(bundle.is_seed(name, share) for share in shares.values())


def test_both_ends_of_a_pair_have_its_seed() -> None:
    group = make_group(5)
    found = [find_pair_seeds(i, group.seeds[i], group.received[i]) for i in range(5)]
    for low in range(5):
        for high in range(low + 1, 5):
            assert found[low][high] == found[high][low] == group.seed((low, high))


def test_who_is_apart_makes_no_pair() -> None:
    group = make_group(5)
    received = {i: its for i, its in group.received[2].items() if i not in (0, 4)}
    assert set(find_pair_seeds(2, group.seeds[2], received)) == {1, 3}


def test_a_message_is_bound_to_its_way_as_the_specification_says() -> None:
    group = make_group(3)
    label = b"fl_chain/shares/1" + PLACE.encode()
    data = group.bundles[1].messages
    first = OVERHEAD_BYTES + 64
    content = decrypt(secret_key(0), label + bytes((1, 0)), data[:first])
    assert content == b"".join(group.received[0][1].shares)
    content = decrypt(secret_key(2), label + bytes((1, 2)), data[first:])
    assert content == b"".join(group.received[2][1].shares) + group.seed((1, 2))


def test_nobody_opens_what_is_for_another() -> None:
    bundle = make_group(SIZE).bundles[0]
    for receiver in (1, 2, 3):
        for key in (0, 1, 2, 3):
            if key != receiver:
                with pytest.raises(CannotDecrypt):
                    open_bundle(bundle, secret_key(key), receiver)


@pytest.mark.parametrize("receiver", [-1, 1, 4])
def test_a_position_that_receives_nothing_is_refused(receiver: int) -> None:
    with pytest.raises(ValueError, match="receives nothing"):
        open_bundle(make_group(SIZE).bundles[1], secret_key(1), receiver)


@pytest.mark.parametrize(
    "changes",
    [
        {"place": replace(PLACE, task="cd" * 32)},
        {"place": replace(PLACE, round=8)},
        {"place": replace(PLACE, group=4)},
        {"position": 1},
    ],
)
def test_a_bundle_that_is_said_to_be_from_elsewhere_cannot_be_opened(
    changes: dict[str, Any],
) -> None:
    """Whoever puts another's messages into a bundle of its own shares no mask with anybody."""
    bundle = make_group(SIZE).bundles[0]
    moved = replace(bundle, member=replace(bundle.member, **changes))
    for receiver in (2, 3):
        with pytest.raises(CannotDecrypt):
            open_bundle(moved, secret_key(receiver), receiver)


def test_two_members_with_swapped_positions_are_misbound() -> None:
    first, second = make_group(SIZE).bundles[:2]
    assert decode_bundle(encode_bundle(first)).member == member(SIZE, 0) != second.member
    swapped = replace(first.member, participant=second.member.participant)
    assert decode_bundle(encode_bundle(replace(first, member=swapped))).member not in (
        first.member,
        second.member,
    )


@pytest.mark.parametrize("key", [None, b"", bytes(1216), b"\xff" * 1216])
def test_who_has_no_usable_key_stands_apart_and_nobody_else_does(key: bytes | None) -> None:
    keys = [public_key(0), public_key(1), key, public_key(3)]
    seeds = make_group(SIZE).seeds[0]
    bundle, _ = make_bundle(member(SIZE, 0), keys, seeds, make_draw("keys"))
    data = encode_bundle(bundle)
    assert len(data) == compute_bundle_bytes(SIZE, 0)
    opened = open_all(decode_bundle(data))
    assert [receiver for receiver, its in opened.items() if its is None] == [2]


def test_the_own_key_is_not_looked_at() -> None:
    keys = [None, public_key(1), public_key(2), public_key(3)]
    bundle, _ = make_bundle(member(SIZE, 0), keys, make_group(SIZE).seeds[0], make_draw("own"))
    assert None not in open_all(bundle).values()


def test_what_is_drawn_is_drawn_once_for_each_purpose() -> None:
    drawn: list[int] = []

    def draw(count: int) -> bytes:
        drawn.append(count)
        return bytes([len(drawn)] * count)

    seeds = draw_seeds(5, 1, draw)
    make_bundle(member(5, 1), [None] * 5, seeds, draw)
    assert drawn == [32] * 4 + [3 * 32] * 4
    assert len(set(seeds)) == 4


@pytest.mark.parametrize(
    ("num_keys", "num_seeds", "seed_bytes"), [(3, 4, 32), (5, 4, 32), (4, 3, 32), (4, 4, 31)]
)
def test_keys_and_seeds_of_another_number_or_length_are_refused(
    num_keys: int, num_seeds: int, seed_bytes: int
) -> None:
    keys, seeds = [None] * num_keys, [bytes(seed_bytes)] * num_seeds
    with pytest.raises(ValueError, match=r"keys|length"):
        make_bundle(member(4, 0), keys, seeds, make_draw(""))


def test_a_member_that_cannot_be_one_makes_no_bundle() -> None:
    with pytest.raises(MalformedBlob, match="3 to 127"):
        make_bundle(member(2, 0), [None] * 2, [bytes(32)] * 2, make_draw(""))


def test_what_does_not_fill_a_bundle_is_not_written() -> None:
    bundle = make_group(SIZE).bundles[0]
    for changed in (
        replace(bundle, messages=bundle.messages[:-1]),
        replace(bundle, commitments=bundle.commitments + bytes(32)),
        replace(
            bundle,
            commitments=bundle.commitments + bytes(1),
            messages=bundle.messages[:-1],
        ),
        replace(bundle, member=replace(bundle.member, size=2)),
        replace(bundle, member=replace(bundle.member, position=4)),
    ):
        with pytest.raises(MalformedBlob):
            encode_bundle(changed)


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: b"",
        lambda data: data[:HEADER_BYTES],
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: data.replace(b'"kind":"shares"', b'"kind":"reveal"'),
        lambda data: data.replace(b'"format":"fl_chain/1"', b'"format":"fl_chain/2"'),
        lambda data: data.replace(b'"size":"4"', b'"size":"5"'),
        lambda data: data.replace(b'"size":"4"', b'"size":"2"'),
        lambda data: data.replace(b'"size":"4",', b""),
        lambda data: data.replace(b'"size":"4"', b'"size":4  '),
        lambda data: data.replace(b'"round":"7"', b'"round":"07"')[: len(data)],
        lambda data: data.replace(b'"round":"7"', b'"round":7  '),
        lambda data: data.replace(b'"position":"0"', b'"position":"4"'),
        lambda data: data.replace(b'"group":"3"', b'"group":[3]'),
        lambda data: data.replace(b'"U8"', b'"I8"'),
        lambda data: data.replace(b"[4,5,32]", b"[5,4,32]"),
        lambda data: data.replace(b"abab", b"ABAB"),
        lambda data: data.replace(b'{"__meta', b' {"__meta'),
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: data[:8] + b"[]".ljust(1016) + data[1024:],
        lambda data: data[:8] + b"[" * 1016 + data[1024:],
        lambda data: bytes(len(data)),
    ],
)
def test_bytes_that_no_encoder_writes_are_refused(edit: Callable[[bytes], bytes]) -> None:
    data = encode_bundle(make_group(SIZE).bundles[0])
    assert edit(data) != data
    with pytest.raises(MalformedBlob):
        decode_bundle(edit(data))


def test_a_changed_byte_of_the_header_is_refused_or_misbound() -> None:
    bundle = make_group(SIZE).bundles[1]
    data = bytearray(encode_bundle(bundle))
    num_misbound = 0
    for at in range(HEADER_BYTES):
        for flipped in (1, 2, 128):
            data[at] ^= flipped
            try:
                num_misbound += decode_bundle(bytes(data)).member != bundle.member
            except MalformedBlob:
                num_misbound += 0
            else:
                assert decode_bundle(bytes(data)).member != bundle.member
            data[at] ^= flipped
    assert num_misbound > 64


def test_a_changed_byte_of_the_body_leaves_what_a_receiver_has_or_takes_it_away() -> None:
    bundle = make_group(SIZE).bundles[1]
    data = bytearray(encode_bundle(bundle))
    before = open_all(bundle)
    affected: set[int] = set()
    for at in (*range(HEADER_BYTES, len(data), 11), len(data) - 1):
        data[at] ^= 4
        changed = decode_bundle(bytes(data))
        assert changed.member == bundle.member
        for receiver, its in open_all(changed).items():
            assert its in (None, before[receiver])
            affected |= {receiver} if its is None else set()
        data[at] ^= 4
    assert affected == {0, 2, 3}


@pytest.mark.parametrize("column", range(1 + SIZE))
@pytest.mark.parametrize("row", range(3))
def test_a_false_commitment_puts_the_sender_apart_for_whom_it_concerns(
    row: int, column: int
) -> None:
    """The seeds of position 1 are its own, and those with 2 and 3."""
    bundle = make_group(SIZE).bundles[1]
    at = (row * (1 + SIZE) + column) * 32
    false = hashlib.sha256(b"another").digest()
    commitments = bundle.commitments[:at] + false + bundle.commitments[at + 32 :]
    opened = open_all(replace(bundle, commitments=commitments))
    concerned = {1 + row} if column == 0 else {column - 1}
    assert {i for i, its in opened.items() if its is None} == concerned - {1}
