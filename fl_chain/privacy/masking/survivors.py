"""Survivors: whose updates are in the sum of a group, and which seeds have to be told for it.

All of it follows from what is on record, so that everybody asks the same. Two members are *mutual*
if both entered and neither declared the other apart: then their pair's mask cancels. A survivor has
at least as many mutual partners among the survivors as make the threshold with itself. Its self
seed is told, so these pairs are all that hides it, and nobody asks for their seeds; without them, a
member whom others declare apart would stand with its self mask alone. And as they hold shares of
its self seed, that can be told. With so many, and fewer than a third of the group lying, the honest
survivors are connected by pairs of which no liar knows the seed: nothing but the sum of all of them
comes out.

**Never both kinds about one member.** The self seed of a position is asked for if and only if it
survives. A pair seed is asked for if exactly one survivor's lanes still hold its mask: the other
end does not survive, or it declared this one apart.

Source: round 4 of Bonawitz et al. 2017 (https://eprint.iacr.org/2017/281), figure 4; partners
counted one by one because pairs can be missing here, as in Bell et al. 2020
(https://eprint.iacr.org/2020/704).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fl_chain.privacy.masking.groups import MIN_MEMBERS
from fl_chain.privacy.masking.masks import SeedName
from fl_chain.protocol.group_sizes import threshold


@dataclass(frozen=True, slots=True)
class GroupState:
    """What is on record of a group once no masked update can enter any more."""

    size: int
    """Members of the group, at least 1."""
    sharers: frozenset[int]
    """Positions whose share bundle came in time."""
    entered: Mapping[int, frozenset[int]]
    """Positions whose masked update came in time, each with those that it declared apart. Who did
    not share cannot enter; it, a position apart from itself, or one that did not share, is passed
    over."""

    def find_peers(self, position: int) -> frozenset[int]:
        """Return with whom a member that entered has masked: all sharers not apart for it."""
        return self.sharers - {position} - self.entered[position]


@dataclass(frozen=True, slots=True)
class Questions:
    """The seeds that have to be told."""

    self_positions: tuple[int, ...]
    """Whose self seeds: those of the survivors, ascending."""
    pairs: Mapping[SeedName, int]
    """Which pair seeds, ascending, and by each the survivor whose lanes hold the mask."""

    @property
    def names(self) -> tuple[SeedName, ...]:
        """All of them, ascending."""
        return tuple(sorted([*((i, i) for i in self.self_positions), *self.pairs]))


def find_survivors(state: GroupState) -> frozenset[int]:
    """Return whose updates are in the sum; nobody's if the group is left out.

    That is the largest set in which every member has enough mutual partners. It is unique, since
    the union of two such sets is another, and taking out who has too few, in any order, ends there.
    Fewer of them than the threshold, or than three, release nothing.
    """
    return _prune(state, _find_partners(state))


def list_questions(state: GroupState) -> Questions:
    """Return which seeds have to be told, so that the sum of the survivors comes out.

    Examples
    --------
    >>> nobody = frozenset()
    >>> state = GroupState(4, frozenset(range(4)), {0: nobody, 1: nobody, 3: frozenset({2})})
    >>> list_questions(state)
    Questions(self_positions=(0, 1, 3), pairs={(0, 2): 0, (1, 2): 1})
    """
    partners = _find_partners(state)
    survivors = _prune(state, partners)
    pairs = {
        (min(position, peer), max(position, peer)): position
        for position in survivors
        for peer in state.find_peers(position) - (partners[position] & survivors)
    }
    return Questions(tuple(sorted(survivors)), dict(sorted(pairs.items())))


def _prune(state: GroupState, partners: Mapping[int, frozenset[int]]) -> frozenset[int]:
    needed, remaining = threshold(state.size), frozenset(partners)
    while lonely := {i for i in remaining if len(partners[i] & remaining) < needed - 1}:
        remaining -= lonely
    return remaining if len(remaining) >= max(MIN_MEMBERS, needed) else frozenset()


def _find_partners(state: GroupState) -> dict[int, frozenset[int]]:
    """Return the mutual partners of each position that entered: none of one that did not share."""
    peers = {i: state.find_peers(i) for i in state.entered}
    return {i: frozenset(j for j in peers[i] & peers.keys() if i in peers[j]) for i in peers}
