"""A crew works at the same time, gives results in order, and keeps nobody waiting for it."""

from __future__ import annotations

import subprocess
import sys
import threading
import weakref
from concurrent.futures import CancelledError

import pytest

from fl_chain.roles.thread_crew import ThreadCrew

SECONDS = 30


def test_threads_work_at_the_same_time_and_results_come_in_order() -> None:
    meeting = threading.Barrier(3)

    def meet(item: int) -> int:
        meeting.wait(SECONDS)
        return -item

    with ThreadCrew(3) as crew:
        assert crew.map(meet, [1, 2, 3]) == [-1, -2, -3]


def test_the_same_threads_do_all_the_work() -> None:
    with ThreadCrew(2) as crew:
        names = {name for _ in range(9) for name in crew.map(_name_of_thread, range(4))}
    assert len(names) <= 2


def test_the_first_item_that_fails_says_how_and_the_crew_goes_on() -> None:
    with ThreadCrew(2) as crew:
        with pytest.raises(ZeroDivisionError):
            crew.map(lambda item: 1 // item, [1, 0, "x"])  # type: ignore[operator]
        assert crew.map(abs, [-1]) == [1]


def test_nothing_is_begun_once_it_is_closed_and_who_waits_is_told() -> None:
    may_end, begun = threading.Event(), threading.Event()

    def wait(item: int) -> int:
        begun.set()
        may_end.wait(SECONDS)
        return item

    with ThreadCrew(1) as crew:
        first, second = crew.begin(wait, 1), crew.begin(wait, 2)
        begun.wait(SECONDS)
    for given_up in (second, crew.begin(wait, 3)):
        with pytest.raises(CancelledError):
            given_up()
    may_end.set()
    assert first() == 1


def test_a_thread_that_waits_for_work_holds_no_result() -> None:
    class Large:
        pass

    with ThreadCrew(1) as crew:
        (large,) = crew.map(lambda _: Large(), [None])
        held = weakref.ref(large)
        del large
        crew.map(abs, [1])
        assert held() is None


@pytest.mark.parametrize("end", ["pass", "raise KeyboardInterrupt"])
def test_a_process_ends_whatever_its_crew_waits_for_and_leaves_nothing(end: str) -> None:
    program = f"""
import sys, threading
from fl_chain.roles.thread_crew import ThreadCrew
begun = threading.Event()
with ThreadCrew(2) as crew:
    crew.begin(lambda item: (begun.set(), threading.Event().wait()), None)
    begun.wait()
    try:
        {end}
    except KeyboardInterrupt:
        pass
assert "multiprocessing" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=SECONDS, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def _name_of_thread(_: int) -> str:
    return threading.current_thread().name
