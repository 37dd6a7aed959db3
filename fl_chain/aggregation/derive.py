"""From the records and blobs of a round to its model and report: what everybody re-derives.

Aggregator and auditor run this same function; it holds one update and the running sum, never more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.mean import WeightedSum, apply_mean
from fl_chain.errors import MalformedBlob, ValueOutOfRange
from fl_chain.protocol.blob import (
    MODEL,
    UPDATE,
    BlobHeader,
    count_values,
    decode_blob,
    encode_blob,
    encode_header,
)
from fl_chain.protocol.constants import LEAF_CHUNK_BYTES
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.protocol.report import ExclusionReason, RoundReport, encode_report

_NO_DIGEST = "0" * 64


@dataclass(frozen=True, slots=True)
class DerivedRound:
    """What a round yields."""

    model: bytes
    """Canonical blob of the model."""
    model_digest: bytes
    report: bytes
    """Canonical bytes of the round report."""
    report_digest: bytes


def model_header(manifest: Manifest, round_number: int, base_model: str) -> BlobHeader:
    """Return the header that the model of a round must have; genesis is round 0."""
    return BlobHeader(MODEL, manifest.task_id, round_number, base_model, "", manifest.layout)


def genesis_header(manifest: Manifest) -> BlobHeader:
    """Return the header that the genesis model must have."""
    return model_header(manifest, 0, _NO_DIGEST)


def update_header(
    manifest: Manifest, round_number: int, base_model: str, participant: str
) -> BlobHeader:
    """Return the header that a participant's update of a round must have."""
    return BlobHeader(
        UPDATE, manifest.task_id, round_number, base_model, participant, manifest.layout
    )


def compute_blob_bytes(header: BlobHeader) -> int:
    """Return the exact size of a blob with this header: the cap to fetch it under."""
    lane_bytes = 2 if header.kind == UPDATE else 4
    return len(encode_header(header)) + lane_bytes * count_values(header.layout)


def decode_model_blob(data: bytes, expected: BlobHeader) -> NDArray[np.int32]:
    """Return the integers of a model's blob.

    Raises
    ------
    MalformedBlob
        Not canonical, or bound to another place than ``expected``.
    """
    header, values = decode_blob(data)
    if header != expected:
        raise MalformedBlob("the model's blob is bound to another place or layout")
    return values


class RoundAggregation:
    """The aggregation of one round, update by update.

    The sum is exact, so updates may be added in any order.

    Parameters
    ----------
    manifest
        The task.
    round_number
        The round.
    base_model
        Digest of the base model, 64 hexadecimal digits.
    """

    def __init__(self, manifest: Manifest, round_number: int, base_model: str) -> None:
        self.manifest = manifest
        self.round_number = round_number
        self.base_model = base_model
        self._total = WeightedSum(count_values(manifest.layout), manifest.encoding.max_abs)
        self._included: list[int] = []
        self._excluded: dict[int, ExclusionReason] = {}

    @property
    def num_included(self) -> int:
        """Updates in the sum so far."""
        return len(self._included)

    def update_bytes(self, participant: str) -> int:
        """Return the exact size of a participant's update; its CID's codec follows from it."""
        return compute_blob_bytes(
            update_header(self.manifest, self.round_number, self.base_model, participant)
        )

    def fetch_bytes(self, participant: str) -> int:
        """Return the cap to fetch a participant's update under.

        It is larger than the update, so that oversized content is read whole and its CID verified:
        a store could otherwise have any update left out by sending too much.
        """
        return 2 * self.update_bytes(participant) + 2 * LEAF_CHUNK_BYTES

    def add(self, record: UpdateSubmitted, data: bytes) -> ExclusionReason | None:
        """Add one update, or exclude it; return the reason if it was excluded."""
        lanes = self._examine(record, data)
        if isinstance(lanes, ExclusionReason):
            self.exclude(record, lanes)
            return lanes
        self._total.add(lanes, record.weight)
        self._included.append(record.sequence)
        return None

    def exclude(self, record: UpdateSubmitted, reason: ExclusionReason) -> None:
        """Leave an update out without having seen its content."""
        self._excluded[record.sequence] = reason

    def derive(self, base: NDArray[np.int32]) -> DerivedRound:
        """Return model and report.

        Raises
        ------
        ValueOutOfRange
            Fewer than min_updates updates are included: the round has no valid model.
        """
        manifest = self.manifest
        minimum = manifest.rounds.min_updates
        if self.num_included < minimum:
            raise ValueOutOfRange(
                f"round {self.round_number} has {self.num_included} valid updates of {minimum}"
            )
        encoding = manifest.encoding
        values = apply_mean(base, self._total, encoding.fraction_bits, encoding.model_fraction_bits)
        model = encode_blob(model_header(manifest, self.round_number, self.base_model), values)
        model_digest = compute_digest(model)
        report = encode_report(
            RoundReport(
                task=manifest.task_id,
                round=self.round_number,
                base_model=self.base_model,
                model=model_digest.hex(),
                total_weight=self._total.weight,
                included=tuple(sorted(self._included)),
                excluded=tuple(sorted(self._excluded.items())),
            )
        )
        return DerivedRound(model, model_digest, report, compute_digest(report))

    def _examine(self, record: UpdateSubmitted, data: bytes) -> NDArray[np.int16] | ExclusionReason:
        """Return the lanes of a valid update, or the first rule that it breaks."""
        expected = update_header(
            self.manifest, self.round_number, self.base_model, record.participant
        )
        if len(data) > compute_blob_bytes(expected):
            return ExclusionReason.OVERSIZED
        if compute_digest(data) != record.digest:
            return ExclusionReason.WRONG_DIGEST
        try:
            header, lanes = decode_blob(data)
        except MalformedBlob:
            return ExclusionReason.MALFORMED
        if header != expected:
            return ExclusionReason.MISBOUND
        # -2^15 has no positive counterpart: abs() would wrap, comparing both ends does not.
        max_abs = self.manifest.encoding.max_abs
        if lanes.size and (int(lanes.min()) < -max_abs or int(lanes.max()) > max_abs):
            return ExclusionReason.OUT_OF_RANGE
        return lanes
