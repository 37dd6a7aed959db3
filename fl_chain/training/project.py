"""A user's own model and data: one Python file with the functions ``model`` and ``load_data``.

    def model() -> torch.nn.Module: ...
    def load_data(partition) -> tuple[features, labels]: ...
    def train(model, features, labels, settings) -> float: ...       # may be left out
    def evaluate(model, features, labels) -> float | tuple[float, float]: ...           # likewise

``model`` returns a module from features to class scores, float32 ``[n, num_classes]``, or to one
number, ``[n, 1]``. ``load_data`` returns the participant's examples: features of any shape with
examples first, and for each its class, a whole number, or the number to predict. ``train`` changes
the model in place and returns the mean loss; without it there is local SGD. ``evaluate`` returns
the loss, or loss and accuracy; without it they are cross entropy and the share of right answers,
or the squared error.

The file is code of whoever runs it, with all that code may do. What is executed are the bytes that
were read, whose CID can be compared before. Whatever it does wrong is told with its line.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fl_chain.errors import TrainingError
from fl_chain.protocol.recipe import EVERYTHING
from fl_chain.training.blame import blame
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import Evaluation, evaluate
from fl_chain.training.loaded_arrays import (
    read_features,
    read_labels,
    read_targets,
    read_values,
)
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.parameters import parameter_layout, sorted_parameters
from fl_chain.training.reproducible import reproducible

__all__ = [
    "MAX_SOURCE_BYTES",
    "Partition",
    "Project",
    "ProjectTrainer",
    "Settings",
    "read_source",
]

MAX_SOURCE_BYTES: Final = 2**20
"""One block of IPFS, so that the CID is the SHA-256 of the file."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Whose data ``load_data`` is asked for."""

    id: int
    """In [0, count)."""

    count: int
    """Number of partitions, at least 1."""

    path: Path | None
    """What the participant named as its data; None if nothing."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the recipe asks of ``train``."""

    num_epochs: int
    batch_size: int
    learning_rate: float
    proximal: float = 0


