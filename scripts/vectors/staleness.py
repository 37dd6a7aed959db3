"""Vectors of a round with updates that began from former models."""

from __future__ import annotations

from typing import Any

import rfc8785

from scripts.vectors.documents import manifest
from scripts.vectors.rounds import TENSORS, round_case
from tests import reference as ref

MAX_WEIGHT, MAX_STALENESS, ROUND = 1000, 2, 3


def make_discounts() -> Any:
    """Return what is left of weights, by the staleness of their updates."""
    weights = (0, 1, 2, 3, 4, 9, 100, 1000, 2**16, 2**32 - 1)
    cases = [
        {"weight": weight, "staleness": staleness, "left": ref.discounted(weight, staleness)}
        for weight in weights
        for staleness in (0, 1, 2, 3, 4, 7, 8, 15, 63, 64)
    ]
    return {"cases": cases, "count": len(cases)}


def make_late_aggregate() -> Any:
    """Return round 3 of a task that lets updates begin from the models of two rounds before."""
    document = manifest() | {"max_staleness": MAX_STALENESS}
    document["rounds"]["max_weight"] = MAX_WEIGHT
    task = ref.digest(rfc8785.dumps(document)).hex()
    models = [[value + number for value in (0, 1000, -1000, 5, -5, 7, 8, 9)] for number in range(4)]
    blobs = [ref.blob(ref.model_metadata(task), TENSORS, values) for values in models]
    base, *former = [ref.digest(blob).hex() for blob in blobs]
    cap = [ref.discounted(MAX_WEIGHT, staleness) for staleness in range(4)]
    rows = [
        (base, MAX_WEIGHT, "included"),
        (former[0], cap[1], "included"),
        (former[0], cap[1] + 1, "overweight"),
        (former[1], cap[2], "included"),
        (former[1], cap[1], "overweight"),
        (former[2], cap[3], "misbound"),
        (former[1], 1, "included"),
    ]
    updates = [_update(task, sequence, *row) for sequence, row in enumerate(rows)]
    valid = [update for update in updates if update["outcome"] == "included"]
    weights = [update["weight"] for update in valid]
    values = ref.next_model(models[0], [update["lanes"] for update in valid], weights, 15, 24)
    model = ref.blob(ref.model_metadata(task), TENSORS, values)
    metadata = ref.report_metadata(task, ROUND, base, ref.digest(model).hex(), sum(weights))
    report = ref.report(metadata, [ref.STATUS[update["outcome"]] for update in updates])
    case = round_case(document, blobs[0], updates, (model, values), report)
    return case | {"former_digests": former}


def _update(task: str, sequence: int, base: str, weight: int, outcome: str) -> dict[str, Any]:
    participant = "0x" + f"{sequence + 1:02x}" * 20
    lanes = [(-1) ** position * (sequence + 1) * 100 for position in range(8)]
    data = ref.blob(ref.update_metadata(task, ROUND, base, participant), TENSORS, lanes)
    return {
        "sequence": sequence,
        "participant": participant,
        "weight": weight,
        "digest": ref.digest(data).hex(),
        "blob": data.hex(),
        "outcome": outcome,
        "lanes": lanes if outcome == "included" else None,
    }
