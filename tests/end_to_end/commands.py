"""The command fl-chain as a user runs it: real processes, and a way to find what they leave."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import uuid
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from fl_chain.cli.main import run

MARK = "FL_CHAIN_TEST_MARK"
"""Variable that every process of one site inherits."""
TIMEOUT_SECONDS = 120


@dataclass
class Site:
    """A directory where somebody works with fl-chain."""

    directory: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, as a shell does."""
        return subprocess.Popen(
            [sys.executable, "-m", "fl_chain.cli", *arguments],
            cwd=self.directory,
            env={**os.environ, MARK: self.mark, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command that ends with ``code``, and return what it printed."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        assert process.returncode == code, (arguments, process.returncode, out, err)
        assert "Traceback" not in err
        return out

    def rows(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """Run a command with --json and return its lines."""
        return [json.loads(line) for line in self.run(*arguments, "--json", code=code).splitlines()]

    def ask(self, *arguments: str, code: int = 0) -> str:
        """Run a command in this process, which spares the import of the chain's library."""
        state = ("--state", str(self.directory / ".fl-chain"))
        with redirect_stdout(io.StringIO()) as out:
            assert run([*state, *arguments]) == code
        return out.getvalue()

    def ask_rows(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """Run a command with --json in this process and return its lines."""
        return [json.loads(line) for line in self.ask(*arguments, "--json", code=code).splitlines()]

    def processes(self) -> list[psutil.Process]:
        """Return what runs of this site, whoever its parent is by now."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def wait_until_quiet(self, seconds: float = 20) -> list[str]:
        """Wait until nothing runs any more; return what does after all."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return [" ".join(process.cmdline()) for process in left]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            is_dead = process.status() == psutil.STATUS_ZOMBIE
            return not is_dead and process.environ().get(MARK) == self.mark
        except psutil.Error:
            return False
