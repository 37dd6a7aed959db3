"""Secret sharing: any threshold of shares tells the secret, and fewer tell nothing."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.privacy.masking.shamir import combine, complete, split
from tests import reference_masks as ref

EVERY_BYTE = [bytes(range(start, start + 32)) for start in range(0, 256, 32)]


def test_shares_that_can_be_computed_by_hand() -> None:
    """2 + 3 x + x^2 over GF(2^8): at 1 it is 2 ^ 3 ^ 1, at 2 it is 2 ^ 6 ^ 4, and so on."""
    shares = split(bytes([2] * 32), 3, 5, bytes([3] * 32 + [1] * 32))
    assert [share[0] for share in shares] == [0, 0, 2, 2 ^ 12 ^ 16, 2 ^ 15 ^ 17]
    assert all(len(set(share)) == 1 for share in shares)


def test_products_wrap_by_the_polynomial_of_aes() -> None:
    """The example of FIPS 197, section 4.2: 0x57 times 0x13 is 0xfe; and 0x57 at 0x13 less 1."""
    assert ref.multiply(0x57, 0x13) == 0xFE
    shares = split(bytes(32), 2, 0x13, bytes([0x57] * 32))
    assert shares[0x12] == bytes([0xFE] * 32)


def test_every_product_of_the_field_is_that_of_the_reference() -> None:
    for factors in EVERY_BYTE:
        shares = split(bytes(32), 2, 255, factors)
        for point, share in enumerate(shares, 1):
            assert list(share) == [ref.multiply(factor, point) for factor in factors]


@given(st.data())
def test_shares_are_those_of_the_reference(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 30))
    threshold = data.draw(st.integers(1, count))
    secret = data.draw(st.binary(min_size=32, max_size=32))
    size = 32 * (threshold - 1)
    coefficients = data.draw(st.binary(min_size=size, max_size=size))
    shares = split(secret, threshold, count, coefficients)
    assert shares == [ref.share(secret, coefficients, i) for i in range(count)]
    chosen = data.draw(st.permutations(range(count)))[:threshold]
    told = {i: shares[i] for i in chosen}
    assert combine(told, threshold) == secret
    assert complete(told, threshold, count) == shares


@pytest.mark.parametrize("count", range(1, 8))
def test_every_set_of_the_threshold_tells_the_secret(count: int) -> None:
    secret = bytes(range(100, 132))
    for threshold in range(1, count + 1):
        shares = split(secret, threshold, count, bytes(range(1, 33)) * (threshold - 1))
        for chosen in itertools.combinations(range(count), threshold):
            assert combine({i: shares[i] for i in chosen}, threshold) == secret


def test_the_shares_of_the_largest_group_tell_the_secret() -> None:
    secret, threshold = bytes(range(32)), 85
    shares = split(secret, threshold, 127, bytes(i * i % 251 for i in range(32 * 84)))
    assert combine(dict(enumerate(shares[-threshold:], 127 - threshold)), threshold) == secret
    assert combine(dict(enumerate(shares)), threshold) == secret
    for first in (0, 21, 42):
        told = dict(enumerate(shares[first : first + threshold], first))
        assert complete(told, threshold, 127) == shares


def test_a_share_off_the_polynomial_is_completed_to_others() -> None:
    shares = dict(enumerate(split(b"s" * 32, 2, 4, b"c" * 32)))
    completed = complete({0: bytes(32), 3: shares[3]}, 2, 4)
    assert (completed[0], completed[3]) == (bytes(32), shares[3])
    assert completed[1] != shares[1]
    assert completed[2] != shares[2]


def test_fewer_shares_than_the_threshold_go_with_every_secret() -> None:
    """Whatever the other share of a threshold is, another secret comes out, and every one does."""
    count, threshold = 5, 4
    shares = split(b"\x2a" * 32, threshold, count, b"a" * 32 + b"b" * 32 + b"c" * 32)
    for *known, other in itertools.permutations(range(count), threshold):
        held = {i: shares[i] for i in known}
        found = [combine({**held, other: values}, threshold) for values in EVERY_BYTE]
        assert sorted(b"".join(found)) == list(range(256))


def test_for_every_secret_a_share_has_every_value_equally_often() -> None:
    for secret in (0, 1, 0x53, 0xFF):
        values = [
            byte
            for coefficients in EVERY_BYTE
            for byte in split(bytes([secret] * 32), 2, 2, coefficients)[1]
        ]
        assert sorted(values) == list(range(256))


def test_shares_beyond_the_lowest_positions_are_not_looked_at() -> None:
    shares = dict(enumerate(split(b"s" * 32, 2, 4, b"c" * 32)))
    assert combine({**shares, 2: b"", 3: bytes(32)}, 2) == b"s" * 32
    assert combine({**shares, 1: bytes(32)}, 2) != b"s" * 32


@pytest.mark.parametrize(
    ("secret", "threshold", "count", "coefficients"),
    [
        (bytes(31), 2, 3, bytes(32)),
        (bytes(32), 2, 3, bytes(31)),
        (bytes(32), 2, 3, bytes(64)),
        (bytes(32), 0, 3, b""),
        (bytes(32), 4, 3, bytes(96)),
        (bytes(32), 2, 256, bytes(32)),
    ],
)
def test_lengths_that_do_not_fit_are_refused(
    secret: bytes, threshold: int, count: int, coefficients: bytes
) -> None:
    with pytest.raises(ValueError, match=r"threshold|length"):
        split(secret, threshold, count, coefficients)


@pytest.mark.parametrize("shares", [{}, {0: bytes(32)}, {0: bytes(32), 1: bytes(31)}])
def test_too_few_shares_and_short_ones_are_refused(shares: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="takes 2"):
        combine(shares, 2)
    with pytest.raises(ValueError, match="takes 2"):
        complete(shares, 2, 3)
