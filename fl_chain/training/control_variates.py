"""Control variates of SCAFFOLD: what one participant's data pull towards, against what all pull to.

Karimireddy et al. 2020 (https://arxiv.org/abs/1910.06378), algorithm 1 with option II. A local
step follows ``gradient - c_i + c``, so that participants whose data differ do not drift apart.

What all pull to, ``c``, is not sent by anybody: of updates that count as K steps each, the last
step of the global model is ``-learning_rate * K`` times the mean of what their participants
measured, weighted as the updates are. So c follows from two models that are on record. It is that
of the participants of the last round alone, where the paper keeps an average over all rounds; with
full participation the two are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["ControlVariates"]

Parameters = Mapping[str, npt.NDArray[np.float32]]


class ControlVariates:
    """c_i of one participant, from round to round.

    Parameters
    ----------
    names
        Of the parameters that are trained, in their order.
    learning_rate
        Of local steps, above 0.
    reference_steps
        K, as how many steps every update counts, at least 1.
    """

    def __init__(self, names: Sequence[str], learning_rate: float, reference_steps: int) -> None:
        self._names = names
        self._learning_rate = learning_rate
        self._reference_steps = reference_steps
        self.own: dict[str, npt.NDArray[np.float32]] = {}
        """c_i by name; empty as long as it is not known."""

    def begin(self, received: Parameters, former: Parameters | None) -> list[torch.Tensor] | None:
        """Return ``c - c_i`` of each parameter, None where one of the two is not known yet.

        Parameters
        ----------
        received
            The model to train.
        former
            The model that this one came from by one round; None for genesis.
        """
        if former is None or set(self.own) != set(self._names):
            return None
        scale = -1 / (self._learning_rate * self._reference_steps)
        return [
            torch.tensor(received[name] - former[name]) * scale - torch.tensor(self.own[name])
            for name in self._names
        ]

    def end(
        self,
        moved: Sequence[torch.Tensor],
        num_steps: int,
        correction: Sequence[torch.Tensor] | None,
    ) -> None:
        """Take c_i anew from how far ``num_steps`` steps moved the parameters."""
        scale = -1 / (self._learning_rate * num_steps)
        measured = [each * scale for each in moved]
        if correction is not None:
            measured = [own - each for own, each in zip(measured, correction, strict=True)]
        self.own = {
            name: each.numpy().copy() for name, each in zip(self._names, measured, strict=True)
        }
