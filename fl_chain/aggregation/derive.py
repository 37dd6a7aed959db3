"""From the records and blobs of a round to its model and report: what everybody re-derives.

Aggregator and auditor run this same function. By the rule ``mean`` it holds one update and the
running sum, never more; by the others all updates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.difference import encode_difference
from fl_chain.aggregation.earnings import divide_reward
from fl_chain.aggregation.gathering import Gathering, begin_gathering
from fl_chain.aggregation.masked_groups import GroupBlob, GroupRecord
from fl_chain.aggregation.masked_round import MaskedRound
from fl_chain.aggregation.masked_sum import MaskedGroup
from fl_chain.aggregation.norms import compute_squared_norm
from fl_chain.aggregation.optimizers import apply_optimizer
from fl_chain.aggregation.round_blobs import (
    compute_fetch_bytes,
    compute_pinned_bytes,
    count_held,
    model_header,
    read_lanes,
    select_round,
    unseal,
    update_header,
)
from fl_chain.aggregation.step import apply_step
from fl_chain.errors import MalformedBlob, Misplaced, ValueOutOfRange
from fl_chain.privacy.sealing import NO_KEYS, KeyRing
from fl_chain.protocol.blob import BlobHeader, decode_blob, encode_blob
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import WEI_PER_GWEI, Manifest
from fl_chain.protocol.measurement import Measurement, MeasurementSum
from fl_chain.protocol.optimizer import NONE
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.protocol.report import INCLUDED, ExclusionReason, RoundReport, encode_report
from fl_chain.protocol.rewards import NO_REWARD, Reward
from fl_chain.protocol.staleness import discount_weight


@dataclass(frozen=True, slots=True)
class DerivedRound:
    """What a round yields."""

    model: bytes
    """Canonical blob of the model."""
    model_digest: bytes
    report: bytes
    """Canonical bytes of the round report."""
    report_digest: bytes
    difference: bytes | None = None
    """What the model differs by from its base model, in a task with differences."""


@dataclass(frozen=True, slots=True)
class PartialRound:
    """Some updates of a round, gathered or excluded."""

    gathered: Gathering
    """Those that are included."""
    statuses: dict[int, int]
    """Sequence number to status, as in a report."""
    included: dict[int, str]
    """Sequence number to participant."""
    participants: frozenset[str]
    """Whose updates were available."""
    measured: MeasurementSum
    """What the included ones say that they cost and yielded."""
    groups: tuple[MaskedGroup, ...] = ()
    """Where updates are masked, the groups of which something is missing."""


def begin_round(manifest: Manifest, round_number: int, max_abs: int) -> Gathering:
    """Return what gathers the lanes of a round's updates, none yet; see :func:`begin_gathering`."""
    return begin_gathering(manifest, count_held(manifest, round_number), max_abs)


def step_round(
    manifest: Manifest, round_number: int, base: NDArray[np.int32], gathered: Gathering
) -> NDArray[np.int32]:
    """Return the model that a round makes of its base model; what no update holds stays.

    Raises
    ------
    ValueOutOfRange
        There are too few updates for the rule, or a scaled numerator reaches 2^62.
    """
    encoding, optimizer, aggregate = manifest.encoding, manifest.optimizer, gathered.aggregate()
    selected = select_round(manifest, round_number)
    model = base.copy()
    parts = np.split(model, 1 + len(optimizer.state_names))  # views
    held = [part[selected] for part in parts]
    if optimizer.name == NONE:
        bits = encoding.fraction_bits, encoding.model_fraction_bits
        moved = [apply_step(held[0], aggregate, *bits)]
    else:
        moved = apply_optimizer(optimizer, encoding, held, aggregate)
    for part, values in zip(parts, moved, strict=True):
        part[selected] = values
    return model


