"""Vectors of what updates earn: scores by cosines, and a round whose report says rewards."""

from __future__ import annotations

from typing import Any

import numpy as np
import rfc8785

from scripts.vectors.documents import manifest
from scripts.vectors.rounds import TENSORS, round_case
from tests import reference as ref

ROUND, GWEI = 3, 7
UPDATES: list[tuple[list[int], int]] = [
    ([100, 200, -300, 4, 5, -6, 7, 8], 600),
    ([110, 190, -280, 0, 9, -3, 5, 1], 300),
    ([-100, -200, 300, -4, -5, 6, -7, -8], 100),
    ([0] * 8, 50),
    ([90, 210, -310, 7, 2, -9, 6, 6], 1000),
]


def make_scores() -> Any:
    """Return scores of sets of updates."""
    drawn = np.random.default_rng(0)
    sets: list[tuple[str, list[list[int]], list[int]]] = [
        ("the round", [lanes for lanes, _ in UPDATES], [weight for _, weight in UPDATES]),
        ("one update", [[1, 2, 3]], [5]),
        ("two that agree", [[1, 2, 3], [2, 4, 6]], [1, 1]),
        ("two against each other", [[1, 0], [-1, 0]], [1, 1]),
        ("nothing but zeros", [[0, 0], [0, 0]], [1, 2]),
        ("the largest lanes", [[2**15 - 1, -(2**15) + 1]] * 3, [2**32 - 1] * 3),
    ]
    for count in (3, 9):
        lanes = drawn.integers(-500, 501, (count, 6)).tolist()
        sets.append((f"{count} at random", lanes, drawn.integers(1, 1000, count).tolist()))
    cases = [
        {
            "name": name,
            "updates": rows,
            "weights": weights,
            "scores": ref.cosine_scores(rows, weights),
        }
        for name, rows, weights in sets
    ]
    return {"cases": cases, "count": len(cases)}


def make_rewarded_aggregate() -> Any:
    """Return round 3 of a task that rewards by cosines; one update is left out."""
    document = manifest() | {"reward": {"formula": "cosine", "round_gwei": GWEI}}
    task = ref.digest(rfc8785.dumps(document)).hex()
    base_values = [0, 1000, -1000, 5, -5, 7, 8, 9]
    base = ref.blob(ref.model_metadata(task), TENSORS, base_values)
    base_digest = ref.digest(base).hex()
    updates = []
    for sequence, (lanes, weight) in enumerate(UPDATES):
        named = sequence if sequence != 1 else 9  # this one is bound to somebody else
        metadata = ref.update_metadata(task, ROUND, base_digest, _participant(named))
        data = ref.blob(metadata, TENSORS, lanes)
        outcome = "included" if named == sequence else "misbound"
        updates.append(
            {
                "sequence": sequence,
                "participant": _participant(sequence),
                "weight": weight,
                "digest": ref.digest(data).hex(),
                "blob": data.hex(),
                "outcome": outcome,
                "lanes": lanes if outcome == "included" else None,
            }
        )
    valid = [update for update in updates if update["outcome"] == "included"]
    rows, weights = [update["lanes"] for update in valid], [update["weight"] for update in valid]
    values = ref.next_model(base_values, rows, weights, 15, 24)
    model = ref.blob(ref.model_metadata(task), TENSORS, values)
    scores = ref.cosine_scores(rows, weights)
    earned = {
        update["sequence"]: GWEI * 10**9 * score // sum(scores)
        for update, score in zip(valid, scores, strict=True)
    }
    rewards = [
        (update["participant"], earned[number]) if earned.get(number) else ("0x" + "00" * 20, 0)
        for number, update in enumerate(updates)
    ]
    metadata = ref.report_metadata(task, ROUND, base_digest, ref.digest(model).hex(), sum(weights))
    report = ref.report(metadata, [ref.STATUS[update["outcome"]] for update in updates], rewards)
    case = round_case(document, base, updates, (model, values), report)
    return case | {"rewards": [{"participant": who, "wei": wei} for who, wei in rewards]}


def _participant(number: int) -> str:
    return "0x" + f"{number + 1:02x}" * 20
