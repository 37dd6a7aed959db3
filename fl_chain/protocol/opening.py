"""Openings: one chunk of some content, shown to whoever knows nothing but the content's digest.

An opening is a chunk with its audit path (RFC 6962, section 2.1.1): the hashes of the subtrees
beside the way from the chunk's leaf up to the root. It is followed by the algorithm of RFC 9162,
section 2.1.3.2, as contracts/libraries/DigestTree.sol does it on chain.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.constants import CHUNK_BYTES
from fl_chain.protocol.digest import (
    DIGEST_BYTES,
    hash_leaf,
    hash_leaves,
    hash_level,
    hash_node,
)


@dataclass(frozen=True, slots=True)
class Opening:
    """One chunk, and the hashes that lead from it to a digest."""

    chunk: bytes
    """The bytes themselves: 1,024 of them, fewer only at the end of the content."""
    proof: tuple[bytes, ...]
    """The siblings on the way up, that of the leaf first; a level without one has no entry."""


def open_chunk(data: bytes | memoryview, index: int) -> Opening:
    """Return the opening of a chunk: PATH(index, D[n]) of RFC 6962, section 2.1.1.

    Parameters
    ----------
    data
        The whole content; all of it is hashed.
    index
        Position of the chunk, from 0.

    Raises
    ------
    ValueOutOfRange
        The content has no such chunk. Content without bytes has none at all.

    Examples
    --------
    >>> from fl_chain.protocol.digest import compute_digest
    >>> content = bytes(3000)
    >>> opening = open_chunk(content, 2)
    >>> len(opening.chunk), len(opening.proof)
    (952, 1)
    >>> verify_opening(compute_digest(content), 2, 3, opening)
    True
    """
    level = hash_leaves(data)
    if not 0 <= index < len(level):
        raise ValueOutOfRange(f"chunk {index} is not one of the {len(level)} chunks of the content")
    chunk = bytes(data[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES])
    proof = []
    position = index
    while len(level) > 1:
        sibling = position ^ 1
        if sibling < len(level):
            proof.append(level[sibling])
        level = hash_level(level)
        position >>= 1
    return Opening(chunk, tuple(proof))


def path_turns(index: int, num_chunks: int) -> tuple[bool, ...]:
    """Return on which side of its sibling the way from a chunk to the root is, from below.

    Content of another number of chunks than expected opens exactly where the turns are the same.

    Examples
    --------
    >>> path_turns(2, 3), path_turns(1, 2)
    ((True,), (True,))
    >>> path_turns(0, 3)
    (False, False)
    """
    turns = []
    position, last = index, num_chunks - 1
    while last > 0:
        if position % 2 == 1 or position < last:
            turns.append(position % 2 == 1)
        position, last = position >> 1, last >> 1
    return tuple(turns)


def find_unopenable_chunk(expected_bytes: int, actual_bytes: int) -> int:
    """Return a chunk that content of another size than the expected one cannot open.

    There always is one: where the number of chunks is the same, the last one has another length;
    where it is not, some path of the expected tree is none of the actual one.

    Parameters
    ----------
    expected_bytes, actual_bytes
        Two different sizes, at least 1.

    Raises
    ------
    ValueError
        The sizes are the same.

    Examples
    --------
    >>> find_unopenable_chunk(3000, 3001), find_unopenable_chunk(3000, 2000)
    (2, 1)
    """
    expected, actual = (-(-size // CHUNK_BYTES) for size in (expected_bytes, actual_bytes))
    if expected == actual and expected_bytes != actual_bytes:
        return expected - 1
    openable = {path_turns(index, actual) for index in range(actual)}
    for index in reversed(range(expected)):
        if path_turns(index, expected) not in openable:
            return index
    raise ValueError("content of the expected size opens every chunk")


def verify_opening(root: bytes, index: int, num_chunks: int, opening: Opening) -> bool:
    """Tell whether an opening is that of one chunk of the content with a digest.

    True means: if ``root`` is the digest of content of ``num_chunks`` chunks, the opened one is at
    ``index`` of it. That there are so many is not shown; a digest does not tell the size of its
    content, so the number comes from a source that is trusted as much as the digest.

    Parameters
    ----------
    root
        Digest of the content.
    index
        Position of the chunk, from 0.
    num_chunks
        Number of chunks of the content.
    opening
        Anything; what is no opening of this chunk is false and never an error.

    Notes
    -----
    RFC 9162, section 2.1.3.2, with ``position`` for fn and ``last`` for sn; the length of a chunk
    is a rule of docs/spec.md, section 5.1.
    """
    if not 0 <= index < num_chunks:
        return False
    length = len(opening.chunk)
    if not (length == CHUNK_BYTES or (index == num_chunks - 1 and 0 < length < CHUNK_BYTES)):
        return False
    if any(len(sibling) != DIGEST_BYTES for sibling in opening.proof):
        return False
    hashed = hash_leaf(opening.chunk)
    # Positions on the level that `hashed` is on: its own, and that of the level's last node.
    position, last = index, num_chunks - 1
    for sibling in opening.proof:
        if last == 0:
            return False
        if position % 2 == 1 or position == last:
            hashed = hash_node(sibling, hashed)
            # An odd last node moves up unchanged: at these levels it had no sibling.
            while position % 2 == 0:
                position, last = position >> 1, last >> 1
        else:
            hashed = hash_node(hashed, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and hashed == root