class RoundAggregation:
    """The aggregation of one round, update by update.

    Rules are exact, so updates may be added in any order, but those of one participant in that of
    their sequence numbers: the first that is available counts.

    Parameters
    ----------
    manifest
        The task.
    round_number
        The round.
    bases
        Digests of the models that its updates may begin from, 64 hexadecimal digits each: that of
        the base model, then those of the models before it, as far back as the task allows.
    keys
        What opens its updates, where they are sealed.
    groups
        Where they are masked, the groups of the round, of
        :func:`fl_chain.aggregation.masked_groups.list_groups`. What becomes of their updates is
        known once all of a group is there, at the latest in :meth:`derive`.
    """

    def __init__(
        self,
        manifest: Manifest,
        round_number: int,
        bases: Sequence[str],
        keys: KeyRing = NO_KEYS,
        groups: Sequence[GroupRecord] = (),
    ) -> None:
        self.manifest = manifest
        self.round_number = round_number
        self.bases = tuple(bases)
        self.keys = keys
        self._gathered = begin_round(manifest, round_number, manifest.encoding.max_abs)
        self._measured = MeasurementSum()
        self._statuses: dict[int, int] = {}
        self._included: dict[int, str] = {}
        self._seen: set[str] = set()
        """Participants of whom an update was available."""
        is_masked = manifest.privacy.is_masked
        self.masked = MaskedRound(manifest, groups) if is_masked else None
        """The groups of a masked round; None in other tasks."""

    @property
    def num_included(self) -> int:
        """Updates that are included so far."""
        return len(self._included)

    @property
    def pinned_bytes(self) -> int:
        """Exact size of what is pinned of an update; its CID's codec follows from it."""
        return compute_pinned_bytes(self.manifest)

    @property
    def fetch_bytes(self) -> int:
        """Cap to fetch an update under."""
        return compute_fetch_bytes(self.pinned_bytes)

    def add(self, record: UpdateSubmitted, data: bytes) -> ExclusionReason | None:
        """Add one update, or exclude it; return the reason if it was excluded.

        A masked one that is added can still be left out with its group.

        Parameters
        ----------
        record
            Its record.
        data
            What is pinned of it.

        Raises
        ------
        CannotDecrypt
            It is sealed, and no key of ours opens it: nothing was added or excluded.
        """
        if self.masked is not None:
            return self._add_masked(self.masked, record, data)
        if self.exclude_duplicate(record):
            return ExclusionReason.DUPLICATE
        examined = self._examine(record, data)
        self._seen.add(record.participant)
        if isinstance(examined, ExclusionReason):
            self.exclude(record.sequence, examined)
            return examined
        lanes, measurement = examined
        self._gathered.add(record.participant, lanes, record.weight)
        if measurement is not None:
            self._measured.add(measurement)
        self._statuses[record.sequence] = INCLUDED
        self._included[record.sequence] = record.participant
        return None

    def unseal(self, record: UpdateSubmitted, data: bytes) -> bytes:
        """Return an update's blob; see :func:`fl_chain.aggregation.round_blobs.unseal`."""
        return unseal(self.manifest, self.round_number, record.participant, data, self.keys)

    def partial(self) -> PartialRound:
        """Return what was added and excluded so far; it is shared, so nothing may follow."""
        seen = frozenset(self._seen)
        told = self._statuses, self._included, seen
        groups = self.masked.unsettled if self.masked is not None else ()
        return PartialRound(self._gathered, *told, self._measured, groups)

    def add_partial(self, partial: PartialRound) -> None:
        """Add what another aggregation of the same round made of other participants' updates.

        Raises
        ------
        ValueOutOfRange
            The sum could overflow int64.
        """
        self._gathered.merge(partial.gathered)
        self._statuses |= partial.statuses
        self._included |= partial.included
        self._seen |= partial.participants
        self._measured.add_sum(partial.measured)
        if self.masked is not None:
            self.masked.merge(partial.groups, partial.statuses)
            self._settle(self.masked)

    def exclude(self, sequence: int, reason: ExclusionReason) -> None:
        """Leave an update out, of which nothing may be known but its sequence number.

        A masked one leaves its group out as well; with the reason ``group_left_out``, as if a seed
        of it could not be had.
        """
        if self.masked is not None and self.masked.is_paired(sequence):
            self.masked.exclude(sequence, reason)
            self._settle(self.masked)
            return
        self._statuses[sequence] = reason.status

    def take_group_blob(self, blob: GroupBlob, data: bytes | None) -> None:
        """Take a bundle or a reveal of a masked round, verified against its CID.

        None is one that is given up. One that is malformed, or of somebody else, is as good as
        none.
        """
        if self.masked is None:
            raise ValueError("updates of this task are not masked")
        self.masked.take_blob(blob, data)
        self._settle(self.masked)

    def has_seen(self, record: UpdateSubmitted) -> bool:
        """Return whether an update of the same participant was there already."""
        return record.participant in self._seen

    def exclude_duplicate(self, record: UpdateSubmitted) -> bool:
        """Leave an update out, whatever its content, if an earlier one of its sender was there."""
        if not self.has_seen(record):
            return False
        self.exclude(record.sequence, ExclusionReason.DUPLICATE)
        return True

    def derive(self, base: NDArray[np.int32]) -> DerivedRound:
        """Return model and report, once every update on record was added or excluded.

        Raises
        ------
        ValueOutOfRange
            Fewer than min_updates updates are included: the round has no valid model.
        ValueError
            An update was neither added nor excluded, but one of a higher sequence number was.
        """
        if self.masked is not None:
            self.masked.close()
            self._settle(self.masked)
        if sorted(self._statuses) != list(range(len(self._statuses))):
            raise ValueError("an update on record was neither added nor excluded")
        manifest = self.manifest
        minimum = manifest.rounds.min_updates
        if self.num_included < minimum:
            raise ValueOutOfRange(
                f"round {self.round_number} has {self.num_included} valid updates of {minimum}"
            )
        values = step_round(manifest, self.round_number, base, self._gathered)
        return self.report_on(base, values)

    def report_on(self, base: NDArray[np.int32], values: NDArray[np.int32]) -> DerivedRound:
        """Return what goes with a model of this round."""
        model = encode_blob(model_header(self.manifest), values)
        model_digest = compute_digest(model)
        difference = encode_difference(base, values) if self.manifest.differences else None
        report = self._report(model_digest, difference)
        return DerivedRound(model, model_digest, report, compute_digest(report), difference)

    def _report(self, model_digest: bytes, difference: bytes | None) -> bytes:
        totals = self._measured.compute_totals() if self.manifest.measurements else None
        return encode_report(
            RoundReport(
                task=self.manifest.task_id,
                round=self.round_number,
                base_model=self.bases[0],
                model=model_digest.hex(),
                total_weight=self._gathered.weight,
                statuses=bytes(status for _, status in sorted(self._statuses.items())),
                totals=totals,
                rewards=self._divide_reward(),
                difference=None if difference is None else str(compute_cid(difference)),
            )
        )

    def _divide_reward(self) -> tuple[Reward, ...] | None:
        terms = self.manifest.reward
        if not self.manifest.has_rewards:
            return None
        wei = terms.round_gwei * WEI_PER_GWEI
        earned = divide_reward(terms.formula, wei, self._included, self._gathered)
        # Whose share is 0 has no address either: a row is zero or pays somebody.
        return tuple(
            Reward(self._included[number], earned[number]) if earned.get(number) else NO_REWARD
            for number in sorted(self._statuses)
        )

    def _add_masked(
        self, masked: MaskedRound, record: UpdateSubmitted, data: bytes
    ) -> ExclusionReason | None:
        if not masked.is_paired(record.sequence):
            self.exclude(record.sequence, ExclusionReason.UNPAIRED)
            return ExclusionReason.UNPAIRED
        read = self._read(record, data)
        if isinstance(read, ExclusionReason):
            self.exclude(record.sequence, read)
            return masked.reason_of(record.sequence) or read
        masked.add(record.sequence, data)
        self._settle(masked)
        return masked.reason_of(record.sequence)

    def _settle(self, masked: MaskedRound) -> None:
        """Take over what has become of groups."""
        for group in masked.take_settled():
            self._statuses |= group.statuses
            record = group.record
            values = group.take_values()
            if values is None:
                continue
            held = values[: count_held(self.manifest, self.round_number)]
            self._gathered.add_sum(record.first_survivor, held, record.total_weight)
            self._included |= {
                update.sequence: update.participant for update in record.surviving_updates.values()
            }

    def _examine(
        self, record: UpdateSubmitted, data: bytes
    ) -> tuple[NDArray[np.int16], Measurement | None] | ExclusionReason:
        """Return lanes and measurement of a valid update, or the first rule that it breaks."""
        read = self._read(record, data)
        if isinstance(read, ExclusionReason):
            return read
        header, data = read
        encoding = self.manifest.encoding
        lanes = read_lanes(self.manifest, self.round_number, data)
        largest = encoding.max_abs
        # -2^15 has no positive counterpart: abs() would wrap, comparing both ends does not.
        if lanes.size and (int(lanes.min()) < -largest or int(lanes.max()) > largest):
            return ExclusionReason.OUT_OF_RANGE
        if encoding.max_norm and compute_squared_norm(lanes) > encoding.max_norm**2:
            return ExclusionReason.TOO_LONG
        staleness = self.bases.index(header.base_model)
        if record.weight > discount_weight(self.manifest.rounds.max_weight, staleness):
            return ExclusionReason.OVERWEIGHT
        return lanes, header.measurement

    def _read(
        self, record: UpdateSubmitted, data: bytes
    ) -> tuple[BlobHeader, bytes] | ExclusionReason:
        """Return header and bytes of a blob of its place, or the first rule that it breaks."""
        if len(data) > self.pinned_bytes:
            return ExclusionReason.OVERSIZED
        try:
            data = self.unseal(record, data)
            if compute_digest(data) != record.digest:
                return ExclusionReason.WRONG_DIGEST
            header, _ = decode_blob(data)
        except MalformedBlob:
            return ExclusionReason.MALFORMED
        except Misplaced:
            return ExclusionReason.MISBOUND
        if header.base_model not in self.bases:
            return ExclusionReason.MISBOUND
        place = self.round_number, header.base_model, record.participant
        if replace(header, measurement=None) != update_header(self.manifest, *place):
            return ExclusionReason.MISBOUND
        return header, data
