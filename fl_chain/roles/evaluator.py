"""The evaluator: measures the models of a task on the held-out test set of its data."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fl_chain.aggregation.fixed_point import decode_model
from fl_chain.aggregation.round_blobs import take_parameters
from fl_chain.chain.ledger import Ledger
from fl_chain.errors import UsageError
from fl_chain.protocol.layout import unflatten
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.model_export import find_final_round
from fl_chain.roles.project_file import open_project
from fl_chain.roles.task_history import Row
from fl_chain.storage.store import ContentStore
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.evaluation import (
    Evaluation,
    SiloEvaluation,
    evaluate,
    evaluate_by_silo,
)
from fl_chain.training.models import build_model
from fl_chain.training.parameters import get_own_state, set_parameters
from fl_chain.training.project import Partition


class Evaluator:
    """Evaluates models of one task by round.

    Parameters
    ----------
    ledger
        The task; no key is needed.
    store
        Where models are fetched from.
    project, data
        One's own copy of the task's project, if it has one, and what that is to load to test on.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: ContentStore,
        project: Path | None = None,
        data: Path | None = None,
    ) -> None:
        torch.set_num_threads(1)  # a test set is small, and participants need the cores
        self.follower = TaskFollower(ledger, store)
        recipe = self.follower.manifest.recipe
        self._own = own = open_project(self.follower.manifest, project)
        self._shared = recipe.shared
        if own is not None:
            self._module = own.build_model(recipe.seed, recipe.shared)
            self._test = own.load_dataset(Partition(0, 1, data), self._module)
        elif data is not None:
            raise UsageError(f"the data of this task are {recipe.data}", "leave out --data")
        else:
            self._module = build_model(recipe.model, recipe.seed)
            self._test = load_dataset(recipe.data).test
        if mine := get_own_state(self._module, recipe.shared):
            raise UsageError(
                f"every participant of this task has its own {', '.join(sorted(mine))}",
                "there is no one model to evaluate: each participant measures its own,"
                " see fl-chain history measures",
            )

    def evaluate(self, round_number: int) -> Evaluation:
        """Return how the final model of a round does; 0 is genesis."""
        self._load(round_number)
        return self._evaluate()

    def evaluate_model(self, model: NDArray[np.int32]) -> Evaluation:
        """Return how any model of the task does, given its integers."""
        self._set(model)
        return self._evaluate()

    def _evaluate(self) -> Evaluation:
        judge = evaluate if self._own is None else self._own.evaluate
        return judge(self._module, self._test)

    def list_evaluations(self, round_number: int | None) -> list[Row]:
        """Return how the final model of a round does, on all examples and on those of each silo.

        Parameters
        ----------
        round_number
            0 is genesis, None the latest.

        Raises
        ------
        UsageError
            The round has no final model.
        """
        self.follower.refresh()
        number = find_final_round(self.follower, round_number)
        self._load(number)
        return [
            {
                "round": number,
                "silo": part.silo or None,
                "examples": part.evaluation.num_examples,
                "accuracy": _round(part.evaluation.accuracy),
                "loss": _round(part.evaluation.loss),
                "roc_auc": _round(part.roc_auc),
                "average_precision": _round(part.average_precision),
            }
            for part in self._evaluate_parts()
        ]

    def _evaluate_parts(self) -> list[SiloEvaluation]:
        parts = evaluate_by_silo(self._module, self._test)
        if self._own is not None and self._own.has_own_evaluation:
            return [replace(part, evaluation=self._evaluate()) for part in parts]  # one: all
        return parts

    def _load(self, round_number: int) -> None:
        self.follower.refresh()
        self._set(self.follower.model(round_number))

    def _set(self, model: NDArray[np.int32]) -> None:
        manifest = self.follower.manifest
        parameters = take_parameters(manifest, model)
        values = decode_model(parameters, manifest.encoding.model_fraction_bits)
        set_parameters(self._module, unflatten(values, manifest.layout), self._shared)


def _round(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 4)
