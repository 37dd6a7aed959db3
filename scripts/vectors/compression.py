"""Vectors of compressed updates and of optimizers: complete rounds, and what they consist of."""

from __future__ import annotations

from typing import Any

import rfc8785

from scripts.vectors.documents import ADAM, MOMENTUM, manifest
from scripts.vectors.rounds import round_case
from tests import reference as ref

TENSORS = {name * 60: [5, 5] for name in ("bias", "core", "head", "tail")}
"""With names so long that the header of a model has a chunk more than that of an update."""
NUM_VALUES, ONE_BLOCK_IN, ROUND = 100, 4, 3
MAX_ABS, FRACTION_BITS = {8: 100, 12: 2000}, 8
PADDING = [-128, 127]
"""Lanes that stand for nothing may be anything."""


def make_selections() -> Any:
    """Return which values updates hold, for models that fill their blocks and that do not."""
    sizes = [(1, 2), (15, 2), (16, 2), (17, 2), (100, 1), (100, 4), (1024, 7), (1000, 64)]
    sizes += [(199, 1024), (20_000, 1024)]
    cases = [
        _selection(task, number, num_values, one_block_in)
        for num_values, one_block_in in sizes
        for task, number in (("ab" * 32, 1), ("ab" * 32, 2), ("00" * 32, 2**32 - 1))
    ]
    return {"cases": cases, "count": len(cases)}


def _selection(task: str, number: int, num_values: int, one_block_in: int) -> dict[str, Any]:
    num_lanes, positions = ref.selected_values(task, number, num_values, one_block_in)
    return {
        "task_id": task,
        "round": number,
        "num_values": num_values,
        "one_block_in": one_block_in,
        "num_lanes": num_lanes,
        "positions": positions,
    }


def make_compressed_aggregate() -> Any:
    """Return round 3 of a task with short lanes and a part of the values, as in round.json."""
    return _make_aggregate(manifest()["optimizer"])


def make_packed_aggregate() -> Any:
    """Return the same round of a task with packed lanes."""
    return _make_aggregate(manifest()["optimizer"], 12)


def make_optimized_aggregate() -> Any:
    """Return the same round of a task with an optimizer."""
    return _make_aggregate(ADAM)


def _make_aggregate(optimizer: dict[str, Any], lane_bits: int = 8) -> Any:
    document, task, positions = _draw_task(optimizer, lane_bits)
    most = MAX_ABS[lane_bits]
    parameters = [1000 * position for position in range(NUM_VALUES)]
    parameters[positions[0]] = 2**31 - 1
    parts = {"parameter": parameters}
    tensors = dict(TENSORS)
    if optimizer["name"] == "adam":
        parts["first"] = [(-1) ** position * 9 * position for position in range(NUM_VALUES)]
        parts["second"] = [16777 + position for position in range(NUM_VALUES)]
        tensors |= {"~first": [NUM_VALUES], "~second": [NUM_VALUES]}
    base = ref.blob(ref.model_metadata(task), tensors, [v for part in parts.values() for v in part])
    base_digest = ref.digest(base).hex()
    held = len(positions)
    lanes = {
        0: [position % 7 - 3 for position in range(held)],
        1: [most] * held,
        2: [position % 5 - 2 for position in range(held)],
        3: [0] * (held - 1) + [-most - 1],
        4: [1] * held,
        5: [1] * held,
    }
    updates = []
    for sequence, values in lanes.items():
        metadata = ref.update_metadata(task, ROUND, base_digest, _participant(sequence))
        num_lanes = ref.selected_values(task, ROUND, NUM_VALUES, ONE_BLOCK_IN)[0]
        padded = values + (PADDING * num_lanes)[: num_lanes - held]
        match sequence:
            case 4:  # every value, as in a task without this
                whole = (padded * NUM_VALUES)[:NUM_VALUES]
                data, outcome = ref.blob(metadata, TENSORS, whole, 8), "oversized"
            case 5:  # lanes of the usual length, of as many bytes in all
                count = num_lanes * lane_bits // 16
                data = ref.blob(metadata, {"blocks": [count]}, padded[:count])
                outcome = "misbound"
            case _:
                entries = padded if lane_bits == 8 else ref.packed(padded)
                tensor = {"blocks" if lane_bits == 8 else "packed": [len(entries)]}
                data = ref.blob(metadata, tensor, entries, lane_bits)
                outcome = "out_of_range" if sequence == 3 else "included"
        updates.append(
            {
                "sequence": sequence,
                "participant": _participant(sequence),
                "weight": 100 + sequence,
                "digest": ref.digest(data).hex(),
                "blob": data.hex(),
                "outcome": outcome,
                "lanes": values if outcome == "included" else None,
            }
        )
    valid = [entry for entry in updates if entry["outcome"] == "included"]
    weights = [entry["weight"] for entry in valid]
    sums = ref.weighted_sum([entry["lanes"] for entry in valid], weights)
    for position, weighted in zip(positions, sums, strict=True):
        move = ref.div_rhe(weighted * 2 ** (24 - FRACTION_BITS), sum(weights))
        value = {name: part[position] for name, part in parts.items()}
        value = ref.optimizer_step(optimizer, document["encoding"], value, move)
        for name, part in parts.items():
            part[position] = value[name]
    values = [value for part in parts.values() for value in part]
    model = ref.blob(ref.model_metadata(task), tensors, values)
    report = ref.report(
        ref.report_metadata(task, ROUND, base_digest, ref.digest(model).hex(), sum(weights)),
        [ref.STATUS[entry["outcome"]] for entry in updates],
    )
    return round_case(document, base, updates, (model, values), report)


