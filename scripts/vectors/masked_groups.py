"""Masked groups at work: what each member draws, pins and tells, from tests/reference_masks.py.

Whoever uses this says who drops out, and puts something else in the place of what is pinned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from scripts.vectors.sealed import KEYS, encapsulated
from tests import reference_encryption as encryption
from tests import reference_masks as masks
from tests.reference_masks import Record, Seat


class MaskedGroups:
    """The groups of one round, and what is on record of them so far."""

    def __init__(
        self, task: str, number: int, seed: bytes, members: Sequence[str], group_size: int
    ) -> None:
        self.groups = masks.draw(seed, list(members), group_size)
        self.seats = {
            who: Seat(task, number, group, who, len(drawn), position)
            for group, drawn in enumerate(self.groups)
            for position, who in enumerate(drawn)
        }
        self._keys = {who: index % len(KEYS) for index, who in enumerate(members)}
        self.shared: list[str] = []
        self.entered: dict[str, Collection[int]] = {}
        """Who masked, and the positions that it declared apart."""

    def key_of(self, who: str) -> encryption.Key:
        """Return the pair of keys under which others encrypt to a member; some have the same."""
        return KEYS[self._keys[who]]

    def record(self, group: int) -> Record:
        """Return what is on record of a group."""
        members = self.groups[group]
        return Record(
            len(members),
            [position for position, who in enumerate(members) if who in self.shared],
            {i: self.entered[who] for i, who in enumerate(members) if who in self.entered},
        )

    def seeds_of(self, who: str) -> list[bytes]:
        """Return what a member draws: its self seed, then those of its pairs by ascending peer."""
        seat = self.seats[who]
        drawn = range(seat.position, seat.size)
        return [_draw(f"seed {peer} of {who} in round {seat.round}", 32) for peer in drawn]

    def own_shares_of(self, who: str) -> list[bytes]:
        """Return the shares of its own seeds that a member holds itself."""
        seat = self.seats[who]
        rows = range(seat.size - seat.position)
        return [self._share(who, row, seat.position) for row in rows]

    def share(self, who: str) -> tuple[bytes, bytes]:
        """Return header and data of a member's bundle, which is then on record."""
        self.shared.append(who)
        return self.bundle(who)

    def bundle(self, who: str) -> tuple[bytes, bytes]:
        """Return header and data of the bundle that a member pins."""
        seat = self.seats[who]

        def encrypt(receiver: int, context: bytes, content: bytes) -> bytes:
            number = self._keys[self.groups[seat.group][receiver]]
            ephemeral = hashlib.sha256(context).digest()
            sent = encapsulated(number, ephemeral)
            return encryption.seal(KEYS[number], sent, context, content)

        coefficients = [self._coefficients(who, row) for row in range(seat.size - seat.position)]
        parts = masks.bundle_tensors(seat, self.seeds_of(who), coefficients, encrypt)
        return masks.bundle_header(seat, parts[1]), b"".join(parts)

    def enter(
        self, who: str, weighted: Sequence[int], ring_bits: int, apart: Collection[int] = ()
    ) -> list[int]:
        """Return the masked lanes of a member, which is then on record as having entered."""
        self.entered[who] = apart
        seat = self.seats[who]
        seeds = self._pair_seeds(who)
        return masks.masked_lanes(seat, weighted, self.seeds_of(who)[0], seeds, ring_bits)

    def tell(self, who: str) -> dict[masks.SeedName, masks.Item]:
        """Return what a member that entered tells, once everybody has entered."""
        seat = self.seats[who]

        def share_of(name: masks.SeedName) -> bytes:
            owner = self.groups[seat.group][name[0]]
            return self._share(owner, name[1] - name[0], seat.position)

        record, seeds = self.record(seat.group), self._pair_seeds(who)
        return masks.list_told(record, seat.position, share_of, seeds)

    def reveal(self, who: str) -> tuple[bytes, bytes]:
        """Return header and data of the reveal that a member pins."""
        items = self.tell(who)
        return masks.reveal_header(self.seats[who], len(items)), masks.reveal_items(items)

    def _pair_seeds(self, who: str) -> dict[int, bytes]:
        seat = self.seats[who]
        seeds = {}
        for peer in self.record(seat.group).peers(seat.position):
            low, high = sorted((seat.position, peer))
            seeds[peer] = self.seeds_of(self.groups[seat.group][low])[high - low]
        return dict(sorted(seeds.items()))

    def _share(self, owner: str, row: int, position: int) -> bytes:
        return masks.share(self.seeds_of(owner)[row], self._coefficients(owner, row), position)

    def _coefficients(self, who: str, row: int) -> bytes:
        seat = self.seats[who]
        size = 32 * (masks.threshold(seat.size) - 1)
        return _draw(f"coefficients {row} of {who} in round {seat.round}", size)


def _draw(name: str, size: int) -> bytes:
    """Return bytes that another implementation need not draw: the vectors give what it needs."""
    return hashlib.shake_256(name.encode()).digest(size)
