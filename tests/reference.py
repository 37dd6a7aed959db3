"""The formats of docs/spec.md in dull code, straight from the texts that define them.

Nothing here imports fl_chain and nothing is fast: Python integers, fractions, recursion. The golden
vectors are made with it, and the property tests compare fl_chain with it, so that neither is
compared with itself.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import rfc8785
from eth_hash.auto import keccak

CHUNK_BYTES = 1024
FORMAT = "fl_chain/1"
NO_DIGEST = "0" * 64

LANE_NAMES = {"update": ("I16", 2), "model": ("I32", 4)}


# ---------------------------------------------------------------- digest: RFC 6962, section 2.1


def merkle_tree_hash(entries: Sequence[bytes]) -> bytes:
    """MTH(D[n]) word for word: k is the largest power of two smaller than n."""
    n = len(entries)
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = split(n)
    left, right = merkle_tree_hash(entries[:k]), merkle_tree_hash(entries[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(n: int) -> int:
    """Return the largest power of two smaller than n, which is at least 2."""
    k = 1
    while 2 * k < n:
        k = 2 * k
    return k


def chunks(data: bytes) -> list[bytes]:
    """Cut content into chunks of 1,024 bytes."""
    return [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]


def digest(data: bytes) -> bytes:
    """Hash content as a tree over its chunks."""
    return merkle_tree_hash(chunks(data))


# ------------------------------------------------------------- openings: RFC 6962, section 2.1.1


def audit_path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n]) word for word."""
    n = len(entries)
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*audit_path(m, entries[:k]), merkle_tree_hash(entries[k:])]
    return [*audit_path(m - k, entries[k:]), merkle_tree_hash(entries[:k])]


def turns(m: int, n: int) -> str:
    """Return for each hash of PATH(m, D[n]) the side on which the path itself goes: L or R."""
    if n == 1:
        return ""
    k = split(n)
    return turns(m, k) + "L" if m < k else turns(m - k, n - k) + "R"


def is_opened(root: bytes, m: int, n: int, chunk: bytes, path: Sequence[bytes]) -> bool:
    """Tell by the turns alone whether a chunk with a path is that at m of n below a root."""
    if not 0 <= m < n or len(path) != len(turns(m, n)) or {len(h) for h in path} - {32}:
        return False
    if len(chunk) not in (range(1, CHUNK_BYTES + 1) if m == n - 1 else [CHUNK_BYTES]):
        return False
    return root_of(turns(m, n), chunk, path) == root


def root_of(sides: str, chunk: bytes, path: Sequence[bytes]) -> bytes:
    """Return the root to which a path with these turns leads from a chunk."""
    hashed = hashlib.sha256(b"\x00" + chunk).digest()
    for side, sibling in zip(sides, path, strict=True):
        pair = hashed + sibling if side == "L" else sibling + hashed
        hashed = hashlib.sha256(b"\x01" + pair).digest()
    return hashed


# ------------------------------------------------------------------- blob: safetensors, canonical


def blob_metadata(
    kind: str, task: str, round_number: int, base_model: str, participant: str = ""
) -> dict[str, str]:
    """Return the metadata of a blob's header."""
    metadata = {
        "base_model": base_model,
        "format": FORMAT,
        "kind": kind,
        "round": str(round_number),
        "task": task,
    }
    return metadata | {"participant": participant} if kind == "update" else metadata


def blob_header(metadata: dict[str, str], tensors: dict[str, list[int]]) -> dict[str, Any]:
    """Return the JSON object of a blob's header; ``tensors`` maps names to shapes."""
    name, width = LANE_NAMES[metadata["kind"]]
    header: dict[str, Any] = {"__metadata__": metadata}
    at = 0
    for tensor in sorted(tensors):
        end = at + width * math.prod(tensors[tensor])
        header[tensor] = {"data_offsets": [at, end], "dtype": name, "shape": tensors[tensor]}
        at = end
    return header


def blob_parts(header_text: bytes, data: bytes) -> tuple[bytes, bytes, int, bytes]:
    """Return prefix, header, number of padding spaces and data."""
    padding = -(8 + len(header_text)) % CHUNK_BYTES
    return (len(header_text) + padding).to_bytes(8, "little"), header_text, padding, data


def join_parts(prefix: bytes, header: bytes, padding: int, data: bytes) -> bytes:
    """Return the bytes of a blob made of parts."""
    return prefix + header + b" " * padding + data


def blob(metadata: dict[str, str], tensors: dict[str, list[int]], values: Sequence[int]) -> bytes:
    """Return the bytes of a blob."""
    width = LANE_NAMES[metadata["kind"]][1]
    header = rfc8785.dumps(blob_header(metadata, tensors))
    data = b"".join(value.to_bytes(width, "little", signed=True) for value in values)
    return join_parts(*blob_parts(header, data))


# --------------------------------------------------------------- fixed point: exact rationals


def clip(value: Fraction, bound: int) -> Fraction:
    """Return the value nearest to ``value`` whose magnitude is at most ``bound``."""
    return max(Fraction(-bound), min(Fraction(bound), value))


def encode_nearest(x: float, fraction_bits: int, max_abs: int) -> int:
    """Round x * 2^F to the nearest integer; Python rounds a tie to even."""
    return round(clip(Fraction(x) * 2**fraction_bits, max_abs))


def encode_stochastic(x: float, fraction_bits: int, max_abs: int, word: int) -> int:
    """Round x * 2^F up when a 32-bit word falls below its fraction; in doubles, as specified."""
    y = min(max(x * 2.0**fraction_bits, -float(max_abs)), float(max_abs))
    floor = math.floor(y)
    return floor + (word < math.floor((y - floor) * 2.0**32))


