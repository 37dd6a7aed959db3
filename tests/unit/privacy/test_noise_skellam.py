"""Skellam noise: the table, against mpmath, and what is drawn from it.

The golden integers are from another program: Bessel functions of mpmath, HKDF by hmac, ChaCha20 of
pycryptodome.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fl_chain.errors import ValueOutOfRange
from fl_chain.privacy.noise import skellam
from fl_chain.privacy.noise.skellam import (
    MAX_VARIANCE,
    SkellamTable,
    Words,
    compute_table,
    draw_skellam,
    expand_seed,
    sample_skellam,
)

GOLDEN_TABLES = {
    1: (29, "23edc33f1ed02e4e1df0807543ad442ce0f93aee2e3816a57367ddf7a2ff1c91"),
    2: (34, "379a048ed03255ea188147dcbca158f856d071c4cd5a2a368099c5cdfb0711ef"),
    100: (139, "d170480b809ccb921a24d1f6d41c8f148af6170547b1052ba41d1effe9277d6e"),
    1000: (417, "23dd36f7bda21f2c622b92ba522bdba9f0ad4914ce0b80879c2d966edd0766b5"),
}
GOLDEN_NOISE = [
    (100, bytes(32), b"round 1", [19, -3, -21, 4, -15, 18, 3, 13, -12, -2, 3, 11]),
    (1000, bytes(range(32)), b"", [18, 6, 54, 1, -21, -49, 2, -7, -3, 3, 56, 8]),
    (2, bytes(range(32)), b"round 2", [1, 0, -2, 1, 1, 1, 0, 0, 1, 2, 0, 1]),
]


def entries_of(variance: int) -> list[int]:
    table = compute_table(variance)
    pairs = zip(table.upper.tolist(), table.lower.tolist(), strict=True)
    return [upper << 64 | lower for upper, lower in pairs]


def masses_of(variance: int) -> list[int]:
    """Return 2^127 times the probabilities of the magnitudes that the table gives."""
    return [high - low for low, high in itertools.pairwise([0, *entries_of(variance), 2**127])]


def signed_masses_of(variance: int) -> NDArray[np.object_]:
    """Return 2^128 times the probabilities of the noise, from the least to the greatest."""
    first, *others = masses_of(variance)
    return np.array([*reversed(others), 2 * first, *others], object)


def exact_probability(value: int, variance: int) -> mpmath.mpf:
    return mpmath.exp(-mpmath.mpf(variance)) * mpmath.besseli(value, variance)


def words_of(*rounds: list[int]) -> Words:
    """Return a source that gives the words of each call in turn."""
    left: Iterator[list[int]] = iter(rounds)

    def draw(count: int) -> NDArray[np.uint64]:
        words = next(left)
        assert len(words) == count
        return np.array(words, np.uint64)

    return draw


@pytest.mark.parametrize("variance", GOLDEN_TABLES)
def test_tables_are_the_golden_ones(variance: int) -> None:
    entries = entries_of(variance)
    data = b"".join(entry.to_bytes(16, "little") for entry in entries)
    assert (len(entries), hashlib.sha256(data).hexdigest()) == GOLDEN_TABLES[variance]


@pytest.mark.parametrize("variance", [1, 3, 7, 20, 90])
def test_an_entry_is_the_exact_probability_rounded_down(variance: int) -> None:
    with mpmath.workprec(1400):
        total = -exact_probability(0, variance)
        for magnitude, entry in enumerate(entries_of(variance)):
            total += 2 * exact_probability(magnitude, variance)
            assert entry == mpmath.floor(total * 2**127)


@pytest.mark.parametrize("variance", [40_000, 10**6])
def test_probabilities_of_large_variances_are_exact(variance: int) -> None:
    masses = masses_of(variance)
    with mpmath.workprec(300):
        for magnitude in (1, 2, 1000):
            exact = 2**128 * exact_probability(magnitude, variance)
            assert abs(masses[magnitude] - exact) < 1


def test_a_table_rises_and_ends_with_all_but_one_part() -> None:
    for variance in (1, 2, 50, 4097):
        entries = entries_of(variance)
        assert entries == sorted(entries)
        assert entries[-2] < entries[-1] == 2**127 - 1


def test_the_largest_table_is_as_long_as_promised() -> None:
    table = compute_table(MAX_VARIANCE)
    assert len(table.upper) == len(table.lower) == 427_818
    compute_table.cache_clear()  # 7 MB that no other test needs


@pytest.mark.parametrize("variance", [0, -1, MAX_VARIANCE + 1])
def test_a_variance_out_of_range_is_refused(variance: int) -> None:
    with pytest.raises(ValueOutOfRange, match="variance"):
        compute_table(variance)


def test_an_entry_that_cannot_be_told_from_the_next_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(skellam, "_ERROR_BITS", 1)
    with pytest.raises(ValueOutOfRange, match="entry 0 for variance 3 is undecided"):
        compute_table.__wrapped__(3)


def test_a_table_is_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        compute_table(2).upper[0] = 0


@pytest.mark.parametrize(("variance", "parts"), [(4, 2), (9, 3), (60, 4)])
def test_noise_of_some_adds_up_to_noise_of_all(variance: int, parts: int) -> None:
    one = signed_masses_of(variance // parts)
    total = one
    for _ in range(parts - 1):
        total = np.convolve(total, one)
    whole = signed_masses_of(variance)
    margin = [0] * ((len(total) - len(whole)) // 2)
    expected = np.array([*margin, *whole, *margin], object) << 128 * (parts - 1)
    distance = sum(map(abs, total - expected)) // 2
    assert distance < (parts + 1) * len(whole) << 128 * (parts - 1)


@pytest.mark.parametrize(("variance", "seed", "label", "expected"), GOLDEN_NOISE)
def test_noise_is_the_golden_one(
    variance: int, seed: bytes, label: bytes, expected: list[int]
) -> None:
    assert draw_skellam(variance, len(expected), seed, label).tolist() == expected


def test_noise_of_many_lanes_is_the_golden_one() -> None:
    noise = draw_skellam(1000, 100_000, bytes(32), b"round 1")
    found = hashlib.sha256(noise.astype("<i8").tobytes()).hexdigest()
    assert found == "0b4202f8b52f90118a9afc7339c5589ac222b224177db49a9a07f3e353ab9ce8"


def test_noise_does_not_depend_on_how_it_is_drawn() -> None:
    whole = draw_skellam(100, 100_000, bytes(32), b"")
    assert np.array_equal(whole[:70_001], draw_skellam(100, 70_001, bytes(32), b""))
    assert draw_skellam(100, 0, bytes(32), b"").tolist() == []


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(ValueOutOfRange, match="32 bytes, not 31"):
        expand_seed(bytes(31), b"")


def test_seeds_and_labels_make_independent_noise() -> None:
    count = 100_000
    kinds = [(bytes(32), b"a"), (bytes(32), b"b"), (bytes(31) + b"\1", b"a"), (bytes(32), b"")]
    noises = [draw_skellam(1000, count, seed, label) for seed, label in kinds]
    for one, other in itertools.combinations(noises, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / math.sqrt(count)
    first = noises[0]
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 5 / math.sqrt(count)
    assert abs(np.corrcoef(np.abs(first), np.sign(first))[0, 1]) < 5 / math.sqrt(count)


@pytest.mark.parametrize("variance", [1, 12, 10**6])
def test_noise_has_the_mean_and_the_variance_of_its_kind(variance: int) -> None:
    count = 400_000
    noise = draw_skellam(variance, count, b"s" * 32, b"moments").astype(float)
    assert abs(noise.mean()) < 5 * math.sqrt(variance / count)
    # Every even cumulant of Skellam noise is its variance.
    spread = math.sqrt((variance + 2 * variance**2) / count)
    assert abs((noise**2).mean() - variance) < 5 * spread


@pytest.mark.parametrize("variance", [1, 12, 400])
def test_noise_is_as_frequent_as_it_is_probable(variance: int) -> None:
    count = 400_000
    noise = draw_skellam(variance, count, b"s" * 32, b"frequencies")
    likely = [mass for mass in signed_masses_of(variance) if mass * count > 20 << 128]
    expected = np.array([mass / 2**128 * count for mass in likely])
    limit = len(likely) // 2
    found = np.bincount(np.clip(noise, -limit - 1, limit + 1) + limit + 1, minlength=2 * limit + 3)
    rest = count - expected.sum()
    squares = ((found[1:-1] - expected) ** 2 / expected).sum()
    squares += (found[0] + found[-1] - rest) ** 2 / rest
    degrees = len(likely)
    assert abs(squares - degrees) < 5 * math.sqrt(2 * degrees)


def test_a_word_that_meets_an_entry_is_decided_by_one_more() -> None:
    entry = entries_of(100)[7]
    upper, lower = entry >> 64, entry & 2**64 - 1
    minus = 2**63
    lanes = [upper - 1, upper, upper | minus, upper, upper + 1]
    draw = words_of(lanes, [lower - 1, lower, lower + 1])
    assert sample_skellam(compute_table(100), 5, draw).tolist() == [7, 7, -8, 8, 8]


def test_the_highest_word_can_mean_many_magnitudes() -> None:
    entries = entries_of(1000)
    highest = 2**63 - 1
    near_the_end = [k for k, entry in enumerate(entries) if entry >> 64 == highest]
    assert len(near_the_end) > 100
    lowers = [entries[near_the_end[9]] & 2**64 - 1, 0, 2**64 - 1]
    noise = sample_skellam(compute_table(1000), 3, words_of([2**64 - 1] * 3, lowers))
    assert noise.tolist() == [-near_the_end[10], -near_the_end[0], -len(entries)]


def test_lanes_of_all_blocks_are_decided_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skellam, "_BLOCK_LANES", 2)
    entry = entries_of(100)[7]
    upper, lower = entry >> 64, entry & 2**64 - 1
    draw = words_of([0, upper], [upper, 0], [upper], [lower, lower - 1, lower])
    assert sample_skellam(compute_table(100), 5, draw).tolist() == [0, 8, 7, 0, 8]


def test_no_noise_has_no_sign() -> None:
    assert sample_skellam(compute_table(100), 2, words_of([0, 2**63])).tolist() == [0, 0]


@given(st.data())
def test_a_number_means_as_many_entries_as_are_at_most_it(data: st.DataObject) -> None:
    table: SkellamTable = compute_table(20)
    entries = entries_of(20)
    near = st.sampled_from(entries).flatmap(
        lambda entry: st.integers(max(0, entry - 2), min(2**127 - 1, entry + 2))
    )
    number = data.draw(st.integers(0, 2**127 - 1) | near)
    has_to_ask = any(entry >> 64 == number >> 64 for entry in entries)
    draw = words_of([number >> 64], *([[number & 2**64 - 1]] if has_to_ask else []))
    assert sample_skellam(table, 1, draw)[0] == sum(entry <= number for entry in entries)
