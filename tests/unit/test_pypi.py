"""Wheels are downloaded by the user's own pip, verified, kept, and never installed.

pip is asked for a wheel that lies in a directory, so that no index is asked.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

from fl_chain import pypi
from fl_chain.errors import ToolchainError
from fl_chain.pypi import fetch_wheel

REQUIREMENT = "greeting==1.0"


@pytest.fixture
def sha256(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a wheel that pip finds, and return its digest."""
    links = tmp_path / "links"
    links.mkdir()
    wheel = links / "greeting-1.0-py3-none-any.whl"
    info = "greeting-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("greeting.py", "raise SystemExit('foreign code was run')\n")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("FL_CHAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_a_wheel_is_downloaded_once_and_is_the_one_that_was_asked_for(
    sha256: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fetch_wheel(REQUIREMENT, sha256.upper())
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    monkeypatch.setattr(sys, "executable", "/nowhere")
    assert fetch_wheel(REQUIREMENT, sha256) == path


def test_a_damaged_file_of_the_cache_is_fetched_anew(sha256: str) -> None:
    path = fetch_wheel(REQUIREMENT, sha256)
    path.write_bytes(b"damaged")
    assert fetch_wheel(REQUIREMENT, sha256) == path
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def test_another_wheel_than_that_is_refused(sha256: str, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=f"has sha256 {sha256} instead of {'0' * 64}"):
        fetch_wheel(REQUIREMENT, "0" * 64)
    assert not list((tmp_path / "cache").rglob("*.whl"))


def test_what_the_index_does_not_have_is_said_with_the_reason(sha256: str) -> None:
    with pytest.raises(ToolchainError, match=r"could not download greeting==2\.0: No matching"):
        fetch_wheel("greeting==2.0", sha256)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "pip cannot be run"),
        ("echo 'python: No module named pip' >&2; exit 1", "pip is needed to fetch"),
        ("exit 1", "no message"),
        ("exit 0", "left 0 wheels"),
    ],
)
def test_a_pip_that_does_not_work_is_an_error(
    sha256: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, message: str
) -> None:
    python = tmp_path / "python"
    if script is not None:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ToolchainError, match=message):
        fetch_wheel(REQUIREMENT, sha256)


def test_a_pip_that_hangs_is_given_up(
    sha256: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 60\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(pypi, "DOWNLOAD_TIMEOUT_SECONDS", 0.1)
    with pytest.raises(ToolchainError, match="did not deliver"):
        fetch_wheel(REQUIREMENT, sha256)
