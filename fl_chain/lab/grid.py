"""Many scenarios, as many at a time as the machine has cores for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import replace
from itertools import product
from typing import TypeVar

from fl_chain.lab.experiment import Experiment, Outcome, Scenario, run_scenario
from fl_chain.process_pool import ProcessPool

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Every process has one core: more threads than cores take turns, and all get slower."""

A = TypeVar("A")
B = TypeVar("B")


def list_scenarios(
    base: Scenario,
    rules: Sequence[str],
    attacks: Sequence[str],
    splits: Sequence[str],
    num_seeds: int,
) -> list[Scenario]:
    """Return every combination; where nobody attacks, all are honest and the rule is the same."""
    seeds = range(base.seed, base.seed + num_seeds)
    return [
        replace(base, rule=rule, attack=attack, split=split, seed=seed)
        for split, seed, rule, attack in product(splits, seeds, rules, attacks)
    ]


def check_scenarios(scenarios: Sequence[Scenario]) -> None:
    """Find out before the first experiment what would keep any from beginning.

    Raises
    ------
    TrainingError
        Data, model, or the way of splitting do not exist or do not fit.
    """
    seen = set[tuple[str, int, str]]()
    for scenario in scenarios:
        kind = (scenario.split, scenario.seed, scenario.attack)
        if kind not in seen:
            seen.add(kind)
            Experiment(scenario)


def run_scenarios(scenarios: Sequence[Scenario], num_jobs: int) -> Iterator[Outcome]:
    """Yield what becomes of each scenario, in the order in which they are done."""
    return run_each(run_scenario, scenarios, num_jobs)


def run_each(work: Callable[[A], B], items: Sequence[A], num_jobs: int) -> Iterator[B]:
    """Yield what the work on each item yields, in the order in which they are done.

    The processes end with this one, also when it is interrupted.

    Raises
    ------
    LocalStateError
        A process ended before its time.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    pool = ProcessPool(
        num_jobs,
        [work.__module__],
        owner="the laboratory",
        hint="memory may be short: try fewer --jobs",
    )
    try:
        for future in as_completed([pool.submit(work, item) for item in items]):
            yield pool.result(future)
    finally:
        pool.close()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
