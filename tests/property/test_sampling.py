"""Rules of seeds that hold for all inputs, and how often a participant is selected."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.protocol.sampling import (
    NO_MIX,
    WHOLE,
    add_to_mix,
    compute_contribution,
    compute_seed,
    is_drawn,
)
from tests import reference as ref

words = st.binary(min_size=32, max_size=32)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
rounds = st.integers(1, 2**32 - 1)
NAMES = [f"0x{index:040x}" for index in range(1, 51)]
NUM_ROUNDS = 400


def mix_of(number: int, secrets: list[tuple[str, bytes]]) -> bytes:
    mix = NO_MIX
    for aggregator, secret in secrets:
        mix = add_to_mix(mix, compute_contribution(number, aggregator, secret))
    return mix


@given(words, rounds, st.dictionaries(addresses, words, max_size=5).map(lambda d: list(d.items())))
def test_a_seed_is_that_of_the_reference_whatever_the_order(
    former: bytes, number: int, secrets: list[tuple[str, bytes]]
) -> None:
    seed = compute_seed(former, number, mix_of(number, secrets))
    assert seed == compute_seed(former, number, mix_of(number, secrets[::-1]))
    assert seed == ref.seed(former.hex(), number, {who: word.hex() for who, word in secrets})


@given(words, addresses, st.integers(1, 2**32 - 1))
def test_a_lot_is_that_of_the_reference(seed: bytes, name: str, rate: int) -> None:
    assert is_drawn(seed, name, rate) == (ref.lot(seed.hex(), name) < rate)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_participants_are_selected_as_often_as_the_rate_says_and_independently(
    share: float,
) -> None:
    """A fixed sequence of seeds, so this never fails by chance."""
    rate, seed = round(share * WHOLE), bytes(32)
    counts, pairs, total = dict.fromkeys(NAMES, 0), 0, 0
    for number in range(1, NUM_ROUNDS + 1):
        seed = compute_seed(seed, number, NO_MIX)
        drawn = [name for name in NAMES if is_drawn(seed, name, rate)]
        total += len(drawn)
        pairs += NAMES[0] in drawn and NAMES[1] in drawn
        for name in drawn:
            counts[name] += 1
    draws = NUM_ROUNDS * len(NAMES)
    assert abs(total / draws - share) < 4 * math.sqrt(share * (1 - share) / draws)
    spread = math.sqrt(share * (1 - share) * NUM_ROUNDS)
    assert all(abs(count - share * NUM_ROUNDS) < 4.5 * spread for count in counts.values())
    both = share**2
    assert abs(pairs / NUM_ROUNDS - both) < 4 * math.sqrt(both * (1 - both) / NUM_ROUNDS)
