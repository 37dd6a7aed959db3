"""One group of a masked round in which everybody takes part: masks on, and off its sum.

All of it is what members and aggregators compute, from the seeds to the sum:
:mod:`fl_chain.privacy.masking`, after Bonawitz et al. 2017 (https://eprint.iacr.org/2017/281).
Only chance is another: it follows from a seed, so that experiments can be repeated.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fl_chain.privacy.masking.bundle import (
    Draw,
    ReceivedShares,
    ShareBundle,
    draw_seeds,
    find_pair_seeds,
    make_bundle,
    open_bundle,
)
from fl_chain.privacy.masking.groups import GroupMember, GroupPlace
from fl_chain.privacy.masking.masks import Lanes, choose_ring_bits, mask_lanes
from fl_chain.privacy.masking.recovery import recover
from fl_chain.privacy.masking.reveal import make_reveal
from fl_chain.privacy.masking.survivors import GroupState
from fl_chain.privacy.masking.unmask import GroupSum
from fl_chain.protocol.encryption import SECRET_BYTES, derive_public_key

PLACE = GroupPlace("00" * 32, 1, 0)


@dataclass(frozen=True, slots=True)
class DealtGroup:
    """What the members of a group have once all have shared, by their positions."""

    members: tuple[GroupMember, ...]
    seeds: tuple[tuple[bytes, ...], ...]
    bundles: tuple[ShareBundle, ...]
    own_shares: tuple[tuple[bytes, ...], ...]
    received: tuple[dict[int, ReceivedShares], ...]


@functools.lru_cache(maxsize=32)
def deal(size: int, seed: int) -> DealtGroup:
    """Return a group of so many members, 3 to 127, that have shared their seeds."""
    draw = _make_draw(seed)
    members = tuple(GroupMember(PLACE, f"0x{i + 1:040x}", size, i) for i in range(size))
    secrets = [draw(SECRET_BYTES) for _ in members]
    keys = [derive_public_key(secret) for secret in secrets]
    seeds = tuple(draw_seeds(size, i, draw) for i in range(size))
    made = [make_bundle(one, keys, seeds[one.position], draw) for one in members]
    bundles = tuple(bundle for bundle, _ in made)
    received = tuple(
        {
            bundle.member.position: open_bundle(bundle, secret, i)
            for bundle in bundles
            if bundle.member.position != i
        }
        for i, secret in enumerate(secrets)
    )
    return DealtGroup(members, seeds, bundles, tuple(shares for _, shares in made), received)


def mask(group: DealtGroup, position: int, values: NDArray[np.integer], max_abs: int) -> Lanes:
    """Return the masked lanes of a member's update, of weight 1."""
    seeds = group.seeds[position]
    pairs = find_pair_seeds(position, seeds, group.received[position])
    bits = _ring_bits(group, max_abs)
    return mask_lanes(values, 1, PLACE, position, seeds[0], pairs, bits)


def unmask(group: DealtGroup, masked: Sequence[Lanes], max_abs: int) -> NDArray[np.int32]:
    """Return the sum that comes out of the masked lanes of all members."""
    everybody = range(len(group.members))
    state = GroupState(
        len(group.members), frozenset(everybody), dict.fromkeys(everybody, frozenset[int]())
    )
    reveals = {
        i: make_reveal(
            state, group.members[i], group.seeds[i], group.own_shares[i], group.received[i]
        )
        for i in everybody
    }
    recovered = recover(state, dict(enumerate(group.bundles)), reveals)
    total = GroupSum(PLACE, state, recovered, masked[0].size, _ring_bits(group, max_abs))
    for position, lanes in enumerate(masked):
        total.add(position, lanes)
    return total.finish(len(group.members), max_abs)


def _ring_bits(group: DealtGroup, max_abs: int) -> int:
    """Return the bits of a masked lane, as a task that asks for such groups would have."""
    return choose_ring_bits((2 * len(group.members) - 1) * max_abs)


def _make_draw(seed: int) -> Draw:
    calls = itertools.count()
    return lambda count: hashlib.shake_256(f"{seed}/{next(calls)}".encode()).digest(count)
