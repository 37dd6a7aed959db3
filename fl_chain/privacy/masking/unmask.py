"""The sum of a group: masked lanes go in one after another, the plain sum comes out.

Pairs of survivors cancel by themselves. What is left in the sum is the self mask of every survivor,
and the mask of each pair that was asked for, as the survivor that carries it has put it in.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from fl_chain.errors import MalformedBlob, ValueOutOfRange
from fl_chain.privacy.masking.groups import GroupPlace
from fl_chain.privacy.masking.masks import (
    RING_DTYPES,
    Lanes,
    Mask,
    apply_masks,
    centre,
    pair_label,
    self_label,
)
from fl_chain.privacy.masking.recovery import RecoveredSeeds
from fl_chain.privacy.masking.survivors import GroupState, list_questions


class GroupSum:
    """The sum of the survivors of a group; it holds no more than one update at once.

    Parameters
    ----------
    place
        Which group.
    state
        What is on record of it.
    recovered
        The seeds asked for, all of them.
    num_lanes
        Lanes of each update.
    ring_bits
        16 or 32, of the task.

    Raises
    ------
    ValueError
        The group is left out: it has no survivors, or a seed is missing.
    """

    def __init__(
        self,
        place: GroupPlace,
        state: GroupState,
        recovered: RecoveredSeeds,
        num_lanes: int,
        ring_bits: int,
    ) -> None:
        questions = list_questions(state)
        if not questions.names or set(questions.names) - recovered.seeds.keys():
            raise ValueError("a group that is left out has no sum")
        self._place = place
        self._questions = questions
        self._seeds = recovered.seeds
        self._awaited = set(questions.self_positions)
        self._sum = np.zeros(num_lanes, RING_DTYPES[ring_bits])

    def add(self, position: int, lanes: Lanes) -> None:
        """Add the masked lanes of a survivor; see :meth:`add_sum`."""
        self.add_sum((position,), lanes)

    def add_sum(self, positions: Collection[int], lanes: Lanes) -> None:
        """Add the sum of the masked lanes of some survivors.

        Raises
        ------
        MalformedBlob
            They are not as many as an update has, or not of the ring.
        ValueError
            A position does not survive, or was added before.
        """
        for position in positions:
            if position not in self._awaited:
                raise ValueError(f"no update of position {position} is awaited")
        if lanes.shape != self._sum.shape or lanes.dtype.newbyteorder("=") != self._sum.dtype:
            raise MalformedBlob(f"{lanes.shape} lanes of {lanes.dtype} are not those of this group")
        np.add(self._sum, lanes, out=self._sum)
        self._awaited.difference_update(positions)

    def finish(self, total_weight: int, max_abs: int) -> NDArray[np.int32]:
        """Return the sum of the survivors' values, each times its weight; int32 ``[num_lanes]``.

        Parameters
        ----------
        total_weight
            Of the survivors.
        max_abs
            Largest magnitude of a value of an update.

        Raises
        ------
        ValueOutOfRange
            The sum is larger than any of updates in range: one of them, nobody can tell which, is
            out of range or wrongly masked, and the group is left out.
        ValueError
            A survivor's lanes were not added, or the sum was taken before.
        """
        if self._awaited or not self._seeds:
            raise ValueError("a sum is taken once, of all survivors")
        self._unmask()
        self._seeds = {}
        values = centre(self._sum)
        bound = total_weight * max_abs
        if max(int(values.max(initial=0)), -int(values.min(initial=0))) > bound:
            raise ValueOutOfRange(f"a group's sum exceeds {bound}, the bound of its weights")
        return values

    def _unmask(self) -> None:
        added: list[Mask] = []
        subtracted: list[Mask] = []
        for position in self._questions.self_positions:
            seed = self._seeds[position, position]
            subtracted.append((seed, self_label(self._place, position)))
        for name, carrier in self._questions.pairs.items():
            # The lower end has added the mask, the higher one subtracted it.
            masks = subtracted if carrier == name[0] else added
            masks.append((self._seeds[name], pair_label(self._place, *name)))
        apply_masks(self._sum, added, subtracted)
