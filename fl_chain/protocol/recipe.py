"""How participants train: the part of a manifest on which no digest but the task id depends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

from fl_chain.protocol.sampled_gaussian import count_private_steps

__all__ = [
    "ALGORITHMS",
    "EVERYTHING",
    "FLOWER_SUFFIX",
    "PROJECT_NAME",
    "Recipe",
    "is_matched",
    "recipe_rules",
]

ALGORITHMS: Final = ("fedavg", "fednova", "scaffold")
EVERYTHING: Final = ("*",)
"""The patterns that match every name."""
MAX_PATTERNS: Final = 32
FLOWER_SUFFIX: Final = ".flower"
PROJECT_NAME: Final = re.compile(r"[0-9A-Za-z_-]{1,97}\.(?:py|flower)", re.ASCII)
_PATTERN: Final = re.compile(r"[0-9A-Za-z_.*-]{1,100}", re.ASCII)
_OF_NOISE: Final = ("noise_multiplier", "max_grad_norm", "sampling_rate")
_CID_TEXT: Final = re.compile(r"b[a-z2-7]{1,200}", re.ASCII)
_DECIMAL: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?(e-?[0-9]{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How participants train. Recorded, so that an institution can re-run its own training."""

    model: str
    """Name of the architecture, see fl_chain/training/models.py."""
    data: str
    """Name of the data set."""
    num_epochs: int = 1
    batch_size: int = 10
    learning_rate: str = "0.1"
    """Decimal text."""
    proximal: str = "0"
    """Decimal text: mu of FedProx, which holds local training to the model that it began with."""
    algorithm: str = "fedavg"
    """One of ALGORITHMS: what participants do beside local steps."""
    noise_multiplier: str = "0"
    """Decimal text: noise in each local step, over `max_grad_norm`; 0 for training without."""
    max_grad_norm: str = "0"
    """Decimal text: norm to which the gradient of each example is clipped, where there is noise."""
    sampling_rate: str = "0"
    """Decimal text: chance of each example to be in a local step, where there is noise."""
    reference_steps: int = 0
    """As how many local steps an update counts, by another algorithm than fedavg; otherwise 0."""
    shared: tuple[str, ...] = EVERYTHING
    """Patterns of the names of the parameters that are exchanged; ``*`` stands for anything."""
    seed: int = 0
    """Seed of the genesis model and of the participants' shuffling."""
    environment: tuple[tuple[str, str], ...] = ()
    """Package names and versions that the coordinator used, sorted by name; of a file the CID."""

    @property
    def has_noise(self) -> bool:
        """Whether training hides every single example behind noise."""
        return Decimal(self.noise_multiplier) > 0

    @property
    def num_private_steps(self) -> int:
        """Local steps of a round with noise: as many as bring each example `num_epochs` times."""
        return count_private_steps(self.num_epochs, Decimal(self.sampling_rate))

    @property
    def project(self) -> tuple[str, str] | None:
        """Name and CID of the file that has model and data; None if fl_chain has them.

        It is a Python file, or a Flower app, whose name ends with ``.flower``.
        """
        cid = dict(self.environment).get(self.model, "")
        is_project = PROJECT_NAME.fullmatch(self.model) and _CID_TEXT.fullmatch(cid)
        return (self.model, cid) if is_project else None


def recipe_rules(recipe: Recipe) -> Iterator[tuple[bool, str]]:
    """Yield the rules that a recipe has to keep, and whether it does."""
    algorithms, steps = ", ".join(ALGORITHMS), recipe.reference_steps
    yield recipe.num_epochs >= 1, "num_epochs is at least 1"
    yield recipe.batch_size >= 1, "batch_size is at least 1"
    yield 0 <= recipe.seed < 2**32, "seed is 0 to 2^32 - 1"
    yield recipe.algorithm in ALGORITHMS, f"algorithm is one of {algorithms}"
    yield 0 <= steps < 2**32, "reference_steps is 0 to 2^32 - 1"
    is_plain = recipe.algorithm == "fedavg"
    yield (steps == 0) == is_plain, "reference_steps is 0 exactly if algorithm is fedavg"
    shared = recipe.shared
    yield 1 <= len(shared) <= MAX_PATTERNS, f"shared has 1 to {MAX_PATTERNS} patterns"
    yield sorted(set(shared)) == list(shared), "shared is sorted and names no pattern twice"
    is_pattern = all(_PATTERN.fullmatch(pattern) for pattern in shared)
    yield is_pattern, "shared has patterns of 1 to 100 letters, digits, and the signs _ . - *"
    yield shared == EVERYTHING or recipe.algorithm != "scaffold", "scaffold shares everything"
    for name in ("learning_rate", "proximal", *_OF_NOISE):
        is_decimal = _DECIMAL.fullmatch(getattr(recipe, name)) is not None
        yield is_decimal, f'{name} is a decimal number as text, such as "0.1"'
    yield from _noise_rules(recipe)


def _noise_rules(recipe: Recipe) -> Iterator[tuple[bool, str]]:
    noise, norm, rate = (Decimal(getattr(recipe, name)) for name in _OF_NOISE)
    if not noise:
        yield norm == rate == 0, "max_grad_norm and sampling_rate are 0 without noise_multiplier"
        return
    yield norm > 0, "max_grad_norm is above 0 with noise_multiplier"
    yield 0 < rate <= 1, "sampling_rate is above 0, at most 1, with noise_multiplier"
    yield recipe.algorithm == "fedavg", "algorithm is fedavg with noise_multiplier"
    is_bounded = recipe.num_private_steps < 2**32
    yield is_bounded, "num_epochs / sampling_rate, the local steps with noise, is below 2^32"


def is_matched(name: str, patterns: Iterable[str]) -> bool:
    """Return whether one of the patterns matches a whole name.

    Examples
    --------
    >>> is_matched("layer.0.lora_A", ("*lora_*",)), is_matched("norm.bias", ("conv*", "fc*"))
    (True, False)
    """
    return any(fnmatchcase(name, pattern) for pattern in patterns)
