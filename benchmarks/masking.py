"""What masked rounds cost: a participant before and after training, and whoever takes masks off.

    .venv/bin/python -m benchmarks.masking [--participants 100] [--group-size 16]
        [--values 1000000] [--dropped 10] [--times 5]

Processor time of one process, medians. The participant is the first of the largest group, who
draws the most seeds. Dropped participants have shared their seeds and enter nothing; they are
spread over the groups. Unmasking is all groups together: recovery of seeds, sums and masks; reading
and fetching of updates are not in it. Groups come one after another, so memory does not grow with
the participants but for their seeds: its peak is printed last.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from fl_chain.privacy.masking.bundle import (
    Draw,
    ReceivedShares,
    ShareBundle,
    compute_bundle_bytes,
    draw_seeds,
    encode_bundle,
    find_pair_seeds,
    make_bundle,
    open_bundle,
)
from fl_chain.privacy.masking.groups import GroupMember, GroupPlace, draw_groups
from fl_chain.privacy.masking.masks import Lanes, mask_lanes
from fl_chain.privacy.masking.recovery import recover
from fl_chain.privacy.masking.reveal import Reveal, encode_reveal, make_reveal
from fl_chain.privacy.masking.survivors import GroupState, list_questions
from fl_chain.privacy.masking.unmask import GroupSum
from fl_chain.protocol.encryption import derive_public_key

RING_BITS = 32
WEIGHT = 100
MAX_ABS = 2**15 - 1


@dataclass(frozen=True)
class Shared:
    """A group all of whose members have shared their seeds."""

    place: GroupPlace
    members: list[GroupMember]
    secrets: list[bytes]
    keys: list[bytes | None]
    seeds: list[tuple[bytes, ...]]
    bundles: list[ShareBundle]
    own_shares: list[tuple[bytes, ...]]
    received: list[dict[int, ReceivedShares]]


def share(number: int, group: tuple[str, ...], draw: Draw) -> Shared:
    """Let all members of a group publish their bundles and open the others'."""
    place = GroupPlace("00" * 32, 1, number)
    size = len(group)
    members = [GroupMember(place, who, size, i) for i, who in enumerate(group)]
    secrets = [hashlib.sha256(who.encode()).digest() for who in group]
    keys: list[bytes | None] = [derive_public_key(secret) for secret in secrets]
    seeds = [draw_seeds(size, i, draw) for i in range(size)]
    made = [make_bundle(its, keys, seeds[its.position], draw) for its in members]
    bundles = [bundle for bundle, _ in made]
    received = [
        {j: open_bundle(bundles[j], secrets[i], i) for j in range(size) if j != i}
        for i in range(size)
    ]
    own_shares = [own for _, own in made]
    return Shared(place, members, secrets, keys, seeds, bundles, own_shares, received)


def mask(shared: Shared, position: int, values: Any) -> Lanes:
    """Return the masked lanes of a member that could open all bundles."""
    seeds = shared.seeds[position]
    pairs = find_pair_seeds(position, seeds, shared.received[position])
    return mask_lanes(values, WEIGHT, shared.place, position, seeds[0], pairs, RING_BITS)


def reveal(shared: Shared, state: GroupState, position: int) -> Reveal:
    """Return what a member tells."""
    own = shared.seeds[position], shared.own_shares[position], shared.received[position]
    return make_reveal(state, shared.members[position], *own)


def unmask(
    shared: Shared, state: GroupState, reveals: Mapping[int, Reveal], masked: Mapping[int, Lanes]
) -> Any:
    """Return the sum of a group."""
    found = recover(state, dict(enumerate(shared.bundles)), reveals)
    num_lanes = next(iter(masked.values())).size
    total = GroupSum(shared.place, state, found, num_lanes, RING_BITS)
    for position, lanes in masked.items():
        total.add(position, lanes)
    return total.finish(WEIGHT * len(masked), MAX_ABS)


def measure(work: Callable[[], Any], times: int) -> float:
    """Return the processor time that it takes, in seconds: the median of so many."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return median(taken)


def measure_participant(shared: Shared, values: Any, draw: Draw, times: int) -> dict[str, float]:
    """Return the seconds that each step takes the first member of a group."""
    member, keys, seeds = shared.members[0], shared.keys, shared.seeds[0]
    others, secret = shared.bundles[1:], shared.secrets[0]
    works: dict[str, Callable[[], Any]] = {
        "make its bundle": lambda: encode_bundle(make_bundle(member, keys, seeds, draw)[0]),
        "open the others": lambda: [open_bundle(bundle, secret, 0) for bundle in others],
        "mask its update": lambda: mask(shared, 0, values),
    }
    return {name: measure(work, times) for name, work in works.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=100)
    parser.add_argument("--group-size", type=int, default=16)
    parser.add_argument("--values", type=int, default=1_000_000)
    parser.add_argument("--dropped", type=int, default=10)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    addresses = [f"0x{number:040x}" for number in range(arguments.participants)]
    groups = draw_groups(bytes(32), addresses, arguments.group_size)
    values = random.integers(-MAX_ABS, MAX_ABS + 1, arguments.values).astype(np.int16)
    shares = [share(number, group, random.bytes) for number, group in enumerate(groups)]

    size = len(groups[0])
    print(
        f"participant: group of {size}, {arguments.values:,} values of {RING_BITS} bits", end=", "
    )
    print(f"median of {arguments.times}")
    steps = measure_participant(shares[0], values, random.bytes, arguments.times)
    for name, seconds in (steps | {"together": sum(steps.values())}).items():
        print(f"  {name:<20}{seconds:>8.3f} s")

    total, num_masks, reveal_bytes = 0.0, 0, []
    for number, shared in enumerate(shares):
        positions = range(len(shared.members))
        entered = [i for i in positions if i * len(groups) + number >= arguments.dropped]
        state = GroupState(
            len(positions), frozenset(positions), dict.fromkeys(entered, frozenset())
        )
        reveals = {i: reveal(shared, state, i) for i in entered}
        masked = {i: mask(shared, i, values) for i in entered}
        plain = len(entered) * WEIGHT * values.astype(np.int64)
        assert np.array_equal(unmask(shared, state, reveals, masked), plain)
        total += measure(partial(unmask, shared, state, reveals, masked), arguments.times)
        num_masks += len(list_questions(state).names)
        reveal_bytes += [len(encode_reveal(its)) for its in reveals.values()]
    print(
        f"unmasking: {arguments.participants} participants, {arguments.dropped} dropped", end=", "
    )
    print(f"{len(groups)} groups, {num_masks} masks")
    print(f"  {'all groups':<20}{total:>8.3f} s")
    bundle_bytes = [compute_bundle_bytes(size, position) for position in range(size)]
    print(f"bytes: bundle {bundle_bytes[-1]:,} to {bundle_bytes[0]:,}", end=", ")
    print(f"reveal {min(reveal_bytes):,} to {max(reveal_bytes):,}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"memory: {peak / 1024:,.0f} MiB at most, {len(groups)} groups one after another")


if __name__ == "__main__":
    main()
