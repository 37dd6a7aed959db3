"""Updates with noise on them: never longer than noise covers, and never the same noise twice."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from fl_chain.aggregation import noised_update
from fl_chain.aggregation.fixed_point import expand_words
from fl_chain.aggregation.noised_update import add_noise, clip_and_round
from fl_chain.aggregation.round_blobs import read_lanes, select_round
from fl_chain.errors import ValueOutOfRange
from fl_chain.privacy.noise.bound import fits_bound
from fl_chain.privacy.noise.skellam import compute_table
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.layout import unflatten
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.noise_rules import compute_update_cost
from fl_chain.protocol.privacy import PrivacyParameters
from fl_chain.protocol.selection import count_lanes
from fl_chain.protocol.skellam_noise import bound_magnitude, bound_sensitivity
from fl_chain.roles.local_update import UpdatePlace
from fl_chain.training.trainer import TrainingResult
from tests.unit.aggregation.test_derive import MANIFEST as PLAIN

LAYOUT = (("bias", (7,)), ("weight", (40, 5)))
NUM_VALUES = 207
SECRET, OTHER = b"s" * 32, b"o" * 32
BITS = 10


def make_privacy(clip_norm: int, variance: int, num_lanes: int = NUM_VALUES) -> PrivacyParameters:
    terms = PrivacyParameters(
        clip_norm=clip_norm, noise_variance=variance, budget=2**52, max_order=256
    )
    return replace(terms, cost=compute_update_cost(terms, num_lanes))


def make_manifest(clip_norm: int = 1024, variance: int = 1024, one_block_in: int = 1) -> Manifest:
    return replace(
        PLAIN,
        layout=LAYOUT,
        measurements=False,
        rounds=replace(PLAIN.rounds, max_weight=1),
        encoding=Encoding(fraction_bits=BITS, one_block_in=one_block_in),
        privacy=make_privacy(clip_norm, variance, count_lanes(NUM_VALUES, one_block_in)),
    )


def make_place(manifest: Manifest, number: int = 1, base: str = "ab") -> UpdatePlace:
    return UpdatePlace(manifest, number, base * 32, "0x" + "0a" * 20, number)


def make_result(delta: NDArray[np.float64]) -> TrainingResult:
    return TrainingResult(unflatten(delta.astype(np.float32), LAYOUT), 10, 1.0, 0.0)


def draw_words(attempt: int, count: int = NUM_VALUES) -> NDArray[np.uint32]:
    return expand_words(bytes([attempt]), count)


DELTAS = arrays.arrays(np.float32, NUM_VALUES, elements=st.floats(-(2.0**100), 2.0**100, width=32))


@given(DELTAS, st.integers(1, 2**14))
def test_no_update_is_longer_than_noise_covers(delta: NDArray[np.float32], clip_norm: int) -> None:
    encoding = Encoding(fraction_bits=BITS)
    terms = PrivacyParameters(clip_norm=clip_norm, noise_variance=1)
    lanes = clip_and_round(delta, encoding, terms, NUM_VALUES, draw_words)
    assert fits_bound(lanes, bound_sensitivity(clip_norm, NUM_VALUES).squared_l2)
    assert np.abs(lanes.astype(np.int64)).max() <= clip_norm


@given(DELTAS, st.integers(1, 2**14))
def test_an_update_that_never_fits_is_rounded_towards_zero(
    delta: NDArray[np.float32], clip_norm: int
) -> None:
    encoding = Encoding(fraction_bits=BITS)
    terms = PrivacyParameters(clip_norm=clip_norm, noise_variance=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noised_update, "MOST_ROUNDINGS", 0)
        lanes = clip_and_round(delta, encoding, terms, NUM_VALUES, draw_words)
    assert fits_bound(lanes, bound_sensitivity(clip_norm, NUM_VALUES).squared_l2)


def test_an_update_within_the_norm_is_kept_to_the_next_integer() -> None:
    delta = np.linspace(-0.06, 0.06, NUM_VALUES).astype(np.float32)
    terms = PrivacyParameters(clip_norm=1024, noise_variance=1)
    lanes = clip_and_round(delta, Encoding(fraction_bits=BITS), terms, NUM_VALUES, draw_words)
    assert np.abs(lanes - delta.astype(np.float64) * 2**BITS).max() < 1


def test_a_longer_update_keeps_its_direction() -> None:
    delta = np.full(NUM_VALUES, 3, np.float32)
    terms = PrivacyParameters(clip_norm=1024, noise_variance=1)
    lanes = clip_and_round(delta, Encoding(fraction_bits=BITS), terms, NUM_VALUES, draw_words)
    expected = 1024 / NUM_VALUES**0.5
    assert set(lanes.tolist()) <= {int(expected), int(expected) + 1}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    delta = np.zeros(NUM_VALUES, np.float32)
    delta[3] = value
    terms = PrivacyParameters(clip_norm=1024, noise_variance=1)
    with pytest.raises(ValueOutOfRange):
        clip_and_round(delta, Encoding(fraction_bits=BITS), terms, NUM_VALUES, draw_words)


def test_noise_is_the_same_for_the_same_and_another_for_anything_else() -> None:
    lanes = np.arange(1000, dtype=np.int16)
    other = lanes.copy()
    other[-1] += 1
    noises = [
        add_noise(used, 900, secret, where).astype(np.int64) - used
        for used, secret, where in (
            (lanes, SECRET, b"round 1"),
            (lanes, OTHER, b"round 1"),
            (lanes, SECRET, b"round 2"),
            (other, SECRET, b"round 1"),
        )
    ]
    assert np.array_equal(add_noise(lanes, 900, SECRET, b"round 1") - lanes, noises[0])
    for one, two in itertools.combinations(noises, 2):
        assert abs(np.corrcoef(one, two)[0, 1]) < 0.15
        assert (one != two).mean() > 0.9


def test_noise_has_its_variance_and_no_mean() -> None:
    lanes = np.full(100_000, 77, np.int16)
    noise = add_noise(lanes, 10_000, SECRET, b"").astype(np.int64) - 77
    assert abs(noise.mean()) < 5 * (10_000 / noise.size) ** 0.5
    assert noise.var() == pytest.approx(10_000, rel=0.03)


@pytest.mark.parametrize("sign", [-1, 1])
def test_lanes_with_the_largest_noise_fit(monkeypatch: pytest.MonkeyPatch, sign: int) -> None:
    """At the edge of what the rules of manifests allow, with more noise than any table has."""
    variance = 10**6
    largest = bound_magnitude(variance)
    assert compute_table(variance).upper.size <= largest
    clip_norm = Encoding().max_abs - largest
    monkeypatch.setattr(
        noised_update,
        "draw_skellam",
        lambda variance, count, secret, label: np.full(count, sign * largest, np.int64),
    )
    noised = add_noise(np.full(9, sign * clip_norm, np.int16), variance, SECRET, b"")
    assert noised.dtype == np.int16
    assert noised.tolist() == [sign * Encoding().max_abs] * 9


def test_the_place_of_an_update_decides_its_noise() -> None:
    delta, manifest = np.zeros(NUM_VALUES), make_manifest()
    first, _ = make_place(manifest).encode(make_result(delta), None, SECRET)
    again, _ = make_place(manifest).encode(make_result(delta), None, SECRET)
    later, _ = make_place(manifest, 2).encode(make_result(delta), None, SECRET)
    based, _ = make_place(manifest, 1, "cd").encode(make_result(delta), None, SECRET)
    assert np.array_equal(first, again)
    assert first.any()
    for other in (later, based):
        assert not np.array_equal(first, other)


def test_the_blob_of_an_update_has_the_noise() -> None:
    manifest = make_manifest()
    there = make_place(manifest)
    lanes, _ = there.encode(make_result(np.zeros(NUM_VALUES)), None, SECRET)
    read = read_lanes(manifest, 1, there.to_blob(lanes, None))
    assert np.array_equal(read, lanes)
    assert read.astype(float).var() == pytest.approx(1024, rel=0.4)


def test_noise_is_never_sent_again() -> None:
    """What an update leaves for the next one does not depend on the noise, which it would undo."""
    manifest = make_manifest(one_block_in=4)
    delta = np.linspace(-1, 1, NUM_VALUES)
    left = [make_place(manifest).encode(make_result(delta), None, s)[1] for s in (SECRET, OTHER)]
    assert left[0] is not None
    assert left[1] is not None
    assert np.array_equal(left[0], left[1])
    selected = select_round(manifest, 1)
    assert not left[0][selected].any()
    kept = np.ones(NUM_VALUES, bool)
    kept[selected] = False
    assert np.array_equal(left[0][kept], delta.astype(np.float32)[kept])
