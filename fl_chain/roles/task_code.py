"""Code of a coordinator's own in place of a model of fl_chain's: a project, or a Flower app.

Either becomes one file that is pinned, whose CID the manifest records under the name of the model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_chain.errors import UsageError
from fl_chain.protocol.app_bundle import AppBundle, Config, encode_bundle
from fl_chain.protocol.recipe import FLOWER_SUFFIX, PROJECT_NAME, Recipe
from fl_chain.training.flower_app import FlowerApp, read_app_files
from fl_chain.training.parameters import get_parameters
from fl_chain.training.project import Project, read_source

Parameters = Mapping[str, NDArray[np.float32]]
_ALONE = ("model", "data")
"""Keys of a recipe that code of one's own stands for."""
_OF_THE_APP = (
    *("num_epochs", "batch_size", "learning_rate", "proximal"),
    *("algorithm", "reference_steps", "shared"),
)
"""Keys of a recipe about which a Flower app decides."""
_OF_A_FLOWER_APP = ("flower", "initial", "run_config", "train_config")


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a task with code of its own begins with."""

    source: bytes
    """The file to pin."""
    parameters: Parameters
    """Of the genesis model."""
    packages: tuple[str, ...] = ()
    """Whose versions belong on record, beside those of every task."""


@dataclass(frozen=True, slots=True)
class ProjectCode:
    """A Python file with model and data."""

    path: Path

    @property
    def name(self) -> str:
        """What the recipe calls the model."""
        return self.path.name

    def begin(self, recipe: Recipe) -> Beginning:
        """Execute the code, and return what a task begins with.

        Raises
        ------
        TrainingError
            The file does not work.
        """
        source = read_source(self.path)
        module = Project(self.path, source).build_model(recipe.seed, recipe.shared)
        return Beginning(source, get_parameters(module, recipe.shared))


@dataclass(frozen=True, slots=True)
class FlowerCode:
    """A Flower app, and what its own server would have told its clients."""

    app: FlowerApp
    initial: str
    """``module:attribute`` of what has the arrays to begin with."""
    run_config: Config
    train_config: Config

    @property
    def name(self) -> str:
        """What the recipe calls the model."""
        return re.sub("[^0-9A-Za-z_-]", "-", self.app.name)[:90] + FLOWER_SUFFIX

    def begin(self, recipe: Recipe) -> Beginning:
        """Execute the code, and return what a task begins with.

        Raises
        ------
        TrainingError
            The app does not work.
        MalformedBlob
            It has more than 1 MiB, or more than a bundle takes.
        """
        from fl_chain.training.flower import load_initial_arrays

        initial = load_initial_arrays(self.app, self.initial, recipe.seed)
        bundle = AppBundle(self.app.files, initial.arrays, self.run_config, self.train_config)
        return Beginning(encode_bundle(bundle), initial.parameters, ("flwr",))


TaskCode = ProjectCode | FlowerCode


def read_task_code(
    table: Mapping[str, Any], directory: Path
) -> tuple[dict[str, Any], TaskCode | None]:
    """Return the fields of a recipe, and the code of its own that it names, if it does.

    Parameters
    ----------
    table
        ``[recipe]`` of a task.toml.
    directory
        Where the paths in it begin.

    Raises
    ------
    UsageError
        The keys do not go together.
    TrainingError
        The directory of a Flower app is none.
    """
    rest = {key: value for key, value in table.items() if key not in ("project", *_OF_A_FLOWER_APP)}
    if "flower" in table:
        code: TaskCode = _read_flower(table, directory)
        _refuse_both("flower", ("project", *_ALONE, *_OF_THE_APP), table)
        # Whoever reads the record shall not take our defaults for what the app does.
        rest |= {"num_epochs": 1, "batch_size": 1, "learning_rate": "0"}
    elif "project" in table:
        _refuse_both("project", _ALONE, table)
        path = directory / _text(table, "project")
        if not PROJECT_NAME.fullmatch(path.name) or path.name.endswith(FLOWER_SUFFIX):
            raise UsageError(
                f"recipe.project {table['project']!r} is no Python file",
                "its name is of letters, digits, - and _, and ends with .py",
            )
        code = ProjectCode(path)
    else:
        return dict(table), None
    return {"model": code.name, "data": code.name, **rest}, code


def _read_flower(table: Mapping[str, Any], directory: Path) -> FlowerCode:
    path = directory / _text(table, "flower")
    if "initial" not in table:
        raise UsageError(
            "recipe.initial is missing: where does the model of the Flower app begin?",
            'name its class, or what returns its arrays, such as initial = "app.task:Net"',
        )
    app = FlowerApp(path, read_app_files(path))
    given = _config("run_config", table)
    if unknown := sorted(set(given) - set(app.run_config)):
        raise UsageError(
            f"recipe.run_config.{unknown[0]} is not in [tool.flwr.app.config] of the app",
            f"known: {', '.join(sorted(app.run_config)) or 'nothing'}",
        )
    run_config = {**app.run_config, **given}
    return FlowerCode(app, _text(table, "initial"), run_config, _config("train_config", table))


def _refuse_both(name: str, others: tuple[str, ...], table: Mapping[str, Any]) -> None:
    if both := sorted(set(others) & set(table)):
        what = "a Flower app says that itself" if name == "flower" else "a project has its own"
        raise UsageError(
            f"recipe.{name} and recipe.{both[0]} are both there", f"{what}: leave the other out"
        )


def _text(table: Mapping[str, Any], name: str) -> str:
    value = table[name]
    if not isinstance(value, str):
        raise UsageError(f"recipe.{name} is {value!r}, expected text")
    return value


def _config(name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    value = table.get(name, {})
    if not isinstance(value, dict):
        raise UsageError(f"recipe.{name} is {value!r}, expected a table")
    return {key: _plain(entry) for key, entry in value.items()}


def _plain(value: Any) -> Any:
    """Turn the decimals of a task.toml, which are exact, into what an app expects."""
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, bool | int | str) else float(value)
