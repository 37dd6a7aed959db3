"""What the robust rules cost, against the plain matrix product that distances rest on.

    .venv/bin/python -m benchmarks.robust_rules [--participants 50] [--values 1000000] [--times 5]

All of them take turns in one run, on the same updates. The plain product is X X^T in double
precision of numbers that are doubles already, by numpy. Working memory is what numpy allocates at
most beyond the updates.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from fl_chain.aggregation.robust.distances import compute_squared_distances
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.robust.table import ROBUST_RULES, apply_rule


def make_rows(count: int, num_values: int) -> LaneRows:
    """Return updates of noise around a common one."""
    random = np.random.default_rng(0)
    common = random.integers(-3000, 3001, num_values)
    rows = LaneRows(num_values)
    for number in range(count):
        lanes = common + random.integers(-1000, 1001, num_values)
        rows.add(f"0x{number:040x}", lanes.astype(np.int16))
    return rows


def measure(work: Callable[[], Any]) -> float:
    """Return the seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=50)
    parser.add_argument("--malicious", type=int, default=10)
    parser.add_argument("--values", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    rows = make_rows(arguments.participants, arguments.values)
    doubles = np.random.default_rng(1).normal(size=(arguments.participants, arguments.values))
    works: dict[str, Callable[[], Any]] = {
        "plain product": lambda: doubles @ doubles.T,
        "exact distances": lambda: compute_squared_distances(rows),
    }
    for rule in ROBUST_RULES:
        works[rule] = lambda rule=rule: apply_rule(rule, rows, arguments.malicious)
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(arguments.times):
        for name, work in works.items():
            seconds[name].append(measure(work))
    print(f"{arguments.participants} updates of {arguments.values:,} values", end=", ")
    print(f"{arguments.malicious} malicious, median of {arguments.times}")
    print(f"{'':<20}{'s':>8}{'products':>10}{'MiB':>8}")
    product = median(seconds["plain product"])
    for name, work in works.items():
        tracemalloc.start()
        work()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        taken = median(seconds[name])
        print(f"{name:<20}{taken:>8.3f}{taken / product:>10.1f}{peak / 2**20:>8.0f}")


if __name__ == "__main__":
    main()
