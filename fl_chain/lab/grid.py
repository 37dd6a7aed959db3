"""Many scenarios, as many at a time as the machine has cores for."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import product

from fl_chain.errors import LocalStateError
from fl_chain.lab.experiment import Experiment, Outcome, Scenario, run_scenario
from fl_chain.process import live_with

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Every process has one core: more threads than cores take turns, and all get slower."""


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
    """Yield what becomes of each scenario, in the order in which they are done.

    The processes end with this one, also when it is interrupted.

    Raises
    ------
    LocalStateError
        A process ended before its time.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([run_scenario.__module__])
    theirs, life = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(num_jobs, context, live_with, (theirs,))
    try:
        for future in as_completed([executor.submit(run_scenario, one) for one in scenarios]):
            yield future.result()
    except BrokenProcessPool:
        raise LocalStateError(
            "a process of the laboratory ended before its time",
            "memory may be short: try fewer --jobs",
        ) from None
    finally:
        life.close()
        executor.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
