"""One process that runs the contract tests against mutants, and ends what does not end."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from fl_chain.npm import node_executable
from scripts.measure_conditions import ROOT
from scripts.mutant_tests import Suite

PATIENCE = 10
"""So many times longer than without a mutant may a test contract take, and 15 seconds more."""


class Runner:
    """The process that runs test contracts; use it with ``with``."""

    def __init__(self, inputs: dict[str, Any], directory: Path) -> None:
        self._file = directory / "inputs.json"
        self._file.write_text(json.dumps(inputs), encoding="utf-8")
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def run(self, suite: Suite, mutant: int, share: int, excluded: str) -> dict[str, Any] | None:
        """Run a test contract against a mutant; ``None`` if it did not end in time."""
        process = self._process or self._start()
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        request = {"suite": suite.name, "mutant": mutant, "share": share, "excluded": excluded}
        timer = threading.Timer(15 + PATIENCE * suite.seconds, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            if process.wait() >= 0:
                raise RuntimeError(f"the test runner ended with status {process.returncode}")
            self._process = None
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [str(node_executable()), str(ROOT / "scripts" / "mutants.mjs"), str(self._file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
