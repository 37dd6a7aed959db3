"""Measurements for all inputs: one encoding, and totals that no order changes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.blob import (
    MODEL,
    UPDATE,
    BlobHeader,
    compute_header_bytes,
    decode_blob,
    encode_blob,
)
from fl_chain.protocol.measurement import (
    ENERGY_LIMIT,
    MEASURED_LIMIT,
    MEASUREMENT_KEYS,
    EnergySource,
    Measurement,
    MeasurementSum,
    parse_measurement,
    parse_totals,
    to_millionths,
)
from tests import reference as ref
from tests.property.test_encodings import LAYOUTS

SMALL = st.integers(0, MEASURED_LIMIT - 1)


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    examples = draw(st.just(0) | SMALL)
    source = draw(st.sampled_from(EnergySource))
    has_energy = source != EnergySource.NONE
    return Measurement(
        draw(st.integers(1, MEASURED_LIMIT - 1)),
        draw(SMALL),
        draw(SMALL),
        examples,
        draw(st.integers(0, examples)),
        draw(SMALL) if examples else 0,
        draw(st.integers(0, ENERGY_LIMIT - 1)) if has_energy else 0,
        source,
    )


@given(measurements())
def test_a_measurement_reads_back_as_it_was_written(measurement: Measurement) -> None:
    metadata = measurement.to_metadata()
    assert set(metadata) == set(ref.MEASURED) == set(MEASUREMENT_KEYS)
    assert parse_measurement(metadata) == measurement
    assert parse_measurement({}) is None


@given(measurements(), st.sampled_from(MEASUREMENT_KEYS), st.text(max_size=12))
def test_what_is_read_as_a_measurement_is_written_in_one_way_only(
    measurement: Measurement, key: str, text: str
) -> None:
    place = UPDATE, "ab" * 32, (("w", (2,)),), 3, "cd" * 32, "0x" + "0a" * 20
    data = encode_blob(BlobHeader(*place, True, measurement), np.zeros(2, np.int16))
    said = {name: str(value) for name, value in asdict(measurement).items()} | {key: text}
    metadata = ref.update_metadata("ab" * 32, 3, "cd" * 32, "0x" + "0a" * 20, said)
    try:
        other = ref.blob(metadata, {"w": [2]}, [0, 0])
        header, _ = decode_blob(other)
    except (MalformedBlob, OverflowError, ValueError):
        return
    assert (other == data) == (header.measurement == measurement)
    assert encode_blob(header, np.zeros(2, np.int16)) == other


@given(st.lists(measurements(), min_size=1, max_size=8), st.randoms())
def test_totals_are_those_of_the_specification_in_any_order(
    said: list[Measurement], random: Any
) -> None:
    shuffled = list(said)
    random.shuffle(shuffled)
    totals = []
    for order in (said, shuffled):
        total = MeasurementSum()
        for measurement in order:
            total.add(measurement)
        totals.append(total.compute_totals())
    parts = [MeasurementSum() for _ in range(3)]
    for place, measurement in enumerate(shuffled):
        parts[place % 3].add(measurement)
    for part in parts[1:]:
        parts[0].add_sum(part)
    assert totals[0] == totals[1] == parts[0].compute_totals()
    assert asdict(totals[0]) == ref.totals([asdict(measurement) for measurement in said])
    assert parse_totals(totals[0].to_metadata()) == totals[0]


@given(LAYOUTS, measurements())
def test_all_blobs_of_a_measured_task_have_headers_of_one_size(
    layout: Any, measurement: Measurement
) -> None:
    size = compute_header_bytes(layout, True)
    assert size == ref.header_bytes({name: list(shape) for name, shape in layout}, True)
    assert size >= compute_header_bytes(layout)
    place = UPDATE, "ab" * 32, layout, 2**32 - 1, "cd" * 32, "0x" + "0a" * 20
    count = sum(int(np.prod(shape)) for _, shape in layout)
    update = BlobHeader(*place, True, measurement)
    model = BlobHeader(MODEL, "ab" * 32, layout, is_measured=True)
    for header, dtype, width in ((update, np.int16, 2), (model, np.int32, 4)):
        data = encode_blob(header, np.zeros(count, dtype))
        assert len(data) == size + width * count
        assert decode_blob(data)[0] == header


@given(st.floats())
def test_every_loss_is_in_range(loss: float) -> None:
    assert 0 <= to_millionths(loss) < MEASURED_LIMIT
