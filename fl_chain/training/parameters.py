"""Between a module and its parameters as named float32 arrays.

Names are those of ``Module.named_parameters``, sorted, because everything downstream (layout,
encoding, digest) depends on one order that every party agrees on.

``shared`` are patterns of the names of what participants exchange, as a recipe has them: everything
unless said otherwise. What no pattern matches stays with its participant: a frozen part under an
adapter, or layers of its own, as the batch normalisation of FedBN (Li et al. 2021,
https://arxiv.org/abs/2102.07623).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fl_chain.errors import TrainingError
from fl_chain.protocol.recipe import EVERYTHING, is_matched

__all__ = [
    "get_own_state",
    "get_parameters",
    "parameter_layout",
    "set_own_state",
    "set_parameters",
    "sorted_parameters",
]


def sorted_parameters(
    module: nn.Module, shared: Sequence[str] = EVERYTHING
) -> list[tuple[str, nn.Parameter]]:
    """List a module's shared parameters by name, in the one order that is agreed on.

    Raises
    ------
    TrainingError
        A shared parameter is not float32, a pattern matches none, or the module has shared state
        that is no parameter, such as the running statistics of a batch normalisation. That state
        would stay out of the updates, so the global model would not be the model that was trained.
    """
    every = dict(module.named_parameters())
    state = sorted(set(module.state_dict()) - set(every))
    if state := [name for name in state if is_matched(name, shared)]:
        raise TrainingError(
            f"the model has state that is no parameter: {', '.join(state)}",
            "replace batch normalisation by group normalisation, or leave it out of recipe.shared;"
            " replace tied parameters by one",
        )
    for pattern in shared:
        if every and not any(is_matched(name, (pattern,)) for name in every):
            raise TrainingError(
                f"recipe.shared: {pattern!r} matches no parameter of the model",
                f"its parameters are: {', '.join(sorted(every))}",
            )
    named = sorted((name, each) for name, each in every.items() if is_matched(name, shared))
    for name, parameter in named:
        if parameter.dtype != torch.float32:
            raise TrainingError(
                f"parameter {name!r} is {parameter.dtype}", "convert the model with module.float()"
            )
    return named


def parameter_layout(
    module: nn.Module, shared: Sequence[str] = EVERYTHING
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Name and shape of every shared parameter, sorted by name.

    Raises
    ------
    TrainingError
        As for `sorted_parameters`.

    Examples
    --------
    >>> parameter_layout(nn.Linear(3, 2))
    (('bias', (2,)), ('weight', (2, 3)))
    """
    named = sorted_parameters(module, shared)
    return tuple((name, tuple(parameter.shape)) for name, parameter in named)


def get_parameters(
    module: nn.Module, shared: Sequence[str] = EVERYTHING
) -> dict[str, npt.NDArray[np.float32]]:
    """Copy a module's shared parameters out.

    Returns
    -------
    dict
        Sorted by name; float32, C-contiguous, sharing no memory with the module.

    Raises
    ------
    TrainingError
        As for `sorted_parameters`.
    """
    return {
        name: np.array(parameter.detach().cpu().numpy(), dtype=np.float32, order="C")
        for name, parameter in sorted_parameters(module, shared)
    }


def set_parameters(
    module: nn.Module,
    parameters: Mapping[str, npt.NDArray[np.float32]],
    shared: Sequence[str] = EVERYTHING,
) -> None:
    """Copy parameters into a module, over the shared ones.

    Nothing is written unless everything fits.

    Parameters
    ----------
    module
        The module to fill.
    parameters
        float32 arrays with exactly the names and shapes of what is shared, in any order.
    shared
        Patterns of the names of what is shared.

    Raises
    ------
    TrainingError
        A name is missing or unknown, or a shape or type differs; also as for
        `sorted_parameters`.
    """
    named = sorted_parameters(module, shared)
    names = {name for name, _ in named}
    if names != set(parameters):
        missing = ", ".join(sorted(names - set(parameters))) or "none"
        unknown = ", ".join(sorted(set(parameters) - names)) or "none"
        raise TrainingError(
            f"the parameters do not belong to this model: missing {missing}; unknown {unknown}",
            "check that the task's model is the one that was built",
        )
    for name, parameter in named:
        array = parameters[name]
        if array.shape != tuple(parameter.shape) or array.dtype != np.float32:
            raise TrainingError(
                f"parameter {name!r} is {array.dtype} {array.shape}, "
                f"the model needs float32 {tuple(parameter.shape)}",
                "check that the task's model is the one that was built",
            )
    with torch.no_grad():
        for name, parameter in named:
            # torch.tensor copies, so a read-only array is as good as any other.
            parameter.copy_(torch.tensor(parameters[name]))


def get_own_state(
    module: nn.Module, shared: Sequence[str] = EVERYTHING
) -> dict[str, npt.NDArray[np.generic]]:
    """Copy out what training changes and nobody else gets.

    Returns
    -------
    dict
        Of parameters that are trained and not shared, and of state that is no parameter, such as
        running statistics; empty if everything is shared.
    """
    return {name: each.detach().cpu().numpy().copy() for name, each in _own_state(module, shared)}


def set_own_state(
    module: nn.Module,
    state: Mapping[str, npt.NDArray[np.generic]],
    shared: Sequence[str] = EVERYTHING,
) -> None:
    """Copy back what `get_own_state` gave of a module with the same names and shapes."""
    with torch.no_grad():
        for name, each in _own_state(module, shared):
            each.copy_(torch.tensor(state[name]))


def _own_state(module: nn.Module, shared: Sequence[str]) -> list[tuple[str, torch.Tensor]]:
    frozen = {name for name, each in module.named_parameters() if not each.requires_grad}
    state = module.state_dict(keep_vars=True).items()
    return [
        (name, each) for name, each in state if name not in frozen and not is_matched(name, shared)
    ]
