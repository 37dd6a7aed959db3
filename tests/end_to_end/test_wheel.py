"""The wheel alone, without a checkout, is enough for the whole job."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.golden import CHECKOUT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with nothing but the unpacked wheel."""
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory]
    built = subprocess.run([*command, CHECKOUT], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = directory.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory / "site")
    return directory / "site"


def run_elsewhere(site: Path, directory: Path, *arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_the_wheel_runs_the_main_job(site: Path, tmp_path: Path) -> None:
    where = run_elsewhere(site, tmp_path, "-c", "import fl_chain; print(fl_chain.__file__)")
    assert where.startswith(str(site))
    options = ("--data", "digits", "--participants", "2", "--rounds", "1")
    out = run_elsewhere(site, tmp_path, "-m", "fl_chain.cli", "demo", "run", *options)
    assert "0 fail, 0 undecidable" in out


def test_the_wheel_holds_what_it_needs_and_no_tests(site: Path) -> None:
    names = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert {
        "fl_chain/py.typed",
        "fl_chain/chain/artifacts/RoundLedger.json",
        "fl_chain/chain/nodes/anvil/package-lock.json",
        "fl_chain/roles/scaffold/README.md",
        "fl_chain/roles/scaffold/project.py",
        "fl_chain/roles/scaffold/task.toml",
        "fl_chain/storage/embedded/node.mjs",
        "fl_chain/storage/embedded/package-lock.json",
    } <= names
    assert not [name for name in names if "node_modules" in name or name.startswith("tests")]
