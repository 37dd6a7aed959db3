"""Recovery: the seeds that were asked for, from what members have told.

A seed is known if somebody told it, or if the threshold of its shares tells it; either way its hash
has to be the one that its owner committed to. Every item is held against the commitments on its
own, so a false one does no harm but to the name of its sender. If one seed stays unknown, the group
is left out of the round: there is no second set of questions, as the answers to both could together
take masks off.

An owner can commit to shares of which some tell the seed and some do not. So shares tell a seed
only if all shares committed to, also those that nobody has told, are of one polynomial: which of
them have come then decides whether a seed is known, never which seed, and no share that comes later
makes a known one unknown. Whoever has seen more of a round agrees with whoever has seen enough.

Source: round 4 of Bonawitz et al. 2017 (https://eprint.iacr.org/2017/281), figure 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fl_chain.privacy.masking.bundle import ShareBundle
from fl_chain.privacy.masking.masks import SeedName
from fl_chain.privacy.masking.reveal import Reveal
from fl_chain.privacy.masking.shamir import combine, complete
from fl_chain.privacy.masking.survivors import GroupState, list_questions
from fl_chain.protocol.group_sizes import threshold


@dataclass(frozen=True, slots=True)
class RecoveredSeeds:
    """What came out of the reveals of a group."""

    seeds: Mapping[SeedName, bytes]
    """Seeds asked for that are known."""
    missing: tuple[SeedName, ...]
    """Those that are not, ascending."""
    false_reveals: frozenset[int]
    """Positions that told something else than what bundles commit to."""
    false_bundles: frozenset[int]
    """Positions that committed to shares not all of which tell the seed committed to."""

    @property
    def is_released(self) -> bool:
        """Whether the sum of the group comes out; otherwise the group is left out of the round."""
        return bool(self.seeds) and not self.missing


@dataclass(slots=True)
class _Answer:
    """What was told of one seed, all of it committed to."""

    seed: bytes | None = None
    shares: dict[int, bytes] = field(default_factory=dict)


def recover(
    state: GroupState, bundles: Mapping[int, ShareBundle], reveals: Mapping[int, Reveal]
) -> RecoveredSeeds:
    """Return the seeds that are asked for, as far as they were told.

    It is the same for everybody who has the same bundles and reveals. What nobody asked for is
    passed over.

    Parameters
    ----------
    state
        What is on record.
    bundles
        Of sharers by position, each held against who has it on record; those missing or malformed
        left out, and of what they commit to nothing can be recovered.
    reveals
        By position, each held against who has it on record.
    """
    answers = {name: _Answer() for name in list_questions(state).names}
    usable = {i: bundle for i, bundle in bundles.items() if _stands_at(state, i, bundle)}
    false_reveals = frozenset(
        position
        for position, reveal in reveals.items()
        if not _take(reveal, position, usable, answers)
    )
    needed, seeds, false_bundles = threshold(state.size), dict[SeedName, bytes](), set[int]()
    for name, answer in answers.items():
        if answer.seed is not None:
            seeds[name] = answer.seed
        elif len(answer.shares) >= needed:
            seed = find_dealt_seed(usable[name[0]], name, answer.shares)
            if seed is None:
                false_bundles.add(name[0])
            else:
                seeds[name] = seed
    missing = tuple(name for name in answers if name not in seeds)
    return RecoveredSeeds(seeds, missing, false_reveals, frozenset(false_bundles))


def find_dealt_seed(
    bundle: ShareBundle, name: SeedName, shares: Mapping[int, bytes]
) -> bytes | None:
    """Return the seed that shares tell, if all that its owner commits to is of one polynomial.

    Any threshold of shares gives the same answer.

    Parameters
    ----------
    bundle
        Of the owner.
    name
        Of the seed.
    shares
        By position: as many as the threshold or more, each of them committed to.
    """
    needed, size = threshold(bundle.member.size), bundle.member.size
    seed = combine(shares, needed)
    completed = enumerate(complete(shares, needed, size))
    are_shares = all(bundle.is_share(name, holder, share) for holder, share in completed)
    return seed if are_shares and bundle.is_seed(name, seed) else None


def _stands_at(state: GroupState, position: int, bundle: ShareBundle) -> bool:
    return (bundle.member.size, bundle.member.position) == (state.size, position)


def _take(
    reveal: Reveal,
    position: int,
    bundles: Mapping[int, ShareBundle],
    answers: Mapping[SeedName, _Answer],
) -> bool:
    """Add what a reveal tells to the answers; return whether all that can be checked is true."""
    if reveal.member.position != position:
        return False
    is_true = True
    for name, item in reveal.items.items():
        answer, bundle = answers.get(name), bundles.get(name[0])
        if answer is None or bundle is None:
            continue
        if item.is_seed and bundle.is_seed(name, item.value):
            answer.seed = item.value
        elif not item.is_seed and bundle.is_share(name, position, item.value):
            answer.shares[position] = item.value
        else:
            is_true = False
    return is_true
