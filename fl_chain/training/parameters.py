"""Between a module and its parameters as named float32 arrays.

Names are those of ``Module.named_parameters``, sorted, because everything downstream (layout,
encoding, digest) depends on one order that every party agrees on.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fl_chain.errors import TrainingError

__all__ = ["get_parameters", "parameter_layout", "set_parameters", "sorted_parameters"]


def sorted_parameters(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """List a module's parameters by name, in the one order that is agreed on.

    Raises
    ------
    TrainingError
        A parameter is not float32, or the module has state that is no parameter, such as the
        running statistics of a batch normalisation. That state would stay out of the updates,
        so the global model would not be the model that was trained.
    """
    if state := sorted(set(module.state_dict()) - set(dict(module.named_parameters()))):
        raise TrainingError(
            f"the model has state that is no parameter: {', '.join(state)}",
            "replace batch normalisation by group normalisation, and tied parameters by one",
        )
    named = sorted(module.named_parameters())
    for name, parameter in named:
        if parameter.dtype != torch.float32:
            raise TrainingError(
                f"parameter {name!r} is {parameter.dtype}", "convert the model with module.float()"
            )
    return named


def parameter_layout(module: nn.Module) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Name and shape of every parameter, sorted by name.

    Raises
    ------
    TrainingError
        As for `sorted_parameters`.

    Examples
    --------
    >>> parameter_layout(nn.Linear(3, 2))
    (('bias', (2,)), ('weight', (2, 3)))
    """
    return tuple((name, tuple(parameter.shape)) for name, parameter in sorted_parameters(module))


def get_parameters(module: nn.Module) -> dict[str, npt.NDArray[np.float32]]:
    """Copy a module's parameters out.

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
        for name, parameter in sorted_parameters(module)
    }


def set_parameters(module: nn.Module, parameters: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Copy parameters into a module.

    Nothing is written unless everything fits.

    Parameters
    ----------
    module
        The module to fill.
    parameters
        float32 arrays with exactly the module's names and shapes, in any order.

    Raises
    ------
    TrainingError
        A name is missing or unknown, or a shape or type differs; also as for
        `sorted_parameters`.
    """
    named = sorted_parameters(module)
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
