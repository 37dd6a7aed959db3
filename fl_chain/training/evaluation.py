"""How good a model is on a set of examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import nn
from torch.nn import functional

from fl_chain.errors import TrainingError
from fl_chain.training.datasets import Dataset
from fl_chain.training.ranking import compute_average_precision, compute_roc_auc

__all__ = ["Evaluation", "SiloEvaluation", "compute_loss", "evaluate", "evaluate_by_silo"]

EVALUATION_BATCH_SIZE: Final = 500
"""Examples per forward pass: the first layer of ``mcmahan_cnn`` then takes 50 MB."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Result of one evaluation."""

    num_examples: int
    """Examples evaluated, at least 1; of sequences every label counts as one."""

    num_correct: int | None
    """Examples whose highest score is that of their label; None where there are no classes."""

    loss: float
    """Mean cross entropy per example, in nats; of numbers the mean squared error."""

    @property
    def accuracy(self) -> float | None:
        """Share of correct examples, in [0, 1]; None where there are no classes."""
        return None if self.num_correct is None else self.num_correct / self.num_examples


def compute_loss(scores: torch.Tensor, labels: torch.Tensor, reduction: str) -> torch.Tensor:
    """Return the loss that training reduces: cross entropy, of numbers the squared error.

    Parameters
    ----------
    scores
        float32 ``[n, num_classes]``, of sequences ``[n, num_classes, k]``; ``[n, 1]`` for numbers.
    labels
        int64 ``[n]``, of sequences ``[n, k]``; float32 ``[n]`` for numbers.
    reduction
        ``mean``, ``sum``, or ``none`` for a loss per example, of sequences ``[n, k]``.
    """
    if labels.is_floating_point():
        return functional.mse_loss(scores.squeeze(1), labels, reduction=reduction)
    return functional.cross_entropy(scores, labels, reduction=reduction)


@dataclass(frozen=True, slots=True)
class SiloEvaluation:
    """Result on the examples of one silo, or on all of them."""

    silo: str
    """Whose examples; empty for all."""

    evaluation: Evaluation

    roc_auc: float | None
    """Area under the ROC curve; None unless there are two classes, and both occur."""

    average_precision: float | None
    """None unless there are two classes, and the second one occurs."""


def evaluate(module: nn.Module, dataset: Dataset) -> Evaluation:
    """Evaluate a model without changing it.

    Use `fl_chain.training.parameters.set_parameters` first to evaluate named arrays. A loss
    that is not finite is returned as it is: a broken model is a result, not an error.

    Parameters
    ----------
    module
        Maps features ``[n, ...]`` to scores as :func:`compute_loss` takes them.
    dataset
        The examples.

    Raises
    ------
    TrainingError
        The dataset is empty.
    """
    return _judge(_compute_scores(module, dataset), torch.tensor(dataset.labels))


def evaluate_by_silo(module: nn.Module, dataset: Dataset) -> list[SiloEvaluation]:
    """Evaluate a model on all examples, and then on those of each silo that has some.

    Raises
    ------
    TrainingError
        The dataset is empty.
    """
    scores, labels = _compute_scores(module, dataset), torch.tensor(dataset.labels)
    parts = [("", torch.arange(len(dataset)))]
    if dataset.silos is not None:
        silos = torch.tensor(dataset.silos)
        for place, name in enumerate(dataset.silo_names):
            indices = torch.nonzero(silos == place).flatten()
            parts += [(name, indices)] if len(indices) else []
    return [
        SiloEvaluation(name, _judge(scores[chosen], labels[chosen]), *_rank(scores, labels, chosen))
        for name, chosen in parts
    ]


def _compute_scores(module: nn.Module, dataset: Dataset) -> torch.Tensor:
    if len(dataset) == 0:
        raise TrainingError(f"dataset {dataset.name!r} has no examples to evaluate on")
    batches = torch.split(torch.tensor(dataset.features), EVALUATION_BATCH_SIZE)
    was_training = module.training
    module.eval()
    with torch.no_grad():
        scores = torch.cat([module(batch) for batch in batches])
    module.train(was_training)
    return scores


def _judge(scores: torch.Tensor, labels: torch.Tensor) -> Evaluation:
    has_classes = not labels.is_floating_point()
    num_correct = int((scores.argmax(dim=1) == labels).sum()) if has_classes else None
    total_loss = float(compute_loss(scores, labels, "sum"))
    return Evaluation(labels.numel(), num_correct, total_loss / labels.numel())


def _rank(
    scores: torch.Tensor, labels: torch.Tensor, chosen: torch.Tensor
) -> tuple[float | None, float | None]:
    if scores.shape[1] != 2 or not torch.isfinite(scores).all():
        return None, None
    margins = (scores[chosen, 1].double() - scores[chosen, 0].double()).flatten().numpy()
    known = labels[chosen].flatten().numpy()
    return compute_roc_auc(margins, known), compute_average_precision(margins, known)
