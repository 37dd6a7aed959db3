"""From training to the bytes of an update, and what they leave for the next one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fl_chain.aggregation.fixed_point import decode_update
from fl_chain.aggregation.round_blobs import compute_update_bytes, read_lanes, select_round
from fl_chain.protocol.blob import decode_blob
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.layout import unflatten
from fl_chain.protocol.manifest import Manifest
from fl_chain.roles.local_update import UpdatePlace, add_unsent, take_unsent
from fl_chain.training.trainer import TrainingResult
from tests.unit.aggregation.test_derive import MANIFEST as WHOLE

LAYOUT = (("bias", (7,)), ("weight", (40, 5)))
NUM_VALUES = 207
SHORT = Encoding(fraction_bits=8, max_abs=127, lane_bits=8, one_block_in=4)


def manifest(encoding: Encoding) -> Manifest:
    return replace(WHOLE, layout=LAYOUT, encoding=encoding)


def place(encoding: Encoding, number: int) -> UpdatePlace:
    return UpdatePlace(manifest(encoding), number, "ab" * 32, "0x" + "0a" * 20, number)


def result(delta: np.ndarray) -> TrainingResult:
    return TrainingResult(unflatten(delta.astype(np.float32), LAYOUT), 10, 1.0, 0.0)


@pytest.mark.parametrize("lane_bits", [8, 12, 16])
@pytest.mark.parametrize("one_block_in", [1, 4, 1024])
def test_an_update_has_the_size_that_is_known_before(lane_bits: int, one_block_in: int) -> None:
    encoding = Encoding(
        fraction_bits=8, max_abs=127, lane_bits=lane_bits, one_block_in=one_block_in
    )
    there = place(encoding, 3)
    delta = np.linspace(-0.4, 0.4, NUM_VALUES)
    lanes, _ = there.encode(result(delta))
    blob = there.to_blob(lanes, None)
    assert len(blob) == compute_update_bytes(there.manifest)
    header, values = decode_blob(blob)
    assert header.layout == there.manifest.update_layout
    assert values.dtype.itemsize == lane_bits // 8
    held = delta[select_round(there.manifest, 3)]
    read = read_lanes(there.manifest, 3, blob)
    assert read.dtype == np.int16
    assert np.array_equal(read, lanes)
    np.testing.assert_allclose(read / 2**8, held, rtol=0, atol=2**-8)


def test_chance_in_rounding_is_that_of_the_secret_and_the_place() -> None:
    delta = np.full(NUM_VALUES, 0.3)
    there, elsewhere = place(Encoding(), 1), place(Encoding(), 2)
    drawn = [
        one.encode(result(delta), None, secret)[0].tobytes()
        for one in (there, elsewhere)
        for secret in (b"", bytes(32), b"\1" * 32)
    ]
    assert len(set(drawn)) == 6
    assert there.encode(result(delta), None, bytes(32))[0].tobytes() == drawn[1]


def test_what_is_not_sent_is_sent_later() -> None:
    """The lanes of many rounds add up to what was trained in all, but for the last few rounds."""
    random = np.random.default_rng(0)
    trained, sent, unsent = np.zeros(NUM_VALUES), np.zeros(NUM_VALUES), None
    for number in range(1, 60):
        delta = random.normal(0, 0.01, NUM_VALUES)
        trained += delta.astype(np.float32)
        there = place(SHORT, number)
        lanes, unsent = there.encode(result(delta), unsent)
        selected = select_round(there.manifest, number)
        held = read_lanes(there.manifest, number, there.to_blob(lanes, None))
        sent[selected] += decode_update(held, SHORT.fraction_bits)
    assert unsent is not None
    np.testing.assert_allclose(sent + unsent, trained, rtol=0, atol=1e-5)
    assert np.abs(unsent).max() < np.abs(trained).max()


def test_an_update_of_every_value_leaves_nothing() -> None:
    lanes, unsent = place(Encoding(), 1).encode(result(np.full(NUM_VALUES, 0.1)))
    assert unsent is None
    assert lanes.dtype == np.int16


def test_what_is_not_sent_yet_is_part_of_what_training_knows() -> None:
    memory = {"state/mean": np.zeros(2)}
    assert add_unsent(memory, None) is memory
    assert take_unsent(memory) is None
    both = add_unsent(memory, np.ones(3, np.float32))
    assert set(memory) < set(both)
    assert np.array_equal(take_unsent(both), np.ones(3, np.float32))
