"""A group that has shared its seeds, and rounds of it in which members drop out as a test says."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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
from fl_chain.privacy.masking.masks import SeedName, mask_lanes
from fl_chain.privacy.masking.recovery import RecoveredSeeds
from fl_chain.privacy.masking.reveal import Reveal, make_reveal
from fl_chain.privacy.masking.shamir import combine
from fl_chain.privacy.masking.survivors import GroupState, find_survivors
from fl_chain.privacy.masking.unmask import GroupSum
from fl_chain.protocol.encryption import derive_public_key
from fl_chain.protocol.group_sizes import threshold

PLACE = GroupPlace("ab" * 32, 7, 3)
MAX_ABS = 2**15 - 1
NOBODY: frozenset[int] = frozenset()
Apart = Mapping[int, frozenset[int]]


def make_draw(name: str) -> Draw:
    """Bytes that a test can count on."""
    calls = itertools.count()
    return lambda count: hashlib.shake_256(f"{name}/{next(calls)}".encode()).digest(count)


def secret_key(position: int) -> bytes:
    return hashlib.sha256(f"key {position}".encode()).digest()


@functools.cache
def public_key(position: int) -> bytes:
    return derive_public_key(secret_key(position))


def member(size: int, position: int, place: GroupPlace = PLACE) -> GroupMember:
    return GroupMember(place, f"0x{position + 1:040x}", size, position)


@dataclass(frozen=True)
class Group:
    """All that all members of a group know."""

    size: int
    seeds: tuple[tuple[bytes, ...], ...]
    bundles: tuple[ShareBundle, ...]
    received: tuple[dict[int, ReceivedShares], ...]
    """Of each receiver, by senders."""
    own_shares: tuple[tuple[bytes, ...], ...]

    @property
    def everybody(self) -> frozenset[int]:
        return frozenset(range(self.size))

    def seed(self, name: SeedName) -> bytes:
        return self.seeds[name[0]][name[1] - name[0]]

    def received_by(self, state: GroupState, position: int) -> dict[int, ReceivedShares]:
        """What a member has of those sharers that it did not declare apart."""
        apart = state.entered.get(position, NOBODY)
        return {i: its for i, its in self.received[position].items() if i in state.sharers - apart}

    def mask(
        self, state: GroupState, position: int, values: Any, weight: int, ring_bits: int
    ) -> NDArray[Any]:
        received = self.received_by(state, position)
        seeds = self.seeds[position]
        pairs = find_pair_seeds(position, seeds, received)
        return mask_lanes(values, weight, PLACE, position, seeds[0], pairs, ring_bits)

    def reveal(self, state: GroupState, position: int) -> Reveal:
        is_sharer = position in state.sharers
        own = (self.seeds[position], self.own_shares[position]) if is_sharer else ((), ())
        received = self.received_by(state, position)
        return make_reveal(state, member(self.size, position), *own, received)

    def reveals(self, state: GroupState) -> dict[int, Reveal]:
        return {position: self.reveal(state, position) for position in range(self.size)}

    def bundles_of(self, state: GroupState) -> dict[int, ShareBundle]:
        return {position: self.bundles[position] for position in state.sharers}


@functools.cache
def make_group(size: int) -> Group:
    members = [member(size, position) for position in range(size)]
    keys = [public_key(position) for position in range(size)]
    seeds = tuple(draw_seeds(size, i, make_draw(f"seeds of {i}")) for i in range(size))
    bundles, own_shares = zip(
        *(
            make_bundle(its, keys, seeds[its.position], make_draw(f"shares of {its.position}"))
            for its in members
        ),
        strict=True,
    )
    received = tuple(
        {
            sender: open_bundle(bundles[sender], secret_key(receiver), receiver)
            for sender in range(size)
            if sender != receiver
        }
        for receiver in range(size)
    )
    return Group(size, seeds, bundles, received, own_shares)


def make_state(
    size: int,
    absent: Collection[int] = (),
    late: Collection[int] = (),
    apart: Collection[tuple[int, int]] = (),
) -> GroupState:
    """Those absent did not share, those late did not enter; (i, j): i declares j apart."""
    sharers = frozenset(range(size)) - set(absent)
    entered = {
        position: frozenset(other for who, other in apart if who == position)
        for position in sorted(sharers - set(late))
    }
    return GroupState(size, sharers, entered)


def all_states(size: int) -> Iterator[GroupState]:
    """Whoever shares, whoever of them enters, whomever of the sharers they declare apart."""
    for sharers in subsets(range(size)):
        for entered in subsets(sharers):
            choices = [subsets(j for j in sharers if j != i) for i in entered]
            for apart in itertools.product(*choices):
                chosen = dict(zip(entered, map(frozenset, apart), strict=True))
                yield GroupState(size, frozenset(sharers), chosen)


def surviving_states(size: int) -> Iterator[GroupState]:
    """All states with survivors, and for each set of mutual pairs without any, one.

    Whether there are survivors depends on who is mutual alone; that is what this rests on.
    """
    for sharers in subsets(range(size)):
        for entered in subsets(sharers):
            pairs = list(itertools.combinations(entered, 2))
            outside = [(i, j) for i in entered for j in sharers if j not in entered]
            for apart in subsets(pairs):
                plain = _state(size, sharers, entered, apart)
                if not find_survivors(plain):
                    yield plain
                    continue
                kinds = [((i, j),) for i, j in apart], [((j, i),) for i, j in apart]
                both = [((i, j), (j, i)) for i, j in apart]
                for chosen in itertools.product(*zip(*kinds, both, strict=True)):
                    for others in subsets(outside):
                        declared = (*itertools.chain(*chosen), *others)
                        yield _state(size, sharers, entered, declared)


def subsets(items: Any) -> list[tuple[Any, ...]]:
    listed = list(items)
    counts = range(len(listed) + 1)
    return [chosen for count in counts for chosen in itertools.combinations(listed, count)]


def unmask(
    state: GroupState,
    recovered: RecoveredSeeds,
    masked: Mapping[int, NDArray[Any]],
    weights: Mapping[int, int],
    ring_bits: int,
) -> NDArray[np.int32]:
    survivors = find_survivors(state)
    total = GroupSum(PLACE, state, recovered, len(next(iter(masked.values()))), ring_bits)
    for position in survivors:
        total.add(position, masked[position])
    return total.finish(sum(weights[position] for position in survivors), MAX_ABS)


def seen_names(
    group: Group, reveals: Iterable[Reveal], liars: Collection[int] = ()
) -> set[SeedName]:
    """Return the seeds that follow from all that is published, and all that liars know."""
    seen: set[SeedName] = set()
    shares: dict[SeedName, dict[int, bytes]] = {}
    for reveal in reveals:
        for name, item in reveal.items.items():
            if item.is_seed:
                seen.add(name)
            else:
                shares.setdefault(name, {})[reveal.member.position] = item.value
    for liar in liars:
        seen |= {(liar, peer) for peer in range(liar, group.size)}
        for sender, its in group.received[liar].items():
            if its.pair_seed is not None:
                seen.add((sender, liar))
            for row, share in enumerate(its.shares):
                shares.setdefault((sender, sender + row), {})[liar] = share
    needed = threshold(group.size)
    for name, held in shares.items():
        if len(held) >= needed:
            assert combine(held, needed) == group.seed(name)
            seen.add(name)
    return seen


def _state(size: int, sharers: Any, entered: Any, apart: Any) -> GroupState:
    absent = set(range(size)) - set(sharers)
    late = set(sharers) - set(entered)
    return make_state(size, absent, late, apart)
