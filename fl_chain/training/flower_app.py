"""A Flower app on this machine: its source files, and the objects that they define.

An app is a directory with a ``pyproject.toml``, whose ``[tool.flwr.app.components]`` names its
``clientapp`` as ``module:attribute`` (https://flower.ai/docs/framework). What is executed are the
texts that were read, which can be compared before with those on record.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from fl_chain.errors import TrainingError
from fl_chain.protocol.app_bundle import MAX_BUNDLE_BYTES, Config, is_source_path
from fl_chain.training.blame import blame

__all__ = ["FlowerApp", "read_app_files"]

_PROJECT: Final = "pyproject.toml"
_SKIPPED: Final = {"__pycache__", "build", "dist", "node_modules", "venv"}


def read_app_files(directory: Path) -> dict[str, str]:
    """Return the text of ``pyproject.toml`` and of every Python file below a directory.

    Neither hidden files nor those of environments and builds belong to the app.

    Raises
    ------
    TrainingError
        There is no app, a file cannot be read, has a name that no bundle takes or is a link, or
        they have more than 1 MiB together.
    """
    files: dict[str, str] = {}
    size = 0
    for path in sorted(_find_sources(directory)):
        name = path.relative_to(directory).as_posix()
        if path.is_symlink() or not is_source_path(name):
            raise TrainingError(
                f"{path} is a link, or has a name that is not of letters, digits, - and _",
                "what does not belong to the app goes into another directory",
            )
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BUNDLE_BYTES + 1)
            files[name] = data.decode()
        except OSError as error:
            raise TrainingError(f"cannot read {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise TrainingError(f"{path} is no text in UTF-8") from None
        size += len(data)
        if size > MAX_BUNDLE_BYTES:
            raise TrainingError(
                f"the Python files below {directory} have more than 1 MiB",
                "name the directory of the Flower app alone, with its pyproject.toml",
            )
    if _PROJECT not in files:
        raise TrainingError(
            f"{directory} has no {_PROJECT}", "name the directory of a Flower app, as to flwr run"
        )
    return files


def _find_sources(directory: Path) -> list[Path]:
    found = [directory / _PROJECT] if (directory / _PROJECT).exists() else []
    for parent, directories, names in os.walk(directory):
        directories[:] = [
            name for name in directories if name not in _SKIPPED and not name.startswith(".")
        ]
        directories[:] = [
            name for name in directories if not (Path(parent) / name / "pyvenv.cfg").exists()
        ]
        found += [Path(parent) / name for name in names if name.endswith(".py") and name[0] != "."]
    return found


class FlowerApp:
    """Source files of an app, and what its ``pyproject.toml`` says.

    Parameters
    ----------
    directory
        Where the app is, for messages and for what it reads beside its code.
    files
        What is in it, from `read_app_files`.

    Raises
    ------
    TrainingError
        ``pyproject.toml`` is not that of a Flower app.
    """

    def __init__(self, directory: Path, files: Mapping[str, str]) -> None:
        self.directory = directory.absolute()
        self.files = files
        place = self.directory / _PROJECT
        try:
            contents = tomllib.loads(files[_PROJECT])
        except tomllib.TOMLDecodeError as error:
            raise TrainingError(f"{place} is not TOML: {error}") from None
        self.name = _look_up(contents, "project", "name")
        client = _look_up(contents, "tool", "flwr", "app", "components", "clientapp")
        config = _look_up(contents, "tool", "flwr", "app", "config")
        if not isinstance(self.name, str) or not isinstance(client, str):
            raise TrainingError(
                f"{place} names no project, or no clientapp in [tool.flwr.app.components]",
                "name the directory of a Flower app, as to flwr run",
            )
        self.client: str = client
        self.run_config: Config = _flatten_config(config if isinstance(config, dict) else {})

    def load(self, reference: str) -> Any:
        """Return what ``module:attribute`` means in the app, executing what that imports.

        Raises
        ------
        TrainingError
            There is no such thing, or the app's code raises.
        """
        module, _, attribute = reference.partition(":")
        if not module or not attribute:
            raise TrainingError(f"{reference!r} is no reference of the form module:attribute")
        _serve(self.directory, self.files)
        try:
            value = importlib.import_module(module)
            for part in attribute.split("."):
                value = getattr(value, part)
        except (Exception, SystemExit) as error:
            raise self.blame(f"the import of {reference}", error) from error
        return value

    def blame(self, what: str, error: BaseException) -> TrainingError:
        """Return an error that says what went wrong, and in which line of the app."""
        files = {str(self.directory / name) for name in self.files}
        return blame(files, self.directory, what, error, "install what the app depends on")


def _look_up(contents: Mapping[str, Any], *keys: str) -> Any:
    value: Any = contents
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _flatten_config(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a table with those in it under dotted keys, as Flower gives it to apps."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flatten_config(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


class _AppFinder(importlib.abc.MetaPathFinder):
    """Finds the modules of one app in texts that were read before."""

    def __init__(self, directory: Path, files: Mapping[str, str]) -> None:
        self.directory, self.files = directory, files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        base = fullname.replace(".", "/")
        for name, is_package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
            if name in self.files:
                place = self.directory / name
                loader = _TextLoader(place, self.files[name])
                return importlib.util.spec_from_file_location(
                    fullname,
                    place,
                    loader=loader,
                    submodule_search_locations=[str(place.parent)] if is_package else None,
                )
        if any(name.startswith(f"{base}/") and name.endswith(".py") for name in self.files):
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(self.directory / base)]
            return spec
        return None


class _TextLoader(importlib.abc.SourceLoader):
    """Executes a text, and leaves no compiled file behind."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text = path, text

    def get_filename(self, fullname: str) -> str:
        return str(self._path)

    def get_data(self, path: str | bytes) -> bytes:
        return self._text.encode()


def _serve(directory: Path, files: Mapping[str, str]) -> None:
    """Let the imports of this process find an app, and forget the one before."""
    for finder in [each for each in sys.meta_path if isinstance(each, _AppFinder)]:
        if finder.directory == directory and finder.files == files:
            return
        for name in [name for name in sys.modules if finder.find_spec(name, None)]:
            del sys.modules[name]
        sys.meta_path.remove(finder)
    # First, as Flower puts an app's directory before all others.
    sys.meta_path.insert(0, _AppFinder(directory, files))
