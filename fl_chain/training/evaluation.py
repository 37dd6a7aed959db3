"""How good a model is on a set of examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import nn
from torch.nn import functional

from fl_chain.errors import TrainingError
from fl_chain.training.datasets import Dataset

__all__ = ["Evaluation", "evaluate"]

EVALUATION_BATCH_SIZE: Final = 500
"""Examples per forward pass: the first layer of ``mcmahan_cnn`` then takes 50 MB."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Result of one evaluation."""

    num_examples: int
    """Examples evaluated, at least 1."""

    num_correct: int
    """Examples whose highest score is that of their label."""

    loss: float
    """Mean cross entropy per example, in nats."""

    @property
    def accuracy(self) -> float:
        """Share of correct examples, in [0, 1]."""
        return self.num_correct / self.num_examples


def evaluate(module: nn.Module, dataset: Dataset) -> Evaluation:
    """Evaluate a classifier without changing it.

    Use `fl_chain.training.parameters.set_parameters` first to evaluate named arrays. A loss
    that is not finite is returned as it is: a broken model is a result, not an error.

    Parameters
    ----------
    module
        Maps features ``[n, ...]`` to class scores ``[n, num_classes]``.
    dataset
        The examples.

    Raises
    ------
    TrainingError
        The dataset is empty.
    """
    if len(dataset) == 0:
        raise TrainingError(f"dataset {dataset.name!r} has no examples to evaluate on")
    features, labels = torch.tensor(dataset.features), torch.tensor(dataset.labels)
    was_training = module.training
    module.eval()
    num_correct, total_loss = 0, 0.0
    with torch.no_grad():
        for start in range(0, len(dataset), EVALUATION_BATCH_SIZE):
            batch = slice(start, start + EVALUATION_BATCH_SIZE)
            scores, expected = module(features[batch]), labels[batch]
            num_correct += int((scores.argmax(dim=1) == expected).sum())
            total_loss += float(functional.cross_entropy(scores, expected, reduction="sum"))
    module.train(was_training)
    return Evaluation(len(dataset), num_correct, total_loss / len(dataset))