def shake_words(seed: bytes, count: int) -> list[int]:
    """Return SHAKE-128 of the seed as little-endian 32-bit words."""
    stream = hashlib.shake_128(seed).digest(4 * count)
    return [int.from_bytes(stream[at : at + 4], "little") for at in range(0, 4 * count, 4)]


def div_rhe(numerator: int, denominator: int) -> int:
    """Divide, round to nearest, ties to even."""
    return round(Fraction(numerator, denominator))


def weighted_sum(updates: Sequence[Sequence[int]], weights: Sequence[int]) -> list[int]:
    """Return sum_i w_i q_i for each position."""
    return [
        sum(weight * lane for weight, lane in zip(weights, lanes, strict=True))
        for lanes in zip(*updates, strict=True)
    ]


def next_model(
    base: Sequence[int],
    updates: Sequence[Sequence[int]],
    weights: Sequence[int],
    fraction_bits: int,
    model_fraction_bits: int,
) -> list[int]:
    """Return the next value for each position."""
    shift, total = model_fraction_bits - fraction_bits, sum(weights)
    return [
        next_value(value, lane, shift, total)
        for value, lane in zip(base, weighted_sum(updates, weights), strict=True)
    ]


def next_value(base: int, weighted: int, shift: int, total_weight: int) -> int:
    """Return saturate_int32(M + div_rhe(S * 2^(G-F), W))."""
    moved = base + div_rhe(weighted * 2**shift, total_weight)
    return max(-(2**31), min(2**31 - 1, moved))


# ------------------------------------------------------------------------- records: Solidity ABI

TASK_PARAMETERS = (
    ("registry", "address"),
    ("aggregator", "address"),
    ("manifest_digest", "bytes32"),
    ("manifest_cid_digest", "bytes32"),
    ("genesis_digest", "bytes32"),
    ("genesis_cid_digest", "bytes32"),
    ("num_rounds", "uint32"),
    ("min_updates", "uint32"),
    ("target_updates", "uint32"),
    ("max_weight", "uint32"),
    ("collect_seconds", "uint32"),
    ("aggregate_seconds", "uint32"),
    ("challenge_seconds", "uint32"),
)

# Event name to (number of indexed arguments, arguments), typed from the interfaces by hand.
EVENTS: dict[str, tuple[int, tuple[tuple[str, Any], ...]]] = {
    "TaskCreated": (
        1,
        (("coordinator", "address"), ("parameters", TASK_PARAMETERS), ("timestamp", "uint40")),
    ),
    "ParticipantAdmitted": (1, (("participant", "address"), ("timestamp", "uint40"))),
    "ParticipantRemoved": (1, (("participant", "address"), ("timestamp", "uint40"))),
    "RoundOpened": (1, (("round", "uint32"), ("base_round", "uint32"), ("timestamp", "uint40"))),
    "UpdateSubmitted": (
        2,
        (
            ("round", "uint32"),
            ("participant", "address"),
            ("sequence", "uint32"),
            ("digest", "bytes32"),
            ("cid_digest", "bytes32"),
            ("weight", "uint32"),
            ("timestamp", "uint40"),
        ),
    ),
    "ModelProposed": (
        1,
        (
            ("round", "uint32"),
            ("model_digest", "bytes32"),
            ("model_cid_digest", "bytes32"),
            ("report_digest", "bytes32"),
            ("report_cid_digest", "bytes32"),
            ("report_bytes", "uint32"),
            ("timestamp", "uint40"),
        ),
    ),
    "RoundFinalized": (
        1,
        (("round", "uint32"), ("model_digest", "bytes32"), ("timestamp", "uint40")),
    ),
    "RoundAborted": (1, (("round", "uint32"), ("timestamp", "uint40"))),
    "TaskStopped": (0, (("timestamp", "uint40"),)),
    "RegistryCreated": (1, (("registrar", "address"), ("timestamp", "uint40"))),
    "ParticipantEnrolled": (1, (("participant", "address"), ("timestamp", "uint40"))),
    "ParticipantRevoked": (1, (("participant", "address"), ("timestamp", "uint40"))),
}


def abi_signature(event: str) -> str:
    """Return an event's signature."""
    arguments = [
        kind if isinstance(kind, str) else f"({','.join(part for _, part in kind)})"
        for _, kind in EVENTS[event][1]
    ]
    return f"{event}({','.join(arguments)})"


def abi_word(kind: str, value: Any) -> bytes:
    """Return one value of a static type as a word: left-padded numbers, right-aligned addresses."""
    if kind == "bytes32":
        return bytes.fromhex(value)
    number = int(value, 16) if kind == "address" else value
    return bytes.fromhex(f"{number:064x}")


def abi_words(event: str, values: dict[str, Any]) -> list[bytes]:
    """Return every argument of an event as words, in order."""
    words = []
    for name, kind in EVENTS[event][1]:
        if isinstance(kind, str):
            words.append(abi_word(kind, values[name]))
        else:
            words += [abi_word(part, values[name][field]) for field, part in kind]
    return words


def abi_log(event: str, values: dict[str, Any]) -> tuple[list[bytes], bytes]:
    """Return topics and data of an event's log."""
    words, indexed = abi_words(event, values), EVENTS[event][0]
    return [keccak(abi_signature(event).encode()), *words[:indexed]], b"".join(words[indexed:])


def record_hash(event: str, values: dict[str, Any]) -> bytes:
    """Hash topic 0 and every argument."""
    return keccak(keccak(abi_signature(event).encode()) + b"".join(abi_words(event, values)))


def history_start(chain_id: int, contract: str) -> bytes:
    """Hash chain id and contract."""
    return keccak(abi_word("uint256", chain_id) + abi_word("address", contract))
