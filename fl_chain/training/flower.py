"""Local training by a Flower app, as it is: a ClientApp with functions, or with a NumPyClient.

The app is called with the messages that Flower's own client would have received; no Flower server
and no connection takes part. Extra ``fl_chain[flower]``; with the public names of Flower 1.24 and
later (https://flower.ai/docs/framework/ref-api/flwr.app.html), but for one: whether an app is built
around a client is asked of a private attribute.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fl_chain.errors import TrainingError
from fl_chain.protocol.app_bundle import FLOAT_TYPES, KEPT_TYPES, AppArray, AppBundle
from fl_chain.training.evaluation import Evaluation
from fl_chain.training.flower_app import FlowerApp
from fl_chain.training.flower_state import recall_state, remember_state
from fl_chain.training.reproducible import reproducible
from fl_chain.training.trainer import Memory, TrainingResult

__all__ = ["ACCURACIES", "LOSSES", "FlowerTrainer", "InitialArrays", "load_initial_arrays"]

LOSSES: Final = ("eval_loss", "loss", "test_loss")
ACCURACIES: Final = ("eval_acc", "accuracy", "eval_accuracy", "acc", "test_accuracy")
_TRAIN_LOSSES: Final = ("train_loss", "loss")
"""Names under which apps report a metric: Flower prescribes none, its own examples use these."""

_KEPT: Final = "kept/"
_MAX_KEPT: Final = 10_000
"""Values that are kept and not trained, such as counters of batch normalisation."""


@dataclass(frozen=True, slots=True)
class InitialArrays:
    """Where the model of an app begins."""

    arrays: tuple[AppArray, ...]
    parameters: dict[str, npt.NDArray[np.float32]]
    """Those that are trained."""


def load_initial_arrays(app: FlowerApp, reference: str, seed: int) -> InitialArrays:
    """Return the arrays that a class or function of an app has to begin with.

    Parameters
    ----------
    app
        The app.
    reference
        ``module:attribute``, called without arguments, of what returns a ``torch.nn.Module``, a
        list of NumPy arrays, a dictionary of arrays or tensors, or an ``ArrayRecord``.
    seed
        All that torch, NumPy and Python draw depends on it, in [0, 2^32).

    Raises
    ------
    TrainingError
        It returns something else, or arrays that are no numbers.
    """
    _import_flower()
    from flwr.app import Array, ArrayRecord

    factory = app.load(reference)
    with reproducible(seed):
        try:
            value = factory()
        except (Exception, SystemExit) as error:
            raise app.blame(f"{reference}()", error) from error
    if isinstance(value, nn.Module):
        value = value.state_dict()
    try:
        if isinstance(value, Mapping) and not isinstance(value, ArrayRecord):
            value = {
                name: each if isinstance(each, Array) else Array(_to_numpy(each))
                for name, each in value.items()
            }
        record = value if isinstance(value, ArrayRecord) else ArrayRecord(value)
        found = {name: array.numpy() for name, array in record.items()}
    except Exception as error:
        raise TrainingError(
            f"{reference} returns {type(value).__name__}, not the arrays of a model",
            "name a torch module, or a function that returns one, or NumPy arrays",
        ) from error
    arrays = tuple(_describe(name, array) for name, array in found.items())
    parameters = {
        each.name: found[each.name].astype(np.float32) for each in arrays if each.is_trained
    }
    if not parameters:
        raise TrainingError(f"{reference} returns no array of floats, which could be trained")
    if sum(len(each.values) for each in arrays) > _MAX_KEPT:
        raise TrainingError(
            f"{reference} returns more than {_MAX_KEPT} integers, which cannot be trained",
            "integers, such as counters, are kept by each participant and not aggregated",
        )
    for name, parameter in parameters.items():
        if not np.isfinite(parameter).all():
            raise TrainingError(f"array {name!r} of {reference} begins with NaN or infinity")
    return InitialArrays(arrays, parameters)


def _to_numpy(value: Any) -> npt.NDArray[Any]:
    return np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)


def _describe(name: str, array: npt.NDArray[Any]) -> AppArray:
    dtype = array.dtype.name
    if dtype in FLOAT_TYPES:
        return AppArray(name, array.shape, dtype)
    if dtype not in KEPT_TYPES:
        raise TrainingError(f"array {name!r} is {dtype}, which neither can be trained nor kept")
    return AppArray(name, array.shape, dtype, tuple(int(value) for value in array.ravel()))


class FlowerTrainer:
    """Trains by an app's ``train``, or its client's ``fit``.

    The app's state (``context.state``) is part of what `memory` returns, beside the arrays that are
    kept and not trained.

    Parameters
    ----------
    app
        The participant's own copy.
    bundle
        What the task says of it.
    partition_id, num_partitions
        What the app reads in ``context.node_config``.

    Raises
    ------
    TrainingError
        Flower is not installed, or the app does not load.
    """

    def __init__(
        self, app: FlowerApp, bundle: AppBundle, partition_id: int, num_partitions: int
    ) -> None:
        _import_flower()
        from flwr.app import Context, RecordDict
        from flwr.clientapp import ClientApp

        self._app, self._bundle = app, bundle
        client = app.load(app.client)
        if not isinstance(client, ClientApp):
            raise TrainingError(f"{app.client} is {type(client).__name__}, not a ClientApp")
        self._client = client
        self._has_client_object = getattr(client, "_call", None) is not None
        self._kept: dict[str, npt.NDArray[np.generic]] = {}
        self._context = Context(
            run_id=1,
            node_id=partition_id + 1,
            node_config={"partition-id": partition_id, "num-partitions": num_partitions},
            state=RecordDict(),
            run_config=dict(bundle.run_config),  # type: ignore[arg-type]  # lists do no harm
        )
        self.restore({})

    def train(
        self,
        parameters: Mapping[str, npt.NDArray[np.float32]],
        *,
        seed: int,
        round_number: int = 1,
        former: Mapping[str, npt.NDArray[np.float32]] | None = None,
        seconds: float | None = None,
    ) -> TrainingResult:
        """Send the app a message of type ``train``; see `Trainer.train`.

        What torch, NumPy and Python draw depends on ``seed``; an app that draws from elsewhere, or
        keeps state elsewhere than in its context, does not give the same bytes again.
        """
        started = time.perf_counter()
        with reproducible(seed):
            content = self._call("train", parameters, round_number)
        seconds = time.perf_counter() - started
        metrics = _read_metrics(content)
        num_examples = _read_count(metrics)
        if num_examples is None:
            raise self._complain(
                "does not say",
                "on how many examples it trained",
                'its metrics have to have "num-examples", 1 or more',
            )
        trained = self._read_arrays(content)
        with np.errstate(over="ignore", invalid="ignore"):  # found and named just below
            delta = {name: trained[name] - parameters[name] for name in sorted(parameters)}
        for name, array in delta.items():
            if not np.isfinite(array).all():
                raise TrainingError(
                    f"local training diverged: array {name!r} became NaN or infinity",
                    "the learning rate of the app is probably too high for its model",
                )
        loss = _first_number(metrics, _TRAIN_LOSSES)
        return TrainingResult(delta, num_examples, math.nan if loss is None else loss, seconds)

    def evaluate(
        self, parameters: Mapping[str, npt.NDArray[np.float32]], *, round_number: int = 1
    ) -> Evaluation | None:
        """Send the app a message of type ``evaluate``; None if it does not say how good it was."""
        with reproducible(0):
            try:
                content = self._call("evaluate", parameters, round_number)
            except _NotOffered:
                return None
        metrics = _read_metrics(content)
        num_examples = _read_count(metrics)
        loss, accuracy = _first_number(metrics, LOSSES), _first_number(metrics, ACCURACIES)
        if num_examples is None or loss is None or accuracy is None:
            return None
        if not 0 <= accuracy <= 1:
            return None
        return Evaluation(num_examples, round(accuracy * num_examples), loss)

    def memory(self) -> Memory:
        """Return the arrays that are not trained, and the app's state; see `Trainer.memory`."""
        kept = {_KEPT + name: array for name, array in self._kept.items()}
        return {**kept, **remember_state(self._context.state)}

    def restore(self, memory: Memory) -> None:
        """Go on with other arrays and another state; see `Trainer.restore`."""
        self._context.state = recall_state(memory)
        for each in self._bundle.arrays:
            if not each.is_trained:
                first = np.array(each.values, each.dtype).reshape(each.shape)
                array = memory.get(_KEPT + each.name, first)
                if (array.shape, array.dtype) != (first.shape, first.dtype):
                    raise TrainingError(f"what is remembered of {each.name!r} is of another app")
                self._kept[each.name] = array

    def _call(
        self, kind: str, parameters: Mapping[str, npt.NDArray[np.float32]], round_number: int
    ) -> Any:
        from flwr.app import Array, ArrayRecord, ConfigRecord, Message, Metadata, RecordDict

        record = ArrayRecord(
            {
                each.name: Array(
                    parameters[each.name].astype(each.dtype)
                    if each.is_trained
                    else self._kept[each.name]
                )
                for each in self._bundle.arrays
            }
        )
        values = {**self._bundle.train_config, "server-round": round_number}
        config = ConfigRecord(values)  # type: ignore[arg-type]  # a flat table by the bundle
        style = {"train": "fitins", "evaluate": "evaluateins"}[kind]
        names = (
            (f"{style}.parameters", f"{style}.config")
            if self._has_client_object
            else ("arrays", "config")
        )
        metadata = Metadata(
            run_id=1,
            message_id=f"{kind}-{round_number}",
            src_node_id=0,
            dst_node_id=self._context.node_id,
            reply_to_message_id="",
            group_id=str(round_number),
            created_at=time.time(),
            ttl=7 * 24 * 3600.0,
            message_type=kind,
        )
        content = RecordDict(dict(zip(names, (record, config), strict=True)))
        # Flower's own way, which its overloads do not list: the listed ones ask a task of Flower's.
        message = Message(content=content, metadata=metadata)  # type: ignore[call-overload]
        try:
            reply = self._client(message, self._context)
        except (Exception, SystemExit) as error:
            if isinstance(error, ValueError) and str(error).startswith(f"No {kind} function"):
                raise _NotOffered(f"{self._app.client} has no function for {kind}") from error
            raise self._app.blame(f"its answer to {kind}", error) from error
        if not isinstance(reply, Message) or reply.has_error() or not reply.has_content():
            raise self._complain("returns", "no Message with content")
        self._require_success(kind, reply.content)
        return reply.content

    def _require_success(self, kind: str, content: Any) -> None:
        name = {"train": "fitres.status", "evaluate": "evaluateres.status"}[kind]
        status = content.config_records.get(name)
        if status is not None and status.get("code", 0) != 0:
            problem = f"{self._app.client} answers to {kind}: {status.get('message')}"
            raise (_NotOffered if kind == "evaluate" else TrainingError)(problem)

    def _read_arrays(self, content: Any) -> dict[str, npt.NDArray[np.float32]]:
        records = list(content.array_records.values())
        if len(records) != 1:
            raise self._complain("returns", f"{len(records)} array records, and not one")
        found = list(records[0].items())
        expected = self._bundle.arrays
        if self._has_client_object:  # whose arrays have an order and no names
            names = [each.name for each in expected]
        else:
            names = [name for name, _ in found]
        if len(found) != len(expected) or set(names) != {each.name for each in expected}:
            raise self._complain("returns", "other arrays than it was given")
        trained: dict[str, npt.NDArray[np.float32]] = {}
        returned = {name: array for name, (_, array) in zip(names, found, strict=True)}
        for each in expected:
            array = returned[each.name].numpy()
            if array.shape != each.shape:
                raise self._complain(
                    "returns",
                    f"{each.name!r} with shape {array.shape}, and was given {each.shape}",
                    "an app changes the values of arrays, and never their shapes",
                )
            if each.is_trained:
                with np.errstate(over="ignore"):  # which the caller finds
                    trained[each.name] = array.astype(np.float32)
            else:
                self._kept[each.name] = array.astype(each.dtype)
        return trained

    def _complain(self, verb: str, what: str, hint: str = "") -> TrainingError:
        return TrainingError(f"{self._app.client} in {self._app.directory} {verb}: {what}", hint)


class _NotOffered(TrainingError):
    """An app does not do what it was asked for."""


def _import_flower() -> None:
    # Before the first import: nothing about anybody's training leaves this machine.
    os.environ["FLWR_TELEMETRY_ENABLED"] = "0"
    try:
        import flwr.app
        import flwr.clientapp  # noqa: F401
    except ModuleNotFoundError:
        raise TrainingError("Flower is not installed", "pip install 'fl_chain[flower]'") from None


def _read_metrics(content: Any) -> dict[str, Any]:
    """Merge what an app reports, in records of whatever names."""
    metrics: dict[str, Any] = {}
    for records in (content.config_records, content.metric_records):
        for record in records.values():
            metrics |= dict(record)
    return metrics


def _read_count(metrics: Mapping[str, Any]) -> int | None:
    count = metrics.get("num-examples", metrics.get("num_examples"))
    return count if type(count) is int and count >= 1 else None


def _first_number(metrics: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    for name in names:
        value = metrics.get(name)
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    return None