def _draw_task(optimizer: dict[str, Any], lane_bits: int) -> tuple[dict[str, Any], str, list[int]]:
    """Return the first task of which an update holds the last block, which is not full."""
    for number in range(64):
        document = manifest()
        document["salt"] = f"{number:032x}"
        document["optimizer"] = optimizer
        document["layout"] = [{"name": name, "shape": shape} for name, shape in TENSORS.items()]
        document["encoding"] |= {
            "fraction_bits": FRACTION_BITS,
            "lane_bits": lane_bits,
            "max_abs": MAX_ABS[lane_bits],
            "one_block_in": ONE_BLOCK_IN,
        }
        task = ref.digest(rfc8785.dumps(document)).hex()
        num_lanes, positions = ref.selected_values(task, ROUND, NUM_VALUES, ONE_BLOCK_IN)
        if len(positions) < num_lanes:
            return document, task, positions
    raise AssertionError("no salt selects the last block")


def _participant(sequence: int) -> str:
    return "0x" + f"{sequence + 1:02x}" * 20


def make_steps() -> Any:
    """Return what optimizers make of single values."""
    encoding = manifest()["encoding"]
    largest = 32767 * 2**9
    optimizers = [
        MOMENTUM,
        MOMENTUM | {"beta_1": 0, "learning_rate": 8192},
        MOMENTUM | {"beta_1": 2**14 - 1, "learning_rate": 2**18},
        ADAM,
        ADAM | {"name": "yogi"},
        ADAM | {"beta_1": 0, "beta_2": 0, "tau": 1, "learning_rate": 2**18},
        ADAM | {"name": "yogi", "beta_1": 1, "beta_2": 2**14 - 1, "tau": 2**31 - 1},
    ]
    values = [
        (0, 0, 16777),
        (2**24, 3000, 5000),
        (-5, -largest, largest),
        (2**31 - 1, 2**31 - 1, 2**31 - 1),
        (-(2**31), -(2**31), -(2**31)),
    ]
    moves = [0, 1, -1, 5000, -123_456, largest, -largest, 2**31 - 1, -(2**31)]
    cases = []
    for optimizer in optimizers:
        names = ("parameter", "first", "second")[: 2 if optimizer["name"] == "momentum" else 3]
        before = [dict(zip(names, value, strict=False)) for value in values for _ in moves]
        each = moves * len(values)
        cases.append(
            {
                "optimizer": optimizer,
                "encoding": encoding,
                "before": {name: [value[name] for value in before] for name in names},
                "moves": each,
                "after": {
                    name: [
                        ref.optimizer_step(optimizer, encoding, value, move)[name]
                        for value, move in zip(before, each, strict=True)
                    ]
                    for name in names
                },
            }
        )
    return {"cases": cases, "count": len(cases)}
