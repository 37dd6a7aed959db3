"""What an attacker on membership reads in each mode of a task, and what is trained for that.

Ciphertext and masked lanes are left out: they tell nothing (``fl-chain lab privacy`` shows that).
What may tell something is what each mode shows of the last round:

- an update: the local model that it makes of the base model. Each participant is the target in its
  turn, and only its own examples are in question: those that it trained on, and as many that it
  might have had and that nobody in that task trained on;
- the sum of a group: what it makes of the base model, and the examples of all in the group;
- the model: everybody's examples. It is public in every mode, and in a sealed one all there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from fl_chain.errors import UsageError
from fl_chain.lab.experiment import Scenario
from fl_chain.lab.modes import GROUP_SUM, NOISED, NOISED_SUM, UPDATE, list_shown
from fl_chain.lab.participants import Noise
from fl_chain.protocol.privacy import MASKED, MIN_GROUP_SIZE, OPEN, SEALED

FEWEST_MODELS: Final = 6
"""Two of each kind beside the one under attack: of one alone there is no variance."""
MODEL: Final = "model"
NOISED_MODEL: Final = "noised_model"
NOISED_SUM_MODEL: Final = "noised_sum_model"
READ: Final[Mapping[str, tuple[str, ...]]] = {
    OPEN: (UPDATE, MODEL),
    SEALED: (MODEL,),
    MASKED: (GROUP_SUM, MODEL),
    NOISED: (NOISED, NOISED_MODEL, NOISED_SUM, NOISED_SUM_MODEL),
}
"""By mode, what somebody reads who has no key; ``noised`` is the mode ``open``, trained with noise,
and the mode ``masked`` with noise on updates.
"""
NO_NOISE: Final = "no noise"
NOISE_IN_TRAINING: Final = "noise in training"
NOISE_ON_UPDATES: Final = "noise on updates"
NOISES: Final = (NO_NOISE, NOISE_IN_TRAINING, NOISE_ON_UPDATES)
"""What is trained: all that is read with the same noise is read of the same training."""
NAMES: Final[Mapping[str, str]] = {
    UPDATE: "an update",
    GROUP_SUM: "the sum of a group of {}",
    MODEL: "the model",
    NOISED: "an update trained with noise",
    NOISED_MODEL: "the model trained with noise",
    NOISED_SUM: "the sum of a group of {} with noise on updates",
    NOISED_SUM_MODEL: "the model with noise on updates",
}
"""What is read, for people; from what tells most to what tells least, without noise and with it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained, and what is read of it."""

    scenario: Scenario
    num_models: int
    """Of each kind in `NOISES`."""
    modes: tuple[str, ...]
    group_size: int
    """Fewest members of a group of masked updates."""
    noise: Noise

    @property
    def read(self) -> tuple[str, ...]:
        """What is attacked."""
        every = {read for mode in self.modes for read in READ[mode]}
        return tuple(read for read in NAMES if read in every)

    def list_modes(self, read: str) -> list[str]:
        """Return the modes of this plan in which this is read."""
        return [mode for mode in self.modes if read in READ[mode]]

    def name(self, read: str) -> str:
        """Return what is read, for people."""
        return NAMES[read].format(self.group_size)


def find_noise(read: str) -> str:
    """Return which noise there is where this is read."""
    if read in (NOISED_SUM, NOISED_SUM_MODEL):
        return NOISE_ON_UPDATES
    return NOISE_IN_TRAINING if read in READ[NOISED] else NO_NOISE


def check_plan(plan: Plan) -> None:
    """Find out before anything is trained what would be in the way.

    Raises
    ------
    UsageError
        Fewer than 6 models, or an odd number of them; no such mode, group, or noise; no Opacus for
        training with noise.
    """
    if plan.num_models < FEWEST_MODELS or plan.num_models % 2:
        raise UsageError(
            f"{plan.num_models} models cannot be half with an example and half without",
            f"name an even number with --models, at least {FEWEST_MODELS}",
        )
    for mode in plan.modes:
        if mode not in READ:
            raise UsageError(f"there is no mode {mode!r}", f"there is: {', '.join(READ)}")
    list_shown(plan.modes)
    count = plan.scenario.num_participants
    has_groups = MASKED in plan.modes or NOISED in plan.modes
    if has_groups and not MIN_GROUP_SIZE <= plan.group_size <= count:
        raise UsageError(
            f"{count} participants make no group of {plan.group_size}",
            f"a --group-size is {MIN_GROUP_SIZE} at least, and at most --participants;"
            f" {MASKED} and {NOISED} can be left out of --modes",
        )
    sizes = plan.noise.noise_multiplier, plan.noise.max_grad_norm
    if NOISED in plan.modes and not all(0 < size < inf for size in sizes):
        raise UsageError(
            f"noise of {sizes[0]} times {sizes[1]} is none to train with",
            "--noise-multiplier and --max-grad-norm are above 0 and finite",
        )