class Project:
    """A file that was executed.

    Parameters
    ----------
    path
        Where it is, for messages.
    source
        What is in it, from `read_source`.

    Raises
    ------
    TrainingError
        It does not run, or lacks a function.
    """

    def __init__(self, path: Path, source: bytes) -> None:
        self.path = path
        self.source = source
        self._module = _execute(path, source)
        for name in ("model", "load_data"):
            if not callable(getattr(self._module, name, None)):
                raise TrainingError(
                    f"{path} has no function {name}()", "fl-chain new DIRECTORY shows how"
                )

    @property
    def has_own_training(self) -> bool:
        """Whether the file has a function ``train``."""
        return callable(getattr(self._module, "train", None))

    @property
    def has_own_evaluation(self) -> bool:
        """Whether the file has a function ``evaluate``."""
        return callable(getattr(self._module, "evaluate", None))

    def evaluate(self, module: nn.Module, dataset: Dataset) -> Evaluation:
        """Evaluate a model by the file's own function, if it has one.

        Raises
        ------
        TrainingError
            ``evaluate`` raises, or returns something else than numbers.
        """
        if not self.has_own_evaluation:
            return evaluate(module, dataset)
        was_training = module.training
        module.eval()
        features, labels = torch.tensor(dataset.features), torch.tensor(dataset.labels)
        with torch.no_grad(), reproducible(0):
            said = self.call("evaluate", module, features, labels)
        module.train(was_training)
        try:
            loss, accuracy = map(float, said) if isinstance(said, tuple) else (float(said), None)
        except (TypeError, ValueError):
            raise TrainingError(
                f"evaluate() of {self.path} returns {said!r:.80}, not the loss, or the loss and the"
                " accuracy"
            ) from None
        if not math.isfinite(loss):
            raise TrainingError(
                f"evaluate() of {self.path} returns a loss of {loss}",
                "the model may have diverged, or a mean is taken of nothing",
            )
        if accuracy is not None and not 0 <= accuracy <= 1:
            raise TrainingError(
                f"evaluate() of {self.path} returns an accuracy of {accuracy}", "it is 0 to 1"
            )
        count = len(dataset)
        return Evaluation(count, None if accuracy is None else round(accuracy * count), loss)

    def build_model(self, seed: int, shared: Sequence[str] = EVERYTHING) -> nn.Module:
        """Build the model; what it draws from global generators depends on the seed alone.

        Parameters
        ----------
        seed
            In [0, 2^32).
        shared
            Patterns of the names of the parameters that participants exchange.

        Raises
        ------
        TrainingError
            ``model`` raises, or returns something else than a module of float32 parameters.
        """
        with reproducible(seed):
            module = self.call("model")
        if not isinstance(module, nn.Module):
            raise TrainingError(
                f"model() of {self.path} returns {type(module).__name__}, not a torch.nn.Module"
            )
        parameters = sorted_parameters(module, shared)
        if not any(parameter.requires_grad for _, parameter in parameters):
            raise TrainingError(f"model() of {self.path} has no parameter that can be trained")
        for name, parameter in parameters:
            if not torch.isfinite(parameter).all():
                raise TrainingError(f"parameter {name!r} of {self.path} begins with NaN")
        return module

    def load_dataset(self, partition: Partition, module: nn.Module) -> Dataset:
        """Load a participant's examples, and check that the model takes them.

        Raises
        ------
        TrainingError
            ``load_data`` raises, or returns what cannot be trained on: the message says where.
        """
        try:
            loaded = self.call("load_data", partition)
        except TrainingError as error:
            if partition.path:
                raise
            hint = error.hint or "name with --data what it is to load"
            raise TrainingError(f"without --data, {error.message}", hint) from error
        if not isinstance(loaded, tuple) or len(loaded) != 2:
            raise TrainingError(
                f"load_data() of {self.path} returns {type(loaded).__name__}, "
                "not a tuple of features and labels"
            )
        place = f"load_data() of {self.path}"
        features = read_features(place, loaded[0])
        if not len(features):
            where = partition.path or f"partition {partition.id}"
            raise TrainingError(f"{place}: no example in {where}")
        num_scores, *places = self._measure_scores(module, features[:1])
        values = read_values(place, loaded[1], tuple(places))
        if len(features) != len(values):
            raise TrainingError(f"{place}: {len(features)} examples, but {len(values)} labels")
        if num_scores == 1:
            return Dataset(self.path.name, features, read_targets(place, values), 0)
        labels = read_labels(place, values)
        if labels.max() >= num_scores:
            raise TrainingError(
                f"{place}: label {labels.max()}, but the model has {num_scores} classes: "
                f"0 to {num_scores - 1}"
            )
        return Dataset(self.path.name, features, labels, num_scores)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function of the file.

        Raises
        ------
        TrainingError
            It raises; the message says in which line.
        """
        function: Callable[..., Any] = getattr(self._module, name)
        try:
            return function(*arguments)
        except (Exception, SystemExit) as error:
            raise _blame(self.path, f"{name}()", error) from error

    def _measure_scores(
        self, module: nn.Module, example: npt.NDArray[np.float32]
    ) -> tuple[int, ...]:
        """Return the number of scores of an example, and of a sequence at how many places."""
        was_training = module.training
        module.eval()
        try:
            with torch.no_grad():
                scores = module(torch.tensor(example))
        except Exception as error:
            raise TrainingError(
                f"the model of {self.path} does not take features of shape "
                f"{example.shape[1:]}: {error}"
            ) from error
        module.train(was_training)
        shape = tuple(scores.shape) if isinstance(scores, torch.Tensor) else ()
        is_number = shape == (1, 1)
        has_scores = 2 <= len(shape) <= 3 and shape[0] == 1 and all(shape)
        if not has_scores or (shape[1] == 1 and not is_number):
            raise TrainingError(
                f"the model of {self.path} gives {shape or type(scores).__name__} for one example,"
                " not (1, number of classes), or (1, 1) for a number, or (1, number of classes,"
                " length) for a sequence"
            )
        return shape[1:]


class ProjectTrainer(LocalSgd):
    """Local training by the function ``train`` of a project."""

    def __init__(
        self,
        project: Project,
        module: nn.Module,
        dataset: Dataset,
        settings: Settings,
        evaluation_dataset: Dataset,
        shared: Sequence[str] = EVERYTHING,
    ) -> None:
        super().__init__(
            module,
            dataset,
            num_epochs=settings.num_epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            proximal=settings.proximal,
            shared=shared,
            evaluation_dataset=evaluation_dataset,
            evaluation=project.evaluate,
        )
        self._project = project
        self._settings = settings

    def _run(
        self,
        generator: torch.Generator,
        parameters: Mapping[str, npt.NDArray[np.float32]],
        former: Mapping[str, npt.NDArray[np.float32]] | None,
    ) -> float:
        layout = parameter_layout(self._module, self._shared)
        loss = self._project.call(
            "train", self._module, self._features, self._labels, self._settings
        )
        if parameter_layout(self._module, self._shared) != layout:
            raise TrainingError(
                f"train() of {self._project.path} left a model with other parameters",
                "it may change the values of parameters only",
            )
        try:
            value = float(loss.detach() if isinstance(loss, torch.Tensor) else loss)
        except (TypeError, ValueError):
            raise TrainingError(
                f"train() of {self._project.path} returns {type(loss).__name__}, "
                "not the mean loss, a number"
            ) from None
        if not math.isfinite(value):
            raise TrainingError(
                f"train() of {self._project.path} returned a loss of {value}",
                "the learning rate may be too high for it",
            )
        return value


class _Loader(importlib.abc.SourceLoader):
    """Executes bytes that were read before, and leaves no compiled file behind."""

    def __init__(self, path: Path, source: bytes) -> None:
        self._path, self._source = path, source

    def get_filename(self, fullname: str) -> str:
        return str(self._path)

    def get_data(self, path: str | bytes) -> bytes:
        return self._source


def read_source(path: Path) -> bytes:
    """Return the content of a project's file, without executing it.

    Raises
    ------
    TrainingError
        It cannot be read, is no Python file by its name, or has more than 1 MiB.
    """
    if path.suffix != ".py":
        raise TrainingError(f"{path} is no Python file", "its name ends with .py")
    try:
        with path.open("rb") as file:
            source = file.read(MAX_SOURCE_BYTES + 1)
    except OSError as error:
        raise TrainingError(f"cannot read {path}: {error.strerror}") from None
    if len(source) > MAX_SOURCE_BYTES:
        raise TrainingError(f"{path} has more than 1 MiB", "data go into files of their own")
    return source


def _execute(path: Path, source: bytes) -> ModuleType:
    name = f"fl_chain_project_{path.stem}"
    loader = _Loader(path, source)
    spec = importlib.util.spec_from_loader(name, loader, origin=str(path))
    if spec is None:
        raise TrainingError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses of the file look themselves up there
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _blame(path, "", error) from error
    return module


def _blame(path: Path, what: str, error: BaseException) -> TrainingError:
    hint = "install it, or put what is yours into the one file, whose CID the task records"
    return blame({str(path)}, path, what, error, hint)
