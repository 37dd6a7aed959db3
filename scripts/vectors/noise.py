"""Vectors of what training with noise costs."""

from __future__ import annotations

from typing import Any

from tests import reference_noise as ref

_SETTINGS = [
    ("0.004", "1.3", 1, 17),
    ("0.0042666666666666667", "1.1", 15, 8),
    ("0.01", "0.7", 1, 4),
    ("0.05", "1", 3, 2),
    ("0.3", "2.5", 1, 64),
    ("1", "1", 1, 256),
    ("1e00", "5e-01", 2, 3),
    ("0.0000001", "12", 1, 128),
]


def make_costs() -> dict[str, Any]:
    """Return costs by rate, noise, epochs and largest order."""
    return {
        "cases": [
            {
                "name": f"rate {rate}, noise {noise}, {epochs} epochs, orders to {order}",
                "sampling_rate": rate,
                "noise_multiplier": noise,
                "num_epochs": epochs,
                "max_order": order,
                "cost": ref.cost_of(rate, noise, epochs, order),
            }
            for rate, noise, epochs, order in _SETTINGS
        ],
        "count": len(_SETTINGS),
    }
