"""What masks and shares are made of, written down again from the sources, without any table."""

from __future__ import annotations

import hashlib
import hmac
import struct

MASK32 = 2**32 - 1


def expand_key(seed: bytes, label: bytes) -> bytes:
    """HKDF-SHA256 of RFC 5869, of which one block is all that is needed."""
    extracted = hmac.digest(b"fl_chain/mask/1", seed, "sha256")
    return hmac.digest(extracted, label + b"\x01", "sha256")


def keystream(key: bytes, num_bytes: int) -> bytes:
    """ChaCha20 of RFC 8439 with counter and nonce 0."""
    blocks = (_block(key, counter) for counter in range(-(-num_bytes // 64)))
    return b"".join(blocks)[:num_bytes]


def mask(seed: bytes, label: bytes, num_lanes: int, ring_bits: int) -> list[int]:
    width = ring_bits // 8
    stream = keystream(expand_key(seed, label), num_lanes * width)
    return [int.from_bytes(stream[i : i + width], "little") for i in range(0, len(stream), width)]


def multiply(left: int, right: int) -> int:
    """Product in GF(2^8), by shifting and adding (FIPS 197, section 4.2)."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left <<= 1
        if left & 0x100:
            left ^= 0x11B
        right >>= 1
    return product


def share(secret: bytes, coefficients: bytes, position: int) -> bytes:
    """The values of all polynomials at position + 1, term by term."""
    values = list(secret)
    power = 1
    for start in range(0, len(coefficients), 32):
        power = multiply(power, position + 1)
        for i in range(32):
            values[i] ^= multiply(coefficients[start + i], power)
    return bytes(values)


def draw(seed: bytes, members: list[str], group_size: int) -> list[list[str]]:
    def lot(member: str) -> tuple[bytes, int]:
        address = int(member, 16)
        data = b"fl_chain/groups/1" + seed + address.to_bytes(20, "big")
        return hashlib.sha256(data).digest(), address

    rest = sorted(members, key=lot)
    count = max(1, len(rest) // group_size)
    groups = []
    while rest:
        size = -(-len(rest) // (count - len(groups)))
        groups.append(sorted(rest[:size]))
        rest = rest[size:]
    return groups


def _rotate(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & MASK32


def _block(key: bytes, counter: int) -> bytes:
    start = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key)]
    start += [counter, 0, 0, 0]
    state = list(start)
    columns = [(i, i + 4, i + 8, i + 12) for i in range(4)]
    diagonals = [(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12) for i in range(4)]
    for _ in range(10):
        for a, b, c, d in columns + diagonals:
            for into, other, turned, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8)):
                state[into] = (state[into] + state[other]) & MASK32
                state[turned] = _rotate(state[turned] ^ state[into], bits)
            state[c] = (state[c] + state[d]) & MASK32
            state[b] = _rotate(state[b] ^ state[c], 7)
    return struct.pack("<16I", *((a + b) & MASK32 for a, b in zip(state, start, strict=True)))
