"""The evaluator: measures the models of a task on the held-out test set of its data."""

from __future__ import annotations

import torch

from fl_chain.aggregation.fixed_point import decode_model
from fl_chain.chain.ledger import Ledger
from fl_chain.protocol.layout import unflatten
from fl_chain.roles.follower import TaskFollower
from fl_chain.storage.store import ContentStore
from fl_chain.training.datasets import load_dataset
from fl_chain.training.evaluation import Evaluation, evaluate
from fl_chain.training.models import build_model
from fl_chain.training.parameters import set_parameters


class Evaluator:
    """Evaluates models of one task by round.

    Parameters
    ----------
    ledger
        The task; no key is needed.
    store
        Where models are fetched from.
    """

    def __init__(self, ledger: Ledger, store: ContentStore) -> None:
        torch.set_num_threads(1)  # a test set is small, and participants need the cores
        self._follower = TaskFollower(ledger, store)
        recipe = self._follower.manifest.recipe
        self._test = load_dataset(recipe.data).test
        self._module = build_model(recipe.model, recipe.seed)

    def evaluate(self, round_number: int) -> Evaluation:
        """Return how the final model of a round does; 0 is genesis."""
        self._follower.refresh()
        manifest = self._follower.manifest
        values = decode_model(
            self._follower.model(round_number), manifest.encoding.model_fraction_bits
        )
        set_parameters(self._module, unflatten(values, manifest.layout))
        return evaluate(self._module, self._test)
