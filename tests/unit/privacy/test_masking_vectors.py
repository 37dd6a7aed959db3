"""Masks, shares, groups, bundles and reveals, as another implementation would meet them."""

from __future__ import annotations

from typing import Any

import pytest

from fl_chain.errors import MalformedBlob
from fl_chain.privacy.masking.bundle import (
    ShareBundle,
    compute_bundle_bytes,
    decode_bundle,
    encode_bundle,
    open_bundle,
)
from fl_chain.privacy.masking.groups import GroupMember, GroupPlace, draw_groups
from fl_chain.privacy.masking.masks import expand_mask, pair_label, self_label
from fl_chain.privacy.masking.recovery import find_dealt_seed
from fl_chain.privacy.masking.reveal import Reveal, RevealedItem, decode_reveal, encode_reveal
from fl_chain.privacy.masking.shamir import combine, split
from fl_chain.privacy.masking.survivors import GroupState, find_survivors, list_questions
from tests import golden

VECTORS = golden.load("masks/masks.json")
BUNDLES = golden.load("masks/bundles.json")
REVEALS = golden.load("masks/reveals.json")


def member_of(case: dict[str, Any]) -> GroupMember:
    place = GroupPlace(case["task"], case["round"], case["group"])
    return GroupMember(place, case["participant"], case["size"], case["position"])


@pytest.mark.parametrize("case", VECTORS["masks"])
def test_masks_are_the_golden_lanes(case: dict[str, Any]) -> None:
    place, low, high = GroupPlace(case["task"], case["round"], case["group"]), *ends(case)
    label = self_label(place, low) if low == high else pair_label(place, low, high)
    seed, count = bytes.fromhex(case["seed"]), len(case["lanes"])
    assert expand_mask(seed, label, count, case["ring_bits"]).tolist() == case["lanes"]


def ends(case: dict[str, Any]) -> tuple[int, int]:
    return case["low"], case["high"]


@pytest.mark.parametrize("case", VECTORS["shares"])
def test_shares_are_the_golden_bytes_and_any_of_them_tell_the_secret(case: dict[str, Any]) -> None:
    secret, needed = bytes.fromhex(case["secret"]), case["threshold"]
    coefficients = b"".join(map(bytes.fromhex, case["coefficients"]))
    shares = [bytes.fromhex(share) for share in case["shares"]]
    assert list(split(secret, needed, len(shares), coefficients)) == shares
    held = dict(enumerate(shares))
    assert combine(held, needed) == secret
    assert combine(dict(list(held.items())[-needed:]), needed) == secret


@pytest.mark.parametrize("case", **golden.named(VECTORS["dealings"], "reason"))
def test_shares_tell_a_seed_exactly_if_all_that_is_committed_to_is_consistent(
    case: dict[str, Any],
) -> None:
    size, place = case["size"], GroupPlace("ab" * 32, 1, 0)
    owner = GroupMember(place, "0x" + "0a" * 20, size, size - 1)
    bundle = ShareBundle(owner, b"".join(map(bytes.fromhex, case["commitments"])), b"")
    name = owner.position, owner.position
    shares = {one["position"]: bytes.fromhex(one["share"]) for one in case["shares"]}
    assert all(bundle.is_share(name, i, share) for i, share in shares.items())
    found = find_dealt_seed(bundle, name, shares)
    assert (found.hex() if found else None) == case["seed"]


@pytest.mark.parametrize("case", VECTORS["groups"])
def test_groups_are_the_golden_ones(case: dict[str, Any]) -> None:
    groups = draw_groups(bytes.fromhex(case["seed"]), case["members"], case["group_size"])
    assert [list(group) for group in groups] == case["groups"]


@pytest.mark.parametrize("case", VECTORS["records"])
def test_survivors_and_questions_are_the_golden_ones(case: dict[str, Any]) -> None:
    entered = {entry["position"]: frozenset(entry["apart"]) for entry in case["entered"]}
    state = GroupState(case["size"], frozenset(case["sharers"]), entered)
    assert sorted(find_survivors(state)) == case["survivors"]
    questions = list_questions(state)
    carriers = {(i, i): i for i in questions.self_positions} | dict(questions.pairs)
    expected = {ends(one): one["carrier"] for one in case["questions"]}
    assert carriers == expected
    assert list(questions.names) == list(expected)


@pytest.mark.parametrize("case", BUNDLES["cases"])
def test_a_bundle_is_opened_by_its_receivers_and_has_its_golden_bytes(case: dict[str, Any]) -> None:
    data = golden.blob_of(case["parts"])
    bundle = decode_bundle(data)
    assert bundle.member == member_of(case)
    assert encode_bundle(bundle) == data
    assert len(data) == case["bytes"] == compute_bundle_bytes(case["size"], case["position"])
    seeds = [bytes.fromhex(seed) for seed in case["seeds"]]
    sender = case["position"]
    opened = {
        other["position"]: open_bundle(bundle, bytes.fromhex(other["secret"]), other["position"])
        for other in BUNDLES["cases"]
        if other is not case
    }
    for position, its in opened.items():
        assert its.pair_seed == (seeds[position - sender] if position > sender else None)
    for row, seed in enumerate(seeds):
        name = sender, sender + row
        assert bundle.is_seed(name, seed)
        assert bundle.is_share(name, sender, bytes.fromhex(case["own_shares"][row]))
        assert all(bundle.is_share(name, i, its.shares[row]) for i, its in opened.items())


@pytest.mark.parametrize("case", REVEALS["cases"])
def test_a_reveal_has_its_golden_bytes(case: dict[str, Any]) -> None:
    items = {
        ends(item): RevealedItem(item["is_seed"], bytes.fromhex(item["value"]))
        for item in case["items"]
    }
    data = golden.blob_of(case["parts"])
    assert encode_reveal(Reveal(member_of(case), items)) == data
    assert decode_reveal(data) == Reveal(member_of(case), items)


@pytest.mark.parametrize("case", **golden.named(BUNDLES["refused"], "reason"))
def test_other_bytes_are_no_bundle(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedBlob):
        decode_bundle(golden.blob_of(case["parts"]))


@pytest.mark.parametrize("case", **golden.named(REVEALS["refused"], "reason"))
def test_other_bytes_are_no_reveal(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedBlob):
        decode_reveal(golden.blob_of(case["parts"]))
