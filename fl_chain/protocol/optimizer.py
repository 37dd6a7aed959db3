"""What a round does with its aggregate: the optimizer of the task's models, in whole numbers.

What it remembers from round to round is in the model, behind the parameters: so every round is
derived from one model and the updates, and nothing has to be replayed from the first round on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fl_chain.protocol.blob import Layout, count_values
from fl_chain.protocol.constants import ACCUMULATOR_BITS

__all__ = [
    "ADAPTIVE",
    "FIRST",
    "MOMENTUM",
    "NONE",
    "SECOND",
    "STATE_PREFIX",
    "UNIT_BITS",
    "Optimizer",
    "extend_layout",
    "optimizer_rules",
]

NONE: Final = "none"
MOMENTUM: Final = "momentum"
ADAPTIVE: Final = ("adam", "yogi")
OPTIMIZERS: Final = (NONE, MOMENTUM, *ADAPTIVE)
UNIT_BITS: Final = 14
"""Learning rate and decays are multiples of 2^-14."""
MAX_LEARNING_RATE: Final = 16 * 2**UNIT_BITS
STATE_PREFIX: Final = "~"
"""Begins the names of what an optimizer remembers: no printable character sorts behind it."""
FIRST: Final = "~first"
SECOND: Final = "~second"


@dataclass(frozen=True, slots=True)
class Optimizer:
    """How the aggregate of a round moves the model; without one it is added to it."""

    name: str = NONE
    """``none``, ``momentum``, ``adam`` or ``yogi``."""
    learning_rate: int = 0
    """In units of 2^-14: 1 to 2^18; 0 without an optimizer."""
    beta_1: int = 0
    """Decay of the first moment in units of 2^-14: 0 to 2^14 - 1."""
    beta_2: int = 0
    """Decay of the second moment, likewise; 0 but with ``adam`` and ``yogi``."""
    tau: int = 0
    """What is added to a divisor, in units of the model, 2^-G: 1 to 2^31 - 1; 0 likewise."""

    @property
    def state_names(self) -> tuple[str, ...]:
        """Tensors of what is remembered, behind the parameters; each has a value for each."""
        if self.name == NONE:
            return ()
        return (FIRST,) if self.name == MOMENTUM else (FIRST, SECOND)


def extend_layout(layout: Layout, optimizer: Optimizer) -> Layout:
    """Return the layout of models, whose parameters have this one."""
    size = (count_values(layout),)
    return (*layout, *((name, size) for name in optimizer.state_names))


def optimizer_rules(
    optimizer: Optimizer, largest_move: int, model_fraction_bits: int
) -> Iterator[tuple[bool, str]]:
    """Yield the rules that an optimizer has to keep, and whether it does.

    Parameters
    ----------
    optimizer
        The optimizer.
    largest_move
        Largest magnitude of an aggregate in units of the model.
    model_fraction_bits
        G.
    """
    name, rate = optimizer.name, optimizer.learning_rate
    of_it = f"with optimizer.name {name}"
    yield name in OPTIMIZERS, f"optimizer.name is one of {', '.join(OPTIMIZERS)}"
    is_plain, is_adaptive = name == NONE, name in ADAPTIVE
    least, most = (0, 0) if is_plain else (1, MAX_LEARNING_RATE)
    yield least <= rate <= most, f"optimizer.learning_rate is {least} to {most} {of_it}"
    most = 0 if is_plain else 2**UNIT_BITS - 1
    yield 0 <= optimizer.beta_1 <= most, f"optimizer.beta_1 is 0 to {most} {of_it}"
    most = 2**UNIT_BITS - 1 if is_adaptive else 0
    yield 0 <= optimizer.beta_2 <= most, f"optimizer.beta_2 is 0 to {most} {of_it}"
    least, most = (1, 2**31 - 1) if is_adaptive else (0, 0)
    yield least <= optimizer.tau <= most, f"optimizer.tau is {least} to {most} {of_it}"
    bits = model_fraction_bits
    is_fine = bits >= UNIT_BITS or not is_adaptive
    yield is_fine, f"model_fraction_bits is at least {UNIT_BITS} {of_it}"
    # So that weighted squares fit int64. What is divided does then too: it stays below 2^58.
    reached = largest_move**2 << UNIT_BITS
    fits = reached < 2**ACCUMULATOR_BITS or not is_adaptive
    room = f"at most 2^{ACCUMULATOR_BITS} - 1 fits: lower max_abs, or raise fraction_bits"
    yield fits, f"{of_it} squares reach {reached}, and {room}"
