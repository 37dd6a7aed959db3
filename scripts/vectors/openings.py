"""Vectors of openings: one chunk with the hashes that lead from it to a digest."""

from __future__ import annotations

import hashlib
from typing import Any

from scripts.vectors.encodings import digest_content
from tests import reference as ref

LARGE = 3907 * ref.CHUNK_BYTES + 128
"""Content of 3,908 chunks: about a million parameters."""

Opened = dict[str, Any]


def make_openings() -> Any:
    """Return every chunk of every small tree, some of a large one, and what is no opening."""
    lengths = [1, 1023, 1024, 1025, 2047, 2048, 2049]
    lengths += [size * ref.CHUNK_BYTES - 37 * size for size in range(3, 18)]
    cases = [
        _opening(length, index)
        for length in lengths
        for index in range(len(ref.chunks(digest_content(length))))
    ]
    borders = [0, 1, 1023, 1024, 2047, 2048, 3071, 3072, 3839, 3840, 3903, 3904, 3906, 3907]
    cases += [_opening(LARGE, index) for index in borders]
    refused = [{"reason": reason, **_spelled(opened)} for reason, opened in _refused()]
    same_path = [_spelled(opened) for opened in _same_path()]
    return {
        "content": "byte i of the content is (7 i + floor(i / 251)) mod 256",
        "count": len(cases),
        "cases": cases,
        "same_path_count": len(same_path),
        "same_path": same_path,
        "refused_count": len(refused),
        "refused": refused,
    }


def _opening(length: int, index: int) -> dict[str, Any]:
    entries = ref.chunks(digest_content(length))
    return {
        "length": length,
        "index": index,
        "num_chunks": len(entries),
        "root": ref.merkle_tree_hash(entries).hex(),
        "proof": [sibling.hex() for sibling in ref.audit_path(index, entries)],
    }


def _opened(entries: list[bytes], index: int) -> Opened:
    """Return an opening as its parts, below a root over any entries."""
    return {
        "root": ref.merkle_tree_hash(entries),
        "index": index,
        "num_chunks": len(entries),
        "chunk": entries[index],
        "proof": ref.audit_path(index, entries),
    }


def _spelled(opened: Opened) -> dict[str, Any]:
    proof = [sibling.hex() for sibling in opened["proof"]]
    return {**opened, "root": opened["root"].hex(), "chunk": opened["chunk"].hex(), "proof": proof}


def _flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _same_path() -> list[Opened]:
    """Return openings that hold for another place of a tree of another size as well."""
    three, four = ref.chunks(digest_content(2060)), ref.chunks(digest_content(4 * 1024))
    return [
        _opened(three, 0) | {"num_chunks": 4},
        _opened(four, 0) | {"num_chunks": 3},
        _opened(three, 2) | {"index": 1, "num_chunks": 2},
        _opened(four, 3) | {"index": 6, "num_chunks": 7},
    ]


