"""Measurements: all or nothing in a header, in range, and added up exactly."""

from __future__ import annotations

import math

import pytest

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.blob import UPDATE, BlobHeader, compute_header_bytes, encode_header
from fl_chain.protocol.constants import CHUNK_BYTES, MAX_UPDATES
from fl_chain.protocol.measurement import (
    ENERGY_LIMIT,
    LONGEST_MEASUREMENT,
    MEASURED_LIMIT,
    TOTAL_LIMIT,
    EnergySource,
    Measurement,
    MeasurementSum,
    to_millionths,
)

LAYOUT = (("w", (2,)),)


def test_the_largest_totals_of_the_largest_round_are_in_range() -> None:
    largest = MAX_UPDATES * max(MEASURED_LIMIT - 1, ENERGY_LIMIT - 1)
    assert largest < TOTAL_LIMIT


def test_totals_of_nothing_are_zero() -> None:
    totals = MeasurementSum().compute_totals()
    assert set(totals.to_metadata().values()) == {"0"}
    assert (totals.accuracy, totals.kilowatt_hours) == (None, 0)


@pytest.mark.parametrize("loss", [math.nan, math.inf, 1e300, 4294.967295])
def test_a_loss_that_is_no_number_or_too_large_is_the_largest(loss: float) -> None:
    assert to_millionths(loss) == MEASURED_LIMIT - 1


@pytest.mark.parametrize("loss", [-math.inf, -1e300, -0.5, -0.0])
def test_a_loss_below_zero_is_zero(loss: float) -> None:
    assert to_millionths(loss) == 0


@pytest.mark.parametrize(
    "impossible",
    [
        Measurement(0, 0, 0, 0, 0, 0),
        Measurement(1, -1, 0, 0, 0, 0),
        Measurement(1, 0, MEASURED_LIMIT, 0, 0, 0),
        Measurement(1, 0, 0, 3, 4, 0),
        Measurement(1, 0, 0, 0, 0, 5),
        Measurement(1, 0, 0, 0, 0, 0, 7, EnergySource.NONE),
        Measurement(1, 0, 0, 0, 0, 0, ENERGY_LIMIT, EnergySource.MEASURED),
    ],
)
def test_an_impossible_measurement_is_not_written_down(impossible: Measurement) -> None:
    header = BlobHeader(UPDATE, "ab" * 32, LAYOUT, 1, "cd" * 32, "0x" + "0a" * 20, True, impossible)
    with pytest.raises(MalformedBlob):
        encode_header(header)


@pytest.mark.parametrize("is_measured", [True, False])
def test_a_header_has_a_measurement_exactly_where_the_task_has(is_measured: bool) -> None:
    measurement = None if is_measured else LONGEST_MEASUREMENT
    header = BlobHeader(
        UPDATE, "ab" * 32, LAYOUT, 1, "cd" * 32, "0x" + "0a" * 20, is_measured, measurement
    )
    with pytest.raises(MalformedBlob, match="exactly"):
        encode_header(header)


def test_a_header_has_room_for_every_measurement() -> None:
    place = UPDATE, "ab" * 32, LAYOUT, 2**32 - 1, "cd" * 32, "0x" + "0a" * 20
    header = encode_header(BlobHeader(*place, True, LONGEST_MEASUREMENT))
    assert len(header) == compute_header_bytes(LAYOUT, True) == CHUNK_BYTES
