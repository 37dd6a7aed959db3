"""The formats of docs/spec.md in dull code, straight from the texts that define them.

Nothing here imports fl_chain and nothing is fast: Python integers, fractions, recursion. The golden
vectors are made with it, and the property tests compare fl_chain with it, so that neither is
compared with itself.
"""

from __future__ import annotations

import base64
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

INTEGERS = {8: "I8", 12: "U8", 16: "I16", 32: "I32"}
PACKED_LANE_BITS = 12
BLOCK_VALUES = 16


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


def model_metadata(task: str, is_measured: bool = False) -> dict[str, str]:
    """Return the metadata of every model of a task."""
    metadata = {"format": FORMAT, "kind": "model", "task": task}
    return metadata | {"measurements": "claimed"} if is_measured else metadata


MEASURED = (
    *("train_examples", "train_milliseconds", "train_loss_millionths"),
    *("base_examples", "base_correct", "base_loss_millionths"),
    *("energy_millijoules", "energy_source"),
)
LONGEST_MEASUREMENT = dict.fromkeys(MEASURED, 4294967295) | {
    "energy_millijoules": 2**39 - 1,
    "energy_source": "estimated",
}


def update_metadata(
    task: str,
    round_number: int,
    base_model: str,
    participant: str,
    measurement: dict[str, Any] | None = None,
) -> dict[str, str]:
    """Return the metadata of an update."""
    said = {key: str(value) for key, value in (measurement or {}).items()}
    return said | {
        "base_model": base_model,
        "format": FORMAT,
        "kind": "update",
        "participant": participant,
        "round": str(round_number),
        "task": task,
    }


def bits_of(metadata: dict[str, str], lane_bits: int) -> int:
    """Return how many bits an integer of a blob has."""
    return lane_bits if metadata["kind"] == "update" else 32


def blob_header(
    metadata: dict[str, str], tensors: dict[str, list[int]], lane_bits: int = 16
) -> dict[str, Any]:
    """Return the JSON object of a blob's header; ``tensors`` maps names to shapes."""
    bits = bits_of(metadata, lane_bits)
    name, width = INTEGERS[bits], bits // 8
    header: dict[str, Any] = {"__metadata__": metadata}
    at = 0
    for tensor in sorted(tensors):
        end = at + width * math.prod(tensors[tensor])
        header[tensor] = {"data_offsets": [at, end], "dtype": name, "shape": tensors[tensor]}
        at = end
    return header


def header_bytes(tensors: dict[str, list[int]], is_measured: bool = False) -> int:
    """Return how many bytes stand before the data of every update and model of a task."""
    said = LONGEST_MEASUREMENT if is_measured else None
    update = update_metadata("0" * 64, 4294967295, "0" * 64, "0x" + "0" * 40, said)
    model = model_metadata("0" * 64, is_measured)
    return max(
        chunked_bytes(rfc8785.dumps(blob_header(metadata, tensors))) for metadata in (update, model)
    )


def chunked_bytes(header_text: bytes) -> int:
    """Return how many bytes the whole chunks have that hold a prefix and this text."""
    return CHUNK_BYTES * math.ceil(Fraction(8 + len(header_text), CHUNK_BYTES))


def blob_parts(header_text: bytes, data: bytes, size: int) -> tuple[bytes, bytes, int, bytes]:
    """Return prefix, header, number of padding spaces and data, with ``size`` bytes before it."""
    return (size - 8).to_bytes(8, "little"), header_text, size - 8 - len(header_text), data


def join_parts(prefix: bytes, header: bytes, padding: int, data: bytes) -> bytes:
    """Return the bytes of a blob made of parts."""
    return prefix + header + b" " * padding + data


def blob(
    metadata: dict[str, str],
    tensors: dict[str, list[int]],
    values: Sequence[int],
    lane_bits: int = 16,
) -> bytes:
    """Return the bytes of a blob."""
    header = rfc8785.dumps(blob_header(metadata, tensors, lane_bits))
    data = entries(values, bits_of(metadata, lane_bits))
    return join_parts(*blob_parts(header, data, header_bytes(tensors, says_measured(metadata))))