def _refused() -> list[tuple[str, Opened]]:
    one, two = ref.chunks(digest_content(10)), ref.chunks(digest_content(1030))
    six, seven = ref.chunks(digest_content(5130)), ref.chunks(digest_content(6154))
    last, inner, only = _opened(seven, 6), _opened(seven, 2), _opened(one, 0)
    leaves = [hashlib.sha256(b"\x00" + chunk).digest() for chunk in two]
    other = bytes(32)
    return [
        *_wrong_places(last, inner, only),
        *_wrong_lengths(seven),
        ("a proof without its last hash", last | {"proof": last["proof"][:-1]}),
        ("a proof without its first hash", last | {"proof": last["proof"][1:]}),
        ("no proof", last | {"proof": []}),
        ("a proof with one more hash", last | {"proof": [*last["proof"], other]}),
        ("a proof with the root at its end", last | {"proof": [*last["proof"], last["root"]]}),
        ("a proof with one more hash in front", last | {"proof": [other, *last["proof"]]}),
        ("a proof for a single chunk", only | {"proof": [other]}),
        ("a proof in reverse", inner | {"proof": inner["proof"][::-1]}),
        ("a proof of another chunk", inner | {"proof": ref.audit_path(3, seven)}),
        ("the opening of other content", _opened(six, 5) | {"root": last["root"]}),
        ("the root of no content", only | {"root": hashlib.sha256(b"").digest()}),
        ("one bit of the chunk", last | {"chunk": _flip(last["chunk"], 0)}),
        ("the last bit of a chunk", inner | {"chunk": _flip(inner["chunk"], 8191)}),
        ("one bit of the root", last | {"root": _flip(last["root"], 255)}),
        *(
            (
                f"one bit of hash {at} of the proof",
                inner
                | {"proof": [_flip(h, 7) if i == at else h for i, h in enumerate(inner["proof"])]},
            )
            for at in range(3)
        ),
        (
            "an inner node as a chunk",
            {**_opened(two, 0), "num_chunks": 1, "chunk": b"".join(leaves), "proof": []},
        ),
        (
            "an inner node with its prefix as a chunk",
            {**_opened(two, 0), "num_chunks": 1, "chunk": b"\x01" + b"".join(leaves), "proof": []},
        ),
        (
            "an inner node as the last chunk of a larger tree",
            {
                **_opened(seven, 6),
                "num_chunks": 2,
                "index": 1,
                "chunk": ref.merkle_tree_hash(seven[4:6]) + ref.merkle_tree_hash(seven[6:]),
                "proof": [ref.merkle_tree_hash(seven[:4])],
            },
        ),
        ("a leaf hashed without its prefix", only | {"root": hashlib.sha256(one[0]).digest()}),
        (
            "a leaf hashed behind the prefix of a node",
            only | {"root": hashlib.sha256(b"\x01" + one[0]).digest()},
        ),
        (
            "a node hashed without its prefix",
            _opened(two, 1) | {"root": hashlib.sha256(b"".join(leaves)).digest()},
        ),
    ]


def _wrong_places(last: Opened, inner: Opened, only: Opened) -> list[tuple[str, Opened]]:
    """Return openings for an index or a number of chunks that is not theirs."""
    return [
        ("an index past the end", last | {"index": 7}),
        ("an index of 64 bits", last | {"index": 2**63 - 1}),
        ("the index past a single chunk", only | {"index": 1}),
        *(
            (f"chunk 2 as chunk {index} of 7", inner | {"index": index})
            for index in (0, 1, 3, 4, 5, 6)
        ),
        ("no chunks", only | {"num_chunks": 0}),
        *(
            (f"chunk 2 of 7 as one of {size}", inner | {"num_chunks": size})
            for size in (1, 2, 3, 4, 9, 16, 2**53)
        ),
        *((f"chunk 6 of 7 as one of {size}", last | {"num_chunks": size}) for size in (8, 14)),
    ]


def _wrong_lengths(seven: list[bytes]) -> list[tuple[str, Opened]]:
    """Return chunks of a length that no chunk has there, below roots that are made for them."""
    final = seven[6]
    nothing = {"root": hashlib.sha256(b"").digest(), "num_chunks": 1, "chunk": b"", "proof": []}
    short = [*seven[:2], seven[2][:-1], *seven[3:]]
    return [
        ("content without bytes", {"index": 0, **nothing}),
        ("a chunk without bytes", _opened([b""], 0)),
        ("a last chunk without bytes", _opened([*seven[:6], b""], 6)),
        ("a single chunk of 1,025 bytes", _opened([digest_content(1025)], 0)),
        ("a chunk of 1,025 bytes", _opened([digest_content(1025), final], 0)),
        ("a last chunk of 1,025 bytes", _opened([seven[0], digest_content(1025)], 1)),
        ("a chunk of 1,023 bytes that is not the last", _opened(short, 2)),
        ("a last chunk with one more zero", _opened(seven, 6) | {"chunk": final + b"\x00"}),
        ("a last chunk without its last byte", _opened(seven, 6) | {"chunk": final[:-1]}),
    ]
