"""Ctrl-C waits where it would lose a process, and is repeated where Python would lose it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from fl_chain.interrupts import signals_held

IGNORING = {
    "a finalizer": "type('T', (), {'__del__': lambda self: interrupt()})()",
    "a callback of a weak reference": (
        "thing = threading.Event(); held = weakref.ref(thing, interrupt); del thing"
    ),
    "a callback of the garbage collector": "gc.callbacks.append(interrupt); gc.collect()",
}
"""Code in which Python ignores every error."""


def test_a_signal_waits_until_what_was_begun_is_done() -> None:
    steps = []

    def interrupted() -> None:
        with signals_held():
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("done all the same")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert steps == ["done all the same"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_have_no_signals_to_hold() -> None:
    done = threading.Event()

    def work() -> None:
        with signals_held():
            done.set()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done.is_set()


@pytest.mark.parametrize("ignoring", IGNORING.values(), ids=IGNORING)
def test_an_interrupt_that_python_ignores_comes_again(ignoring: str) -> None:
    program = f"""
import gc, signal, threading, time, weakref
from fl_chain.interrupts import insist_on_interrupts

def interrupt(*_):
    gc.callbacks.clear()
    signal.raise_signal(signal.SIGINT)

insist_on_interrupts()
try:
    {ignoring}
    print("ignored", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ignored\ninterrupted\n", "")


def test_other_errors_that_python_ignores_are_still_shown() -> None:
    program = (
        "from fl_chain.interrupts import insist_on_interrupts; insist_on_interrupts();"
        "type('T', (), {'__del__': lambda self: 1 // 0})()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0
    assert "ZeroDivisionError" in done.stderr
