"""Vectors of the robust rules: small rounds, with ties and the ends of the lanes, and an audit."""

from __future__ import annotations

from typing import Any

from scripts.vectors.audits import make_case
from scripts.vectors.evidence import TaskOnRecord
from tests import reference as ref
from tests import reference_rules as rules

FRACTION_BITS, MODEL_FRACTION_BITS = 15, 24
_OUTLIER = [[10, 20, 30], [11, 19, 31], [9, 21, 29], [12, 18, 33], [1000, -1000, 500]]
_TIES = [[4, -4], [4, -4], [-4, 4], [-4, 4], [0, 0], [4, 4], [-4, -4]]
_ENDS = [[32767, -32767], [-32767, 32767], [32767, 32767], [0, 0], [1, -1], [0, 1], [-32767, 5]]
_ALIKE = [[7, -7]] * 7
_HALVES = [[2, 7], [3, 8], [5, 9], [9, 10], [4, 7], [4, 2], [1, 1], [0, 30]]


def make_rules() -> Any:
    """Return what every rule makes of every set of updates that is large enough for it."""
    sets = [
        ("one update far from all others", _OUTLIER),
        ("distances and lanes that tie", _TIES),
        ("the ends of the lanes", _ENDS),
        ("updates that are all alike", _ALIKE),
        ("an even number of updates", _HALVES),
        ("eleven updates of many values", [_spread(row) for row in range(11)]),
    ]
    cases = [
        _case(f"{rule}, f = {f}: {about}", rule, f, rows)
        for rule in rules.RULES
        for about, rows in sets
        for f in (1, 2)
        if rules.LEAST[rule](f) <= len(rows)
    ]
    refused = [
        {"rule": rule, "num_malicious": f, "updates": [[1]] * (least(f) - 1)}
        for rule, least in rules.LEAST.items()
        for f in (1, 2)
    ]
    return {"cases": cases, "count": len(cases), "refused": refused, "refused_count": len(refused)}


def _case(name: str, rule: str, f: int, rows: rules.Rows) -> dict[str, Any]:
    numerators, divisor = rules.RULES[rule](rows, f)
    base = [(-1) ** position * 2**31 // (position + 1) for position in range(len(rows[0]))]
    base[0] = 2**31 - 1
    shift = MODEL_FRACTION_BITS - FRACTION_BITS
    pairs = zip(base, numerators, strict=True)
    return {
        "name": name,
        "rule": rule,
        "num_malicious": f,
        "updates": rows,
        "numerators": numerators,
        "divisor": divisor,
        "base": base,
        "fraction_bits": FRACTION_BITS,
        "model_fraction_bits": MODEL_FRACTION_BITS,
        "model": [ref.next_value(value, top, shift, divisor) for value, top in pairs],
    }


def _spread(row: int) -> list[int]:
    words = ref.shake_words(f"robust rules {row}".encode(), 20)
    return [word % 601 - 300 + 40 * (row % 3) for word in words]


def make_robust_rule() -> Any:
    """Return a round by a robust rule, and one whose proposer took the mean instead."""
    task = TaskOnRecord(rule="nnm_trimmed_mean")
    poisoned = [[10, -20], [12, -18], [900, 900]]
    for number, lanes in enumerate(poisoned):
        task.submit(number, lanes)
    task.propose()
    task.finalize()
    for number, lanes in enumerate(poisoned):
        task.submit(number, lanes)
    task.propose(is_averaged=True)
    task.finalize()
    about = "One of three updates is far from the others; the model of round 2 is their mean."
    return make_case(about, task.evidence(), [1, 2], {("aggregate", 2): ["FAIL"]})


MAKERS = {"aggregate/rules.json": make_rules, "audit/robust_rule.json": make_robust_rule}
