"""Manifests of tasks with sealed updates, noise or a privacy budget, and those that no task has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.reference_noise import cost_of, honest_of, largest_noise, update_cost

Case = tuple[str, Callable[[dict[str, Any]], object]]
_MOST = 2**53 - 1
_ORDERS = 64
_COST = cost_of("0.01", "1.1", 1, 8)
_AGGREGATOR, _AUDITOR = "0x" + "a9" * 20, "0x" + "a8" * 20


def _private(cost: Any, budget: Any, **rounds: int) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        max_order = _ORDERS if budget else 0
        document["privacy"] |= {"cost": cost, "budget": budget, "max_order": max_order}
        document["rounds"] |= rounds

    return change


def _of_order(order: int) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["privacy"].update(cost=1, budget=1, max_order=order)


def _lack(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["privacy"].pop(name)


def _told(**private: Any) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["privacy"].update(private)


def _sealed(*auditors: str) -> Callable[[dict[str, Any]], object]:
    return _told(auditors=list(auditors), mode="sealed")


def _noisy(
    noise: str, norm: str, rate: str, cost: int = 2**50, max_order: int = 8
) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        told = {"noise_multiplier": noise, "max_grad_norm": norm, "sampling_rate": rate}
        document["recipe"] |= told
        private = {"cost": cost, "budget": 2**52, "max_order": max_order}
        document["privacy"] |= private if cost else {}

    return change


def _measured(
    other: Callable[[dict[str, Any]], object],
) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        other(document)
        document["measurements"] = True

    return change


_LANES = 8
"""Values of the model of these tasks."""
_CLIP, _VARIANCE = 1000, 250_000


def _hidden(
    more: dict[str, Any] | None = None, counted: int = 1, cost: int = 0, **private: Any
) -> Callable[[dict[str, Any]], object]:
    """Return the change to a task with noise on updates, and then to whatever else is named."""

    def change(document: dict[str, Any]) -> None:
        told = {"clip_norm": _CLIP, "noise_variance": _VARIANCE} | private
        least = update_cost(_CLIP, _LANES, counted * _VARIANCE)
        told = {"cost": cost or least, "budget": 2**52, "max_order": 256} | told
        document["privacy"] |= told
        document["rounds"]["max_weight"] = 1
        for part, values in (more or {}).items():
            if isinstance(values, dict):
                document[part] |= values
            else:
                document[part] = values

    return change


def _hidden_in_groups(
    group_size: int, min_updates: int = 0, counted: int = 0
) -> Callable[[dict[str, Any]], object]:
    rounds = {
        **{"commit_seconds": 30, "unmask_seconds": 30, "seed_seconds": 9, "target_updates": 64},
        **{"sample_rate": 2**32 - 1, "min_updates": min_updates or group_size},
    }
    counted = counted or honest_of(group_size)
    return _hidden({"rounds": rounds}, counted, mode="masked", group_size=group_size)


_COST_OF_ONE = update_cost(_CLIP, _LANES, _VARIANCE)
POSSIBLE: list[Case] = [
    ("noise on updates", _hidden()),
    ("noise on sealed updates", _hidden(mode="sealed")),
    ("noise on masked updates in groups of 3", _hidden_in_groups(3)),
    ("noise on masked updates in groups of 16", _hidden_in_groups(16)),
    ("noise on masked updates in groups of 64", _hidden_in_groups(64)),
    (
        "noise as large as lanes have room for",
        _hidden({"encoding": {"max_abs": _CLIP + largest_noise(_VARIANCE)}}),
    ),
    ("sealed updates", _sealed()),
    ("sealed updates that two auditors read", _sealed(_AUDITOR, "0x" + "a7" * 20)),
    ("training with noise", _noisy("1.1", "1.5", "0.01", _COST, 8)),
    ("noise on all examples", _noisy("5e-01", "10", "1", cost_of("1", "0.5", 1, 256), 256)),
    ("a privacy budget", _private(2**30, 10 * 2**30)),
    ("a budget of one update", _private(1, 1)),
    ("a budget that the costs do not fill", _private(2, 7)),
    ("the largest budget", _private(1, _MOST)),
    ("the largest cost", _private(_MOST, _MOST)),
    ("a budget where updates are committed to", _private(3, 10, commit_seconds=30)),
]
IMPOSSIBLE: list[Case] = [
    ("an unknown privacy mode", _told(mode="hidden")),
    ("auditors of open updates", _told(auditors=[_AUDITOR])),
    ("an auditor twice", _sealed(_AUDITOR, _AUDITOR)),
    ("the zero address as an auditor", _sealed("0x" + "00" * 20)),
    ("an auditor that is no address", _sealed("0x" + "g0" * 20)),
    ("an aggregator as an auditor", _sealed(_AGGREGATOR)),
    ("65 auditors", _sealed(*(f"0x{number:040x}" for number in range(1, 66)))),
    ("noise without a norm", _noisy("1", "0", "0.1")),
    ("noise that no example meets", _noisy("1", "1", "0")),
    ("examples that come more often than always", _noisy("1", "1", "1.1")),
    ("a norm without noise", _noisy("0", "1", "0")),
    ("a sampling rate without noise", _noisy("0.0", "0", "0.1")),
    ("2^32 steps with noise", _noisy("1", "1", "0.00000000020")),
    ("noise that costs more than is said", _noisy("1.1", "1.5", "0.01", _COST - 1, 8)),
    ("noise that costs more at higher orders", _noisy("1.1", "1.5", "0.01", _COST, 64)),
    ("noise without a budget", _noisy("1.1", "1.5", "0.01", 0)),
    ("next to no noise", _noisy("1e-300", "1.5", "0.01")),
    ("noise, and measurements of examples", _measured(_noisy("1.1", "1.5", "0.01", _COST, 8))),
    ("noise that is no number", _noisy("-1", "1", "0.1")),
    ("a clip norm without noise", _told(clip_norm=1)),
    ("noise on updates that are not clipped", _hidden(clip_norm=0)),
    ("a clip norm of 2^24", _hidden(clip_norm=2**24)),
    ("a negative clip norm", _hidden(clip_norm=-1)),
    ("noise of a variance above 2^30", _hidden(noise_variance=2**30 + 1)),
    ("noise on updates that costs more than is said", _hidden(cost=_COST_OF_ONE - 1)),
    ("noise on updates without a budget", _hidden(budget=0, cost=0, max_order=0)),
    ("noise of two on an update that everybody sees", _hidden(counted=2)),
    ("noise of two on an update that readers see", _hidden(counted=2, mode="sealed")),
    (
        "noise of more than survive of a group",
        _hidden_in_groups(16, counted=honest_of(16) + 1),
    ),
    ("noise in groups smaller than is counted on", _hidden_in_groups(16, 15)),
    ("noise on updates that may be late", _hidden({"max_staleness": 1})),
    ("noise on updates of several weights", _hidden({"rounds": {"max_weight": 2}})),
    (
        "noise on updates that are rounded to nearest",
        _hidden({"encoding": {"rounding": "nearest"}}),
    ),
    ("noise on updates of a largest norm", _hidden({"encoding": {"max_norm": 2000}})),
    ("noise on updates with measurements", _hidden({"measurements": True})),
    (
        "noise larger than lanes have room for",
        _hidden({"encoding": {"max_abs": _CLIP + largest_noise(_VARIANCE) - 1}}),
    ),
    (
        "noise on updates and in training",
        _hidden(
            more={
                "recipe": {
                    **{"noise_multiplier": "10", "max_grad_norm": "1", "sampling_rate": "0.01"},
                }
            }
        ),
    ),
    ("a budget of no order", _of_order(1)),
    ("a budget of order 257", _of_order(257)),
    ("orders without a budget", lambda document: document["privacy"].update(max_order=2)),
    ("a cost without a budget", _private(1, 0)),
    ("a budget without a cost", _private(0, 1)),
    ("a budget for no update", _private(8, 7)),
    ("a negative budget", _private(1, -1)),
    ("a negative cost", _private(-1, 1)),
    ("a budget with lists", _private(1, 2, list_seconds=30)),
]
MALFORMED: list[Case] = [
    ("privacy without a budget", _lack("budget")),
    ("privacy without a cost", _lack("cost")),
    ("privacy without orders", _lack("max_order")),
    ("privacy without a clip norm", _lack("clip_norm")),
    ("privacy without a variance", _lack("noise_variance")),
    ("a variance with a fraction", _hidden(noise_variance=1.5)),
    ("a budget that is text", _private(1, "2")),
    ("a cost that is true", _private(True, 2)),
]
