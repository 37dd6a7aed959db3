"""Digests: 32 bytes that identify content, whatever the store that holds it.

The digest of a blob is the Merkle tree hash of RFC 6962, section 2.1, with SHA-256, over its bytes
in chunks of 1,024: leaves are hashed behind 0x00 and inner nodes behind 0x01, so a leaf can never
pass for a node, and a tree of n leaves splits at the largest power of two below n.
"""

from __future__ import annotations

import hashlib

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.constants import CHUNK_BYTES

DIGEST_BYTES = 32

_LEAF = hashlib.sha256(b"\x00")
_NODE = hashlib.sha256(b"\x01")


def compute_digest(data: bytes | memoryview) -> bytes:
    """Return the 32-byte digest of a blob.

    Examples
    --------
    >>> compute_digest(b"").hex()[:16]
    'e3b0c44298fc1c14'
    >>> compute_digest(bytes(1024)) == compute_digest(bytes(1025))
    False
    """
    level = hash_leaves(data)
    if not level:
        return hashlib.sha256().digest()
    while len(level) > 1:
        level = hash_level(level)
    return level[0]


def hash_leaf(chunk: bytes | memoryview) -> bytes:
    """Return the hash of one chunk."""
    leaf = _LEAF.copy()
    leaf.update(chunk)
    return leaf.digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees."""
    node = _NODE.copy()
    node.update(left + right)
    return node.digest()


def hash_leaves(data: bytes | memoryview) -> list[bytes]:
    """Return the lowest level of the tree: the hash of every chunk."""
    view = memoryview(data)
    return [
        hash_leaf(view[start : start + CHUNK_BYTES]) for start in range(0, len(view), CHUNK_BYTES)
    ]


def hash_level(level: list[bytes]) -> list[bytes]:
    """Return the level above one of at least two nodes.

    Pairing from the left and carrying an odd last node up unchanged builds the tree of RFC 6962.
    """
    above = [hash_node(level[left], level[left + 1]) for left in range(0, len(level) - 1, 2)]
    return above + level[-1:] if len(level) % 2 else above


def parse_digest(text: str) -> bytes:
    """Return the digest written as 64 lower-case hexadecimal digits, without prefix.

    Raises
    ------
    MalformedBlob
        Any other text.
    """
    if len(text) != 2 * DIGEST_BYTES or not set(text) <= set("0123456789abcdef"):
        raise MalformedBlob(f"a digest is 64 lower-case hexadecimal digits, not {text[:80]!r}")
    return bytes.fromhex(text)
