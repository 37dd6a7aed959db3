"""Whatever is done at the same time, an audit finds the same, and holds no more than it may."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from fl_chain.audit.audit import run_audit
from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Finding
from fl_chain.audit.observer import Observer
from fl_chain.audit.scope import AuditedRound
from fl_chain.audit.workers import MOST_UPDATES, InTurn, Workers
from fl_chain.errors import LocalStateError, UsageError
from fl_chain.protocol.cid import Cid
from fl_chain.roles.audit_workers import MOST_JOBS, ParallelWorkers, count_cores
from tests.unit.audit.test_audit_vectors import AUDITS, evidence_of

JOBS = (1, 2, 3, 8)


class Notes(Observer):
    """What an observer is told."""

    def __init__(self) -> None:
        self.plans: list[tuple[int, int, int]] = []
        self.findings: list[Finding] = []
        self.num_updates = self.num_bytes = 0
        self._lock = threading.Lock()
        self.rounds: list[AuditedRound] = []

    def plan(self, num_rounds: int, num_updates: int, num_former: int) -> None:
        self.plans.append((num_rounds, num_updates, num_former))

    def find(self, finding: Finding) -> None:
        self.findings.append(finding)

    def examine(self, num_updates: int, num_bytes: int) -> None:
        with self._lock:
            self.num_updates += num_updates
            self.num_bytes += num_bytes

    def conclude(self, audited: AuditedRound) -> None:
        self.rounds.append(audited)


@pytest.fixture(params=JOBS, ids=lambda jobs: f"{jobs} jobs")
def workers(request: pytest.FixtureRequest) -> Iterator[ParallelWorkers]:
    with ParallelWorkers(request.param) as made:
        yield made


def audit(evidence: Evidence, only_round: int | None, workers: Workers) -> tuple[Any, Notes]:
    """Return the findings, or the error, and what an observer was told."""
    notes = Notes()
    try:
        return run_audit(evidence, only_round, workers=workers, observer=notes), notes
    except UsageError as error:
        return error.message, notes


@pytest.mark.parametrize("name", AUDITS)
def test_findings_and_their_order_do_not_depend_on_the_workers(
    name: str, workers: ParallelWorkers
) -> None:
    evidence, only_round = evidence_of(AUDITS[name]), AUDITS[name]["only_round"]
    expected, told = audit(evidence, only_round, InTurn())
    found, notes = audit(evidence, only_round, workers)
    assert found == expected
    assert (notes.plans, notes.findings, notes.rounds) == (told.plans, told.findings, told.rounds)
    assert (notes.num_updates, notes.num_bytes) == (told.num_updates, told.num_bytes)


@pytest.mark.parametrize("name", ["honest", "lists", "missing_update", "forged_entry"])
def test_content_may_arrive_in_any_order(name: str, workers: ParallelWorkers) -> None:
    evidence = evidence_of(AUDITS[name])
    expected, _ = audit(evidence, None, InTurn())

    def fetch(cid: Cid, max_bytes: int) -> bytes:
        time.sleep(cid.digest[0] % 4 / 500)
        return evidence.fetch_blob(cid, max_bytes)

    found, _ = audit(replace(evidence, fetch_blob=fetch), None, workers)
    assert found == expected


def test_an_observer_is_told_of_every_round_and_update() -> None:
    case = AUDITS["honest"]
    findings, notes = audit(evidence_of(case), None, InTurn())
    rounds = {finding.round for finding in findings} - {None}
    ((num_rounds, num_updates, num_former),) = notes.plans
    assert (num_rounds, num_updates, num_former) == (len(rounds), notes.num_updates, 0)
    assert [audited.round for audited in notes.rounds] == sorted(rounds)
    assert notes.findings == findings


@dataclass
class VectorStore:
    """The contents of a vector; it can be opened in another process."""

    name: str
    is_deadly: bool = False

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        if self.is_deadly:
            os._exit(1)
        return evidence_of(AUDITS[self.name]).fetch_blob(cid, max_bytes)

    def put(self, data: bytes) -> Cid:
        raise NotImplementedError


@pytest.mark.parametrize("name", ["honest", "lists", "missing_update", "unavailable_claim"])
def test_processes_find_the_same(name: str) -> None:
    evidence = evidence_of(AUDITS[name])
    expected, told = audit(evidence, None, InTurn())
    before = set(multiprocessing.active_children())
    with ParallelWorkers(2, partial(VectorStore, name), process_bytes=0) as workers:
        found, notes = audit(evidence, None, workers)
        started = set(multiprocessing.active_children()) - before
        assert started
    assert found == expected
    assert (notes.num_updates, notes.num_bytes) == (told.num_updates, told.num_bytes)
    for process in started:
        process.join(10)
        assert process.exitcode is not None


def test_a_process_that_ends_before_its_time_ends_the_audit() -> None:
    opener = partial(VectorStore, "honest", is_deadly=True)
    with (
        ParallelWorkers(2, opener, process_bytes=0) as workers,
        pytest.raises(LocalStateError, match="ended before its time") as caught,
    ):
        run_audit(evidence_of(AUDITS["honest"]), workers=workers)
    assert "--resume" in caught.value.hint


def test_processes_start_only_where_there_is_much_to_hash() -> None:
    before = set(multiprocessing.active_children())
    with ParallelWorkers(2, partial(VectorStore, "honest")) as workers:
        run_audit(evidence_of(AUDITS["honest"]), workers=workers)
        assert set(multiprocessing.active_children()) == before


@pytest.mark.parametrize("jobs", JOBS)
def test_results_come_in_order_and_no_more_is_begun_than_the_jobs_allow(jobs: int) -> None:
    begun = set[int]()
    lock = threading.Lock()

    def work(item: int) -> int:
        with lock:
            begun.add(item)
        return item * item

    with ParallelWorkers(jobs) as workers:
        for position, result in enumerate(workers.map_rounds(work, range(100))):
            assert result == position * position
            assert len(begun) <= position + jobs + 1


@pytest.mark.parametrize("num_updates", [1, 2, 10, 1000, 100_000])
def test_a_slice_has_at_least_one_update_and_at_most_64(
    workers: ParallelWorkers, num_updates: int
) -> None:
    assert 1 <= workers.slice_size(num_updates) <= MOST_UPDATES


def test_an_error_in_the_work_reaches_who_asked_for_it(workers: ParallelWorkers) -> None:
    def work(item: int) -> int:
        if item == 3:
            raise KeyError(item)
        return item

    results = workers.map_rounds(work, range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError):
        next(results)


def test_what_is_under_way_does_not_hold_up_the_end() -> None:
    held, began = threading.Event(), threading.Event()

    def wait(item: int) -> None:
        began.set()
        held.wait(60)

    with ParallelWorkers(2) as workers:
        results = workers.map_rounds(wait, range(5))
        threading.Thread(target=lambda: next(results), daemon=True).start()
        assert began.wait(10)
    held.set()


@pytest.mark.parametrize("jobs", [0, -1, MOST_JOBS + 1])
def test_other_numbers_of_jobs_are_refused(jobs: int) -> None:
    with pytest.raises(UsageError, match="has 1 to 64 jobs"):
        ParallelWorkers(jobs)
    assert 1 <= count_cores() <= MOST_JOBS
