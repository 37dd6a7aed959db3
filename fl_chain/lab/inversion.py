"""Rebuild the examples behind an update from nothing but the update.

``first_layer`` divides: the gradient of a unit's weights is its input times the gradient of its
bias, so one over the other is the input itself if a single example reached the unit, and a mixture
if several did (Phong et al. 2018, https://eprint.iacr.org/2017/715, section 3; Boenisch et al.
2023, https://arxiv.org/abs/2112.02918). Needs a linear layer with a bias that reads
the features.

``matching`` looks for examples whose gradient points the way of the update: Geiping et al. 2020
(https://arxiv.org/abs/2003.14053), equation 4, with their optimizer, Adam on the signs of the
gradient, and total variation. Needs a model that can be differentiated twice.

Both assume an attacker who knows the model that was trained from, and the labels: they are easier
to find than the examples, and who assumes less of an attacker finds a task safer than it is. An
update of several steps is taken for one; an attacker who knows the number of steps does better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fl_chain.training.evaluation import compute_loss
from fl_chain.training.reproducible import reproducible

Parameters = Mapping[str, NDArray[np.float32]]
LEARNING_RATE: Final = 0.1
TOTAL_VARIATION: Final = 0.01
_LATER = (3 / 8, 5 / 8, 7 / 8)
"""Parts of the search after each of which steps are a tenth."""
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Seen:
    """What an attacker has."""

    module: nn.Module
    """The model, with the parameters that were trained from."""
    update: Parameters
    """Trained minus received parameters, as recorded."""
    labels: NDArray[np.int64]
    """Of the examples behind the update, in any order."""
    side: int
    """Of the images; examples are rows of side x side values in [0, 1]."""


def rebuild_from_first_layer(seen: Seen, num_steps: int, seed: int) -> NDArray[np.float64]:
    """Return what each unit of the first layer has seen; float64 ``[at most units, side, side]``.

    ``num_steps`` and ``seed`` are not used: nothing is searched for.
    """
    num_features = seen.side**2
    for name, layer in seen.module.named_modules():
        if isinstance(layer, nn.Linear) and layer.in_features == num_features:
            weights = seen.update[f"{name}.weight"].astype(np.float64)
            biases = seen.update[f"{name}.bias"].astype(np.float64)
            is_reached = biases != 0
            inputs: NDArray[np.float64] = weights[is_reached] / biases[is_reached, np.newaxis]
            return inputs.clip(0, 1).reshape(-1, seen.side, seen.side)
    return np.empty((0, seen.side, seen.side))


def rebuild_by_matching(seen: Seen, num_steps: int, seed: int) -> NDArray[np.float64]:
    """Return one image for each label; float64 ``[n, side, side]``.

    Parameters
    ----------
    seen
        What the attacker has.
    num_steps
        Of the search.
    seed
        Of where it begins, in [0, 2^32).
    """
    named = [(name, p) for name, p in seen.module.named_parameters() if p.requires_grad]
    parameters = [parameter for _, parameter in named]
    # Training descends: the update points away from the gradient.
    target = [-torch.tensor(seen.update[name]) for name, _ in named]
    length = _norm(target)
    labels = torch.tensor(seen.labels)
    with reproducible(seed) as generator:
        rows = torch.rand(len(labels), seen.side**2, generator=generator, requires_grad=True)
        adam = torch.optim.Adam([rows], lr=LEARNING_RATE)
        slower = torch.optim.lr_scheduler.MultiStepLR(adam, [int(num_steps * p) for p in _LATER])
        for _ in range(num_steps):
            loss = compute_loss(seen.module(rows), labels, "mean")
            gradient = torch.autograd.grad(loss, parameters, create_graph=True)
            along = torch.stack([(g * t).sum() for g, t in zip(gradient, target, strict=True)])
            cosine = along.sum() / (_norm(list(gradient)) * length + _TINY)
            badness = 1 - cosine + TOTAL_VARIATION * _total_variation(rows, seen.side)
            (slope,) = torch.autograd.grad(badness, rows)
            rows.grad = slope.sign()
            adam.step()
            slower.step()
            with torch.no_grad():
                rows.clamp_(0, 1)
    found: NDArray[np.float64] = rows.detach().numpy().astype(np.float64)
    return found.reshape(-1, seen.side, seen.side)


def _norm(tensors: list[torch.Tensor]) -> torch.Tensor:
    return torch.sqrt(torch.stack([(tensor**2).sum() for tensor in tensors]).sum())


def _total_variation(rows: torch.Tensor, side: int) -> torch.Tensor:
    """Return how much neighbouring pixels differ, on average."""
    images = rows.view(-1, side, side)
    down = (images[:, 1:] - images[:, :-1]).abs().mean()
    return down + (images[:, :, 1:] - images[:, :, :-1]).abs().mean()


Rebuild = Callable[[Seen, int, int], NDArray[np.float64]]
"""Takes what is seen, steps of a search, and a seed; returns images, as many as it likes."""
INVERSIONS: Final[Mapping[str, Rebuild]] = {
    "first_layer": rebuild_from_first_layer,
    "matching": rebuild_by_matching,
}