def entries(values: Sequence[int], bits: int) -> bytes:
    """Return the bytes of a blob's entries: integers, or the bytes of packed lanes."""
    return b"".join(
        value.to_bytes(bits // 8, "little", signed=bits != PACKED_LANE_BITS) for value in values
    )


def packed(lanes: Sequence[int]) -> list[int]:
    """Return the bytes that hold lanes of 12 bits, two by two."""
    found: list[int] = []
    for place in range(0, len(lanes), 2):
        one, other = [lane % 2**12 for lane in [*lanes[place : place + 2], 0][:2]]
        found += (one + 2**12 * other).to_bytes(3, "little")
    return found


def says_measured(metadata: dict[str, str]) -> bool:
    """Return whether the header belongs to a task with measurements."""
    return "measurements" in metadata or "train_examples" in metadata


def totals(measurements: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Return what a report says about the measurements of the included updates."""

    def column(key: str) -> list[int]:
        return [said[key] for said in measurements]

    def mean(key: str, examples: str) -> int:
        total = sum(column(examples))
        weighted = sum(a * b for a, b in zip(column(key), column(examples), strict=True))
        return round(Fraction(weighted, total)) if total else 0  # ties to even

    def energy(source: str) -> int:
        told = [said for said in measurements if said["energy_source"] == source]
        return sum(said["energy_millijoules"] for said in told)

    return {
        "train_examples": sum(column("train_examples")),
        "train_milliseconds": sum(column("train_milliseconds")),
        "train_milliseconds_max": max(column("train_milliseconds")),
        "train_loss_millionths": mean("train_loss_millionths", "train_examples"),
        "base_examples": sum(column("base_examples")),
        "base_correct": sum(column("base_correct")),
        "base_loss_millionths": mean("base_loss_millionths", "base_examples"),
        "energy_updates": sum(said["energy_source"] != "none" for said in measurements),
        "measured_millijoules": energy("measured"),
        "estimated_millijoules": energy("estimated"),
    }


# ----------------------------------------------------------------- report: safetensors, canonical

REPORT_HEADER_BYTES = 1024
Rewards = Sequence[tuple[str, int]]
"""Address and wei of each update."""
REASONS = (
    *("unavailable", "oversized", "wrong_digest", "malformed", "misbound", "out_of_range"),
    *("unsigned", "not_admitted", "duplicate", "too_long", "overweight"),
    *("unpaired", "group_left_out"),
)
STATUS = {"included": 0} | {reason: number for number, reason in enumerate(REASONS, start=1)}


def report_metadata(
    task: str,
    round_number: int,
    base_model: str,
    model: str,
    total_weight: int,
    totals_of: dict[str, int] | None = None,
) -> dict[str, str]:
    """Return the metadata of a report."""
    said = {key: str(value) for key, value in (totals_of or {}).items()}
    return said | {
        "base_model": base_model,
        "format": FORMAT,
        "kind": "report",
        "model": model,
        "round": str(round_number),
        "task": task,
        "total_weight": str(total_weight),
    }


def report_header(
    metadata: dict[str, str], count: int, has_rewards: bool = False
) -> dict[str, Any]:
    """Return the JSON object of the header of a report about so many updates."""
    tensor = {"data_offsets": [0, count], "dtype": "U8", "shape": [count]}
    entries: dict[str, Any] = {"__metadata__": metadata, "status": tensor}
    if has_rewards:
        end = reward_start(count) + 32 * count
        entries["~reward"] = {"data_offsets": [count, end], "dtype": "U8", "shape": [end - count]}
    return entries


def reward_start(count: int) -> int:
    """Return where rewards begin in the data of a report: at the next multiple of 1,024."""
    return math.ceil(count / 1024) * 1024


def report_data(statuses: Sequence[int], rewards: Rewards | None = None) -> bytes:
    """Return what follows the header of a report."""
    data = bytes(statuses)
    if rewards is not None:
        data = data.ljust(reward_start(len(statuses)), b"\0")
        data += b"".join(bytes.fromhex(who[2:]) + wei.to_bytes(12) for who, wei in rewards)
    return data


def report(
    metadata: dict[str, str], statuses: Sequence[int], rewards: Rewards | None = None
) -> bytes:
    """Return the bytes of a report; status i is that of the update with sequence number i."""
    header = rfc8785.dumps(report_header(metadata, len(statuses), rewards is not None))
    return join_parts(*blob_parts(header, report_data(statuses, rewards), REPORT_HEADER_BYTES))


def cosine_scores(updates: Sequence[Sequence[int]], weights: Sequence[int]) -> list[int]:
    """Return the cosine of each update with the weighted sum of the others, times 2^32."""
    scores = []
    for index, own in enumerate(updates):
        rest = [update for i, update in enumerate(updates) if i != index]
        shares = [weight for i, weight in enumerate(weights) if i != index]
        others = weighted_sum(rest, shares) if rest else [0] * len(own)
        product = sum(a * b for a, b in zip(own, others, strict=True))
        length = math.isqrt(sum(a * a for a in own) * sum(b * b for b in others))
        scores.append(max(0, product) * 2**32 // length if length else 0)
    return scores


# ----------------------------------------------------------------------------- differences


def difference(base: Sequence[int], model: Sequence[int]) -> bytes:
    """Return what makes a model of its base model, bit by bit."""
    folded = []
    for before, after in zip(base, model, strict=True):
        signed = (after - before + 2**31) % 2**32 - 2**31
        folded.append(2 * signed if signed >= 0 else -2 * signed - 1)
    data = bytearray()
    for start in range(0, len(folded), 256):
        run = folded[start : start + 256]
        run += [0] * (256 - len(run))
        width = max(run).bit_length()
        word = sum(value << width * index for index, value in enumerate(run))
        data += bytes([width]) + word.to_bytes(32 * width, "little")
    return bytes(data)


def raw_cid(content: bytes) -> str:
    """Return the CID of content of one IPFS block."""
    binary = b"\x01\x55\x12\x20" + hashlib.sha256(content).digest()
    return "b" + base64.b32encode(binary).decode().lower().rstrip("=")


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


def discounted(weight: int, staleness: int) -> int:
    """Return what is left of a weight: times the largest k / 2^16 below 1 / sqrt(1 + s)."""
    k = 0
    for bit in reversed(range(17)):
        if (k + 2**bit) ** 2 * (1 + staleness) <= 2**32:
            k += 2**bit
    return weight * k // 2**16


def next_value(base: int, weighted: int, shift: int, total_weight: int) -> int:
    """Return saturate_int32(M + div_rhe(S * 2^(G-F), W))."""
    moved = base + div_rhe(weighted * 2**shift, total_weight)
    return max(-(2**31), min(2**31 - 1, moved))


# ---------------------------------------------------------------------- server optimizers

OPTIMIZER_UNIT = 2**14


def saturate(value: int) -> int:
    """Return the nearest integer of 32 bits."""
    return max(-(2**31), min(2**31 - 1, value))


def bound(value: int, low: int, high: int) -> int:
    """Return the nearest integer of a range."""
    return max(low, min(high, value))


def nearest_root(value: int) -> int:
    """Return the integer nearest to the square root: (r + 1/2)^2 is no integer."""
    root = math.isqrt(value)
    return root + (value > root * (root + 1))


def optimizer_step(
    optimizer: dict[str, Any], encoding: dict[str, Any], value: dict[str, int], move: int
) -> dict[str, int]:
    """Return the next parameter and state of one value, which the aggregate would move by this."""
    rate, b1, b2 = (optimizer[key] for key in ("learning_rate", "beta_1", "beta_2"))
    if optimizer["name"] == "none":
        return {"parameter": saturate(value["parameter"] + move)}
    if optimizer["name"] == "momentum":
        first = saturate(div_rhe(b1 * value["first"], OPTIMIZER_UNIT) + move)
        step = div_rhe(rate * first, OPTIMIZER_UNIT)
        return {"parameter": saturate(value["parameter"] + step), "first": first}
    bits = encoding["model_fraction_bits"]
    largest = encoding["max_abs"] * 2 ** (bits - encoding["fraction_bits"])
    move = bound(move, -largest, largest)
    first = bound(value["first"], -largest, largest)
    first = div_rhe(b1 * first + (OPTIMIZER_UNIT - b1) * move, OPTIMIZER_UNIT)
    second = bound(value["second"], 0, largest) ** 2
    if optimizer["name"] == "adam":
        weighted = b2 * second + (OPTIMIZER_UNIT - b2) * move**2
        second = div_rhe(weighted, OPTIMIZER_UNIT)
    else:
        change = div_rhe((OPTIMIZER_UNIT - b2) * move**2, OPTIMIZER_UNIT)
        second = second + change * ((second < move**2) - (second > move**2))
    root = nearest_root(second)
    step = div_rhe(rate * 2 ** (bits - 14) * first, root + optimizer["tau"])
    return {"parameter": saturate(value["parameter"] + step), "first": first, "second": root}


# ---------------------------------------------------------------- updates that hold some blocks


def selected_values(
    task: str, round_number: int, num_values: int, one_block_in: int
) -> tuple[int, list[int]]:
    """Return how many lanes an update has, and the positions that the first of them stand for."""
    if one_block_in == 1:
        return num_values, list(range(num_values))
    values = list(range(num_values))
    blocks = [values[at : at + BLOCK_VALUES] for at in range(0, num_values, BLOCK_VALUES)]
    groups = [blocks[at : at + one_block_in] for at in range(0, len(blocks), one_block_in)]
    words = shake_words(f"fl_chain/blocks/{task}/{round_number}".encode(), len(groups))
    drawn = [group[word % len(group)] for group, word in zip(groups, words, strict=True)]
    return BLOCK_VALUES * len(groups), [position for block in drawn for position in block]


# ------------------------------------------------------------------------- records: Solidity ABI

TASK_PARAMETERS = (
    ("registry", "address"),
    ("disputes", "address"),
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
    ("quorum", "uint32"),
    ("bond", "uint96"),
    ("header_chunks", "uint32"),
    ("num_values", "uint32"),
    ("fraction_shift", "uint32"),
    ("commit_seconds", "uint32"),
    ("is_open", "bool"),
    ("list_seconds", "uint32"),
    ("sample_rate", "uint32"),
    ("seed_seconds", "uint32"),
    ("reward", "uint96"),
    ("privacy_cost", "uint64"),
    ("privacy_budget", "uint64"),
    ("unmask_seconds", "uint32"),
)

# Event name to (number of indexed arguments, arguments), typed from the interfaces by hand.
EVENTS: dict[str, tuple[int, tuple[tuple[str, Any], ...]]] = {
    "TaskCreated": (
        1,
        (("coordinator", "address"), ("parameters", TASK_PARAMETERS), ("timestamp", "uint40")),
    ),
    "AggregatorAppointed": (
        1,
        (("aggregator", "address"), ("seat", "uint32"), ("timestamp", "uint40")),
    ),
    "BondDeposited": (
        1,
        (("aggregator", "address"), ("amount", "uint96"), ("timestamp", "uint40")),
    ),
    "BondWithdrawn": (
        1,
        (("aggregator", "address"), ("amount", "uint96"), ("timestamp", "uint40")),
    ),
    "BondSlashed": (
        2,
        (
            ("aggregator", "address"),
            ("beneficiary", "address"),
            ("amount", "uint96"),
            ("fault", "uint8"),
            ("timestamp", "uint40"),
        ),
    ),
    "PayoutClaimed": (
        1,
        (("account", "address"), ("amount", "uint96"), ("timestamp", "uint40")),
    ),
    "ParticipantAdmitted": (1, (("participant", "address"), ("timestamp", "uint40"))),
    "ParticipantRemoved": (1, (("participant", "address"), ("timestamp", "uint40"))),
    "RoundOpened": (
        1,
        (
            ("round", "uint32"),
            ("base_round", "uint32"),
            ("opens_at", "uint40"),
            ("timestamp", "uint40"),
        ),
    ),
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
        2,
        (
            ("round", "uint32"),
            ("proposer", "address"),
            ("model_digest", "bytes32"),
            ("model_cid_digest", "bytes32"),
            ("report_digest", "bytes32"),
            ("report_cid_digest", "bytes32"),
            ("timestamp", "uint40"),
        ),
    ),
    "ModelAttested": (
        2,
        (
            ("round", "uint32"),
            ("aggregator", "address"),
            ("model_digest", "bytes32"),
            ("report_digest", "bytes32"),
            ("timestamp", "uint40"),
        ),
    ),
    "ProposalRejected": (
        2,
        (
            ("round", "uint32"),
            ("proposer", "address"),
            ("fault", "uint8"),
            ("timestamp", "uint40"),
        ),
    ),
    "ProposalChallenged": (
        2,
        (
            ("round", "uint32"),
            ("challenger", "address"),
            ("question", "uint8"),
            ("position", "uint32"),
            ("timestamp", "uint40"),
        ),
    ),
    "ValueAnswered": (
        1,
        (
            ("round", "uint32"),
            ("base_value", "int32"),
            ("proposed_value", "int32"),
            ("parts", "uint256[32]"),
            ("timestamp", "uint40"),
        ),
    ),
    "PartSelected": (1, (("round", "uint32"), ("part", "uint32"), ("timestamp", "uint40"))),
    "PartSplit": (1, (("round", "uint32"), ("parts", "uint256[32]"), ("timestamp", "uint40"))),
    "ChallengeFailed": (
        2,
        (
            ("round", "uint32"),
            ("challenger", "address"),
            ("beneficiary", "address"),
            ("amount", "uint96"),
            ("fault", "uint8"),
            ("timestamp", "uint40"),
        ),
    ),
    "RoundFinalized": (
        1,
        (("round", "uint32"), ("model_digest", "bytes32"), ("timestamp", "uint40")),
    ),
    "RoundAborted": (1, (("round", "uint32"), ("timestamp", "uint40"))),
    "TaskPaused": (0, (("until", "uint40"), ("timestamp", "uint40"))),
    "TaskStopped": (0, (("timestamp", "uint40"),)),
    "UpdatesListed": (
        2,
        (
            ("round", "uint32"),
            ("aggregator", "address"),
            ("first", "uint32"),
            ("count", "uint32"),
            ("digest", "bytes32"),
            ("cid_digest", "bytes32"),
            ("timestamp", "uint40"),
        ),
    ),
    "UpdateCommitted": (
        2,
        (
            ("round", "uint32"),
            ("participant", "address"),
            ("commitment", "bytes32"),
            ("timestamp", "uint40"),
        ),
    ),
    "PeersApart": (
        2,
        (
            ("round", "uint32"),
            ("participant", "address"),
            ("positions", "uint128"),
            ("timestamp", "uint40"),
        ),
    ),
    "UpdateUnmasked": (
        2,
        (
            ("round", "uint32"),
            ("participant", "address"),
            ("cid_digest", "bytes32"),
            ("timestamp", "uint40"),
        ),
    ),
    "ParticipantSucceeded": (
        2,
        (("participant", "address"), ("successor", "address"), ("timestamp", "uint40")),
    ),
    "SeedsCommitted": (1, (("aggregator", "address"), ("tip", "bytes32"), ("timestamp", "uint40"))),
    "SeedRevealed": (
        2,
        (
            ("round", "uint32"),
            ("aggregator", "address"),
            ("secret", "bytes32"),
            ("timestamp", "uint40"),
        ),
    ),
    "PotFunded": (1, (("account", "address"), ("amount", "uint96"), ("timestamp", "uint40"))),
    "RewardsPaid": (
        1,
        (
            ("round", "uint32"),
            ("part", "uint32"),
            ("rows", "uint256[32]"),
            ("timestamp", "uint40"),
        ),
    ),
    "PotReclaimed": (
        1,
        (("coordinator", "address"), ("amount", "uint96"), ("timestamp", "uint40")),
    ),
    "RegistryCreated": (
        1,
        (
            ("registrar", "address"),
            ("enrolment_bond", "uint96"),
            ("leave_seconds", "uint32"),
            ("timestamp", "uint40"),
        ),
    ),
    "ParticipantEnrolled": (1, (("participant", "address"), ("timestamp", "uint40"))),
    "ParticipantRevoked": (1, (("participant", "address"), ("timestamp", "uint40"))),
    "ParticipantBonded": (
        1,
        (("participant", "address"), ("amount", "uint96"), ("timestamp", "uint40")),
    ),
    "ParticipantLeft": (1, (("participant", "address"), ("timestamp", "uint40"))),
    "EnrolmentBondClaimed": (
        1,
        (("participant", "address"), ("amount", "uint96"), ("timestamp", "uint40")),
    ),
    "ParticipantRotated": (
        2,
        (
            ("participant", "address"),
            ("successor", "address"),
            ("amount", "uint96"),
            ("timestamp", "uint40"),
        ),
    ),
    "EncryptionKeySet": (
        1,
        (("participant", "address"), ("key", "bytes32"), ("timestamp", "uint40")),
    ),
    "RegisterCreated": (0, (("timestamp", "uint40"),)),
    "AuditRecorded": (
        2,
        (
            ("ledger", "address"),
            ("auditor", "address"),
            ("num_records", "uint32"),
            ("history_hash", "bytes32"),
            ("verdict", "uint8"),
            ("findings_digest", "bytes32"),
            ("findings_cid_digest", "bytes32"),
            ("timestamp", "uint40"),
        ),
    ),
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
    if kind == "uint256[32]":
        return b"".join(abi_word("uint256", word) for word in value)
    if kind == "int32" and value < 0:
        value += 2**256
    number = int(value, 16) if kind == "address" else value
    return bytes.fromhex(f"{number:064x}")


def abi_words(event: str, values: dict[str, Any]) -> list[bytes]:
    """Return every argument of an event as words, in order."""
    words = []
    for name, kind in EVENTS[event][1]:
        if isinstance(kind, str):
            whole = abi_word(kind, values[name])
            words += [whole[at : at + 32] for at in range(0, len(whole), 32)]
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


def commitment(chain_id: int, ledger: str, values: dict[str, Any]) -> bytes:
    """Hash where and for whom a commitment is valid, and the update that it is to."""
    words = [abi_word("uint256", chain_id), abi_word("address", ledger)]
    for name, kind in (
        *(("round", "uint32"), ("participant", "address"), ("digest", "bytes32")),
        *(("cid_digest", "bytes32"), ("weight", "uint32"), ("salt", "bytes32")),
    ):
        words.append(abi_word(kind, values[name]))
    return keccak(b"".join(words))


# -------------------------------------------------------------------------------------- seeds


def seed(former_seed: str, round_number: int, secrets: dict[str, str]) -> bytes:
    """Hash the seed before, the round, and the mix of what aggregators revealed."""
    words = [abi_word("bytes32", former_seed), abi_word("uint32", round_number)]
    return keccak(b"".join([*words, abi_word("bytes32", mix(round_number, secrets))]))


def mix(round_number: int, secrets: dict[str, str]) -> str:
    """Return what the secrets of a round make together, by exclusive or of their hashes."""
    total = 0
    for aggregator, secret in secrets.items():
        words = [abi_word("uint32", round_number), abi_word("address", aggregator)]
        total ^= int(keccak(b"".join([*words, abi_word("bytes32", secret)])).hex(), 16)
    return f"{total:064x}"


def lot(seed_word: str, name: str) -> int:
    """Return the number of a participant's lot: below the sample rate, it is selected."""
    return int(keccak(abi_word("bytes32", seed_word) + abi_word("address", name)).hex()[:8], 16)


# ----------------------------------------------------------------------- attestations: EIP-712


def result_hash(round_number: int, model_digest: str, report_digest: str) -> bytes:
    """Hash the struct of an attestation, hashStruct(message)."""
    kind = keccak(b"Attestation(uint32 round,bytes32 modelDigest,bytes32 reportDigest)")
    words = [abi_word("uint32", round_number)]
    words += [abi_word("bytes32", digest) for digest in (model_digest, report_digest)]
    return keccak(kind + b"".join(words))


def update_message(round_number: int, values: dict[str, Any]) -> bytes:
    """Return the EIP-712 hash of an update of a round."""
    message_type = b"Update(uint32 round,bytes32 digest,bytes32 cidDigest,uint32 weight)"
    words = [keccak(message_type), round_number.to_bytes(32), bytes.fromhex(values["digest"])]
    words += [bytes.fromhex(values["cid_digest"]), values["weight"].to_bytes(32)]
    return keccak(b"".join(words))


def list_metadata(task: str, round_number: int) -> dict[str, str]:
    """Return the metadata of a list of updates."""
    return {"format": FORMAT, "kind": "update_list", "round": str(round_number), "task": task}


def list_header(metadata: dict[str, str], count: int) -> dict[str, Any]:
    """Return the header of a list with so many entries."""
    tensor = {"data_offsets": [0, 256 * count], "dtype": "U8", "shape": [count, 256]}
    return {"__metadata__": metadata, "entries": tensor}


def list_entry(participant: str, update: dict[str, Any]) -> bytes:
    """Return the 256 bytes of an entry; ``update`` has r and vs of its signature as well."""
    digests = bytes.fromhex(update["digest"] + update["cid_digest"])
    words = [abi_word("address", participant), digests, update["weight"].to_bytes(32)]
    signature = bytes.fromhex(update["r"] + update["vs"])
    return b"".join([*words, signature, bytes(64)])


def update_list(metadata: dict[str, str], entries: Sequence[bytes]) -> bytes:
    """Return the bytes of a list of updates."""
    header = rfc8785.dumps(list_header(metadata, len(entries)))
    return join_parts(*blob_parts(header, b"".join(entries), 1024))


def succession_hash(participant: str, successor: str) -> bytes:
    """Hash the struct of a succession, hashStruct(message)."""
    kind = keccak(b"Succession(address participant,address successor)")
    return keccak(kind + abi_word("address", participant) + abi_word("address", successor))


def audit_hash(audit: dict[str, Any]) -> bytes:
    """Hash the struct of an audit, hashStruct(message)."""
    kind = (
        b"Audit(address ledger,uint32 numRecords,bytes32 historyHash,uint8 verdict,"
        b"bytes32 findingsDigest,bytes32 findingsCidDigest)"
    )
    return keccak(
        keccak(kind)
        + abi_word("address", audit["ledger"])
        + abi_word("uint32", audit["num_records"])
        + abi_word("bytes32", audit["history_hash"])
        + abi_word("uint8", audit["verdict"])
        + abi_word("bytes32", audit["findings_digest"])
        + abi_word("bytes32", audit["findings_cid_digest"])
    )


def signing_hash(chain_id: int, ledger: str, result: bytes) -> bytes:
    """Hash what is signed: 0x19 0x01, domain separator, hashStruct(message)."""
    kind = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    words = [keccak(kind), keccak(b"fl_chain"), keccak(b"1")]
    words += [abi_word("uint256", chain_id), abi_word("address", ledger)]
    return keccak(b"\x19\x01" + keccak(b"".join(words)) + result)
