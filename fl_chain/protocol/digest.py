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
    view = memoryview(data)
    if not view:
        return hashlib.sha256().digest()
    level = []
    for start in range(0, len(view), CHUNK_BYTES):
        leaf = _LEAF.copy()
        leaf.update(view[start : start + CHUNK_BYTES])
        level.append(leaf.digest())
    # Pairing from the left and carrying an odd last node up unchanged builds the tree of RFC 6962.
    while len(level) > 1:
        paired = []
        for left in range(0, len(level) - 1, 2):
            node = _NODE.copy()
            node.update(level[left] + level[left + 1])
            paired.append(node.digest())
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


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
