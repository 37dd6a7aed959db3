"""Measurements of the tasks in vectors, and what breaks the rules for them."""

from __future__ import annotations

from typing import Any

LIMIT, ENERGY_LIMIT, TOTAL_LIMIT = 2**32, 2**39, 2**63

LEAST: dict[str, Any] = {
    "train_examples": 1,
    "train_milliseconds": 0,
    "train_loss_millionths": 0,
    "base_examples": 0,
    "base_correct": 0,
    "base_loss_millionths": 0,
    "energy_millijoules": 0,
    "energy_source": "none",
}
MOST: dict[str, Any] = {
    **dict.fromkeys(list(LEAST)[:6], LIMIT - 1),
    "energy_millijoules": ENERGY_LIMIT - 1,
    "energy_source": "estimated",
}
TOTALS: dict[str, Any] = {
    "train_examples": 400,
    "train_milliseconds": 1600,
    "train_milliseconds_max": 900,
    "train_loss_millionths": 200000,
    "base_examples": 100,
    "base_correct": 85,
    "base_loss_millionths": 250000,
    "energy_updates": 2,
    "measured_millijoules": 5000,
    "estimated_millijoules": 12000,
}


def measurement_of(number: int) -> dict[str, Any]:
    """Return what a participant says: each something else, some that it evaluated nothing."""
    source = ("measured", "estimated", "none")[number % 3]
    evaluated = (number * number + 1) % 5
    return {
        "train_examples": 100 + number,
        "train_milliseconds": 900 - 7 * number,
        "train_loss_millionths": 2_300_001 + 3 * number * number,
        "base_examples": 50 * evaluated,
        "base_correct": (11 + number) * evaluated,
        "base_loss_millionths": 2_302_585 + 5 * number if evaluated else 0,
        "energy_millijoules": 0 if source == "none" else 12_000 + number,
        "energy_source": source,
    }


REFUSED: list[tuple[str, dict[str, str]]] = [
    *(
        (f"a {key} of {name}", {key: value})
        for key in list(LEAST)[:6]
        for name, value in (("2^32", str(LIMIT)), ("-1", "-1"), ("nan", "nan"), ("1.5", "1.5"))
    ),
    ("an energy of 2^39 millijoules", {"energy_millijoules": str(ENERGY_LIMIT)}),
    ("a negative energy", {"energy_millijoules": "-5"}),
    ("an energy with a leading zero", {"energy_millijoules": "05"}),
    ("an energy of another source", {"energy_source": "guessed"}),
    ("an energy source in capitals", {"energy_source": "Measured"}),
    ("an energy without a source", {"energy_source": "none"}),
    ("nothing trained on", {"train_examples": "0"}),
    ("examples with a leading zero", {"train_examples": "0100"}),
    ("examples in other digits", {"train_examples": "٣"}),
    ("more correct than evaluated", {"base_correct": "101"}),
    ("a loss of no examples", {"base_examples": "0", "base_correct": "0"}),
]
"""Changes of measurement 1, each of which makes its update malformed."""
