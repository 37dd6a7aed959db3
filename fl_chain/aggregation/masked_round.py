"""A masked round: its groups, of which those that are settled go into the round's sum.

In memory is a partial sum for every group that is begun and not settled: one, if the updates come
group by group, each after the blobs of its group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fl_chain.aggregation.masked_groups import GroupBlob, GroupRecord
from fl_chain.aggregation.masked_sum import MaskedGroup
from fl_chain.aggregation.round_blobs import read_masked_lanes
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.report import INCLUDED, STATUSES, ExclusionReason


class MaskedRound:
    """What is known of a masked round.

    Parameters
    ----------
    manifest
        The task.
    groups
        All of its groups; those without survivors are passed over.
    """

    def __init__(self, manifest: Manifest, groups: Iterable[GroupRecord]) -> None:
        self._manifest = manifest
        self.records = tuple(group for group in groups if group.survivors)
        self._groups = {
            group.number: MaskedGroup(group, manifest.encoding.max_abs) for group in self.records
        }
        """Those that are not in the sum, nor known to be left out."""
        self._places = {
            record.sequence: (group.number, position)
            for group in self.records
            for position, record in group.surviving_updates.items()
        }
        self._settled: dict[int, MaskedGroup] = {}
        self._fresh: list[MaskedGroup] = []
        """Those settled that nobody has taken into a sum."""

    def is_paired(self, sequence: int) -> bool:
        """Return whether an update is that of a survivor."""
        return sequence in self._places

    def group(self, number: int) -> MaskedGroup:
        """Return what is known of a group with survivors."""
        return self._settled.get(number) or self._groups[number]

    def group_of(self, sequence: int) -> MaskedGroup:
        """Return what is known of the group of a survivor's update."""
        return self.group(self._places[sequence][0])

    def reason_of(self, sequence: int) -> ExclusionReason | None:
        """Return why an update is left out; None if it is not, or that is not known yet."""
        if sequence not in self._places:
            return ExclusionReason.UNPAIRED
        return STATUSES[self.group_of(sequence).statuses.get(sequence, INCLUDED)]

    def take_blob(self, blob: GroupBlob, data: bytes | None) -> None:
        """Take a bundle or a reveal; see :meth:`MaskedGroup.take_blob`."""
        self.group(blob.group).take_blob(blob, data)
        self._note(blob.group)

    def add(self, sequence: int, data: bytes) -> None:
        """Add a survivor's update, a blob that the caller has checked."""
        number, position = self._places[sequence]
        self.group(number).add(position, read_masked_lanes(self._manifest, data))
        self._note(number)

    def exclude(self, sequence: int, reason: ExclusionReason) -> None:
        """Leave a survivor's update out; its whole group, if that is the reason."""
        number, position = self._places[sequence]
        if reason == ExclusionReason.GROUP_LEFT_OUT:
            self.group(number).leave_out()
        else:
            self.group(number).exclude(position, reason)
        self._note(number)

    def take_settled(self) -> list[MaskedGroup]:
        """Return the groups that were settled since this was asked last."""
        settled, self._fresh = self._fresh, []
        return settled

    def close(self) -> None:
        """Settle every group: nothing more will come.

        Raises
        ------
        ValueError
            An update was neither added nor excluded.
        """
        for number, group in list(self._groups.items()):
            group.settle(is_last=True)
            self._note(number)

    @property
    def unsettled(self) -> tuple[MaskedGroup, ...]:
        """The groups of which something is missing; they are shared."""
        return tuple(self._groups.values())

    def merge(self, groups: Iterable[MaskedGroup], settled: Mapping[int, int]) -> None:
        """Take what others have of the same round.

        Parameters
        ----------
        groups
            Of which something is missing to them.
        settled
            Sequence number to status of the updates that they have dealt with: the groups of those
            are in their sum, or left out.
        """
        for number in {self._places[one][0] for one in settled if one in self._places}:
            group = self._groups.pop(number, None)
            if group is not None:
                group.statuses = {one: settled[one] for one in group.record.sequences}
                self._settled[number] = group
        for group in groups:
            number = group.record.number
            self.group(number).merge(group)
            self._note(number)

    def _note(self, number: int) -> None:
        """See whether a group is settled by what it was told."""
        group = self._groups.get(number)
        if group is not None and group.is_settled:
            self._settled[number] = self._groups.pop(number)
            self._fresh.append(group)
