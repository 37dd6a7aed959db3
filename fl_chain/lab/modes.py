"""What of a round an attacker reads, in each mode of a task, and how such an attack is described.

The model is public in every mode, and two models in turn show the mean of the updates between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from fl_chain.errors import UsageError
from fl_chain.protocol.privacy import MASKED, OPEN, SEALED

UPDATE: Final = "update"
MEAN: Final = "mean"
CIPHERTEXT: Final = "ciphertext"
LANES: Final = "lanes"
GROUP_SUM: Final = "sum"
NOISED: Final = "noised"
NOISED_SUM: Final = "noised_sum"
SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    OPEN: (UPDATE,),
    SEALED: (CIPHERTEXT,),
    MASKED: (LANES, GROUP_SUM),
    NOISED: (NOISED, NOISED_SUM),
}
"""By mode, what somebody reads who has no key; ``noised`` is the mode ``open``, trained with noise,
and the mode ``masked`` with noise on updates.
"""
MODES: Final = tuple(SHOWN)
EVERY_MODE: Final = "every mode"


@dataclass(frozen=True, slots=True)
class Exposure:
    """What is shown of whom."""

    data: str
    model: str
    num_examples: int
    """Of each participant."""
    num_participants: int
    """Of whose updates the mean is."""
    shown: str
    """One of those above."""
    inversion: str
    seed: int
    num_epochs: int = 1
    batch_size: int = 2**31
    """Examples of a step; as many and more are one step."""
    learning_rate: float = 0.1
    lane_bits: int = 16
    num_steps: int = 400
    """Of a search."""
    group_size: int = 8
    """Members of a group of masked updates, 3 to 64."""
    noise_multiplier: float = 1.0
    """Standard deviation of the noise over `max_grad_norm`; of that in a sum of updates, as far as
    it is counted on, over the norm to which updates are clipped. Above 0."""
    max_grad_norm: float = 1.0
    """Norm to which the gradient of each example is clipped, where there is noise."""

    @property
    def mode(self) -> str:
        """In which mode this is shown."""
        return next((mode for mode, shown in SHOWN.items() if self.shown in shown), EVERY_MODE)

    @property
    def num_behind(self) -> int:
        """Of how many participants examples are behind what is shown."""
        if self.shown == MEAN:
            return self.num_participants
        return self.group_size if self.shown in (GROUP_SUM, NOISED_SUM) else 1

    @property
    def steps_per_round(self) -> int:
        """Steps that a participant takes."""
        return self.num_epochs * ceil(self.num_examples / self.batch_size)

    @property
    def name(self) -> str:
        """What is shown, for people."""
        return {
            UPDATE: "an update",
            MEAN: f"the mean of {self.num_participants}",
            CIPHERTEXT: "a sealed update",
            LANES: "a masked update",
            GROUP_SUM: f"the sum of a group of {self.group_size}",
            NOISED: "an update with noise",
            NOISED_SUM: f"the sum of a group of {self.group_size} with noise",
        }[self.shown]


def list_shown(modes: tuple[str, ...]) -> tuple[str, ...]:
    """Return what there is to attack in these modes, and the mean, which is there in each.

    Raises
    ------
    UsageError
        No such mode, or Opacus is not there for training with noise.
    """
    for mode in modes:
        if mode not in MODES:
            raise UsageError(f"there is no mode {mode!r}", f"there is: {', '.join(MODES)}")
    if NOISED in modes:
        _require_opacus()
    chosen = [shown for mode in MODES if mode in modes for shown in SHOWN[mode]]
    return (*chosen, MEAN)


def _require_opacus() -> None:
    try:
        import opacus  # noqa: F401 - whether it is there
    except ImportError:
        others = ",".join(mode for mode in MODES if mode != NOISED)
        raise UsageError(
            "training with noise needs Opacus",
            f"pip install 'fl_chain[privacy]', or leave it out: --modes {others}",
        ) from None
