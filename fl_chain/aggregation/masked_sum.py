"""One group of a masked round, as its blobs and updates come in, in any order.

A group ends in one of three ways, which everybody finds who has the same blobs:

- a seed asked for is not told by the bundles and reveals that there are: all its updates are left
  out with it, whatever they are;
- an update is none, or not there: that one is left out for its own reason, the others with the
  group;
- all is there: the sum comes out, and all are included, unless it is out of range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.masked_groups import GroupBlob, GroupRecord
from fl_chain.errors import ValueOutOfRange
from fl_chain.privacy.masking.bundle import SHARES, ShareBundle
from fl_chain.privacy.masking.masks import Lanes
from fl_chain.privacy.masking.recovery import RecoveredSeeds, recover
from fl_chain.privacy.masking.reveal import Reveal
from fl_chain.privacy.masking.unmask import GroupSum
from fl_chain.protocol.report import INCLUDED, ExclusionReason

_GONE = ExclusionReason.GROUP_LEFT_OUT
_Reasons = dict[int, ExclusionReason | None]


@dataclass(frozen=True, slots=True)
class FalseBlob:
    """A bundle or a reveal that is not what its sender had to publish."""

    kind: str
    """``shares`` or ``reveal``."""
    participant: str


class MaskedGroup:
    """What is known of a group with survivors; it holds no more than the sum of its updates.

    Parameters
    ----------
    record
        What is on record of it.
    max_abs
        Largest magnitude of a value of an update.
    """

    def __init__(self, record: GroupRecord, max_abs: int) -> None:
        self.record = record
        self._max_abs = max_abs
        self._blobs = {(blob.kind, blob.position): blob for blob in record.list_blobs()}
        """Those that are not here, and not given up."""
        self._bundles: dict[int, ShareBundle] = {}
        self._reveals: dict[int, Reveal] = {}
        self._refused: list[FalseBlob] = []
        self._recovered: RecoveredSeeds | None = None
        """What follows from the blobs so far; None if it was not asked since the last one."""
        self._told: _Reasons = {}
        """By position: why an update is none, or None if it is in the sum below."""
        self._sum: Lanes | None = None
        self._is_left_out = False
        self._values: NDArray[np.int32] | None = None
        """The weighted sum of the updates."""
        self.statuses: dict[int, int] = {}
        """Sequence number to status, as in a report; none before the group is settled."""

    @property
    def is_settled(self) -> bool:
        """Whether it is known what becomes of its updates."""
        return bool(self.statuses)

    @property
    def pending_blobs(self) -> list[GroupBlob]:
        """Bundles and reveals that are not here and were not given up."""
        return list(self._blobs.values())

    @property
    def has_seeds(self) -> bool:
        """Whether the blobs that are here tell every seed asked for."""
        return self._recover().is_released

    @property
    def false_blobs(self) -> tuple[FalseBlob, ...]:
        """Blobs that are here and are not what they have to be, as far as it shows."""
        recovered, members = self._recover(), self.record.members
        found = {*self._refused}
        found |= {FalseBlob("reveal", members[i]) for i in recovered.false_reveals}
        found |= {FalseBlob(SHARES, members[i]) for i in recovered.false_bundles}
        return tuple(sorted(found, key=lambda blob: (blob.kind, blob.participant)))

    def take_blob(self, blob: GroupBlob, data: bytes | None) -> None:
        """Take a bundle or a reveal, verified against its CID; None is one that is given up.

        One that is malformed, or of somebody else, is as good as none.
        """
        if self.is_settled or self._blobs.pop((blob.kind, blob.position), None) is None:
            return
        self._recovered = None
        if data is not None and not self._keep(blob, data):
            self._refused.append(FalseBlob(blob.kind, blob.participant))
        if not self._blobs:
            self.settle()

    def add(self, position: int, lanes: Lanes) -> None:
        """Add the masked lanes of a survivor's update, whose number and ring the caller checked."""
        if self._is_decided(position):
            return
        self._told[position] = None
        if not self._is_broken:
            self._add_lanes(lanes)
        self._after_update()

    def exclude(self, position: int, reason: ExclusionReason) -> None:
        """Leave a survivor's update out, and its group with it."""
        if not self._is_decided(position):
            self._told[position] = reason
            self._after_update()

    def take_values(self) -> NDArray[np.int32] | None:
        """Return the weighted sum of the updates, once, if it came out."""
        values, self._values = self._values, None
        return values

    def leave_out(self) -> None:
        """Leave the group out, as if a seed of it could not be had."""
        self._is_left_out = True
        self.settle()

    def merge(self, other: MaskedGroup) -> None:
        """Take what another has of the same group: of other updates, and maybe of other blobs."""
        if self.is_settled:
            return
        for key in self._blobs.keys() - other._blobs.keys():
            del self._blobs[key]
        self._recovered = None
        self._bundles |= other._bundles
        self._reveals |= other._reveals
        self._refused += other._refused
        self._told |= other._told
        self._is_left_out |= other._is_left_out
        if self._is_broken:
            self._sum = None
        elif other._sum is not None:
            self._add_lanes(other._sum)
        self.settle()

    def settle(self, *, is_last: bool = False) -> None:
        """Find what becomes of the updates, if that is known by now.

        Parameters
        ----------
        is_last
            Whether nothing more will come: blobs that are not here are given up.

        Raises
        ------
        ValueError
            Nothing more will come, and an update was neither added nor excluded.
        """
        if self.is_settled:
            return
        if is_last:
            self._blobs.clear()
        is_complete = self._told.keys() == self.record.survivors
        everybody_gone: _Reasons = dict.fromkeys(self.record.survivors, _GONE)
        if self._is_left_out:
            self._end(everybody_gone)
        elif self._blobs and not is_complete:
            return
        elif not self.has_seeds:
            if not self._blobs:
                self._end(everybody_gone)
        elif is_complete:
            self._end(self._conclude())
        elif is_last:
            raise ValueError("an update on record was neither added nor excluded")

    def _conclude(self) -> _Reasons:
        """Return what becomes of the updates, all of which were told, as all seeds were."""
        if self._is_broken:
            return {position: reason or _GONE for position, reason in self._told.items()}
        record, lanes = self.record, self._sum
        assert lanes is not None  # noqa: S101 - every update is in it
        bits = 8 * lanes.itemsize
        total = GroupSum(record.place, record.state, self._recover(), lanes.size, bits)
        total.add_sum(record.survivors, lanes)
        try:
            self._values = total.finish(record.total_weight, self._max_abs)
        except ValueOutOfRange:
            return dict.fromkeys(record.survivors, _GONE)
        return self._told

    def _end(self, reasons: _Reasons) -> None:
        self.statuses = {
            record.sequence: reason.status if (reason := reasons[position]) else INCLUDED
            for position, record in self.record.surviving_updates.items()
        }
        self._recover()
        self._sum, self._bundles, self._reveals = None, {}, {}

    @property
    def _is_broken(self) -> bool:
        return any(self._told.values())

    def _add_lanes(self, lanes: Lanes) -> None:
        if self._sum is None:
            self._sum = np.zeros(lanes.size, lanes.dtype.newbyteorder("="))
        np.add(self._sum, lanes, out=self._sum)

    def _after_update(self) -> None:
        if self._is_broken:
            self._sum = None
        if self._told.keys() == self.record.survivors:
            self.settle()

    def _is_decided(self, position: int) -> bool:
        if position not in self.record.survivors:
            raise ValueError(f"position {position} is no survivor")
        return self.is_settled or position in self._told

    def _keep(self, blob: GroupBlob, data: bytes) -> bool:
        """Keep a blob that is what it has to be; return whether it is."""
        if blob.kind == SHARES:
            bundle = self.record.read_bundle(blob.position, data)
            if bundle is not None:
                self._bundles[blob.position] = bundle
            return bundle is not None
        reveal = self.record.read_reveal(blob.position, data)
        if reveal is not None:
            self._reveals[blob.position] = reveal
        return reveal is not None

    def _recover(self) -> RecoveredSeeds:
        if self._recovered is None:
            self._recovered = recover(self.record.state, self._bundles, self._reveals)
        return self._recovered
