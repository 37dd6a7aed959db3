"""The table ``privacy`` of a task.toml: who can read updates, noise, and what it may come to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from fl_chain.errors import InvalidManifest, UsageError
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.group_sizes import count_noisy
from fl_chain.protocol.privacy import (
    MASKED,
    MAX_GROUP_SIZE,
    MIN_GROUP_SIZE,
    OPEN,
    RING_BITS,
    PrivacyParameters,
)
from fl_chain.protocol.recipe import Recipe, recipe_rules
from fl_chain.protocol.skellam_noise import MAX_CLIP_NORM, bound_magnitude
from fl_chain.roles.privacy_budget import PrivacyTarget, plan_budget, plan_update_budget
from fl_chain.roles.task_tables import build, pop_number, read_table, resolve_all, take_list

MASKED_ROUNDS: Final = {"sample_rate": 1, "commit_seconds": 600, "unmask_seconds": 600}
"""Further defaults of rounds where updates are masked."""
_GROUP_SIZE: Final = 16
"""Default of group_size, where updates are masked."""


@dataclass(frozen=True, slots=True)
class NoiseTerms:
    """Noise on whole updates, in the units of a model's parameters."""

    clip_norm: Decimal
    """Euclidean norm to which an update is clipped, above 0."""
    noise_multiplier: Decimal
    """Standard deviation of the noise that is counted on, over `clip_norm`; above 0."""
    num_noisy: int
    """Of so many participants the noise is counted on, at least 1."""

    def scale(self, fraction_bits: int) -> dict[str, int]:
        """Return the fields of a manifest: in units of lanes, the norm rounded down."""
        clip_norm = math.floor(Fraction(self.clip_norm) * 2**fraction_bits)
        counted = (Fraction(self.noise_multiplier) * clip_norm) ** 2
        variance = math.ceil(counted / self.num_noisy)
        return {
            "clip_norm": clip_norm,
            "noise_variance": variance,
            "num_noisy": self.num_noisy,
        }

    def choose_fraction_bits(self, most: int, max_abs: int) -> int:
        """Return how finely lanes can divide, at most so finely, with room for the noise."""
        for bits in range(most, -1, -1):
            scaled = self.scale(bits)
            if scaled["clip_norm"] + bound_magnitude(scaled["noise_variance"]) <= max_abs:
                return bits
        return 0  # the rules of manifests say what is wrong


def read_privacy_table(contents: dict[str, Any]) -> dict[str, Any]:
    """Return the table as it stands there, with its mode; a mode may stand for itself."""
    value = contents.get("privacy", {})
    table: dict[str, Any] = (
        {"mode": value} if isinstance(value, str) else dict(read_table(contents, "privacy"))
    )
    table.setdefault("mode", OPEN)
    if table["mode"] == MASKED:
        table.setdefault("group_size", _GROUP_SIZE)
    return table


def pop_noise_terms(table: dict[str, Any]) -> NoiseTerms | None:
    """Take what it says about noise on updates out of the table; None if there is none.

    Raises
    ------
    UsageError
        Half of it is missing, or is no number.
    InvalidManifest
        A number is 0 or below.
    """
    if "noise_variance" in table:
        raise UsageError(
            "unknown field privacy.noise_variance",
            "name privacy.noise_multiplier, the standard deviation over clip_norm",
        )
    has_number = "num_noisy" in table
    clip_norm, multiplier, count = (
        pop_number(table, f"privacy.{name}")
        for name in ("clip_norm", "noise_multiplier", "num_noisy")
    )
    if clip_norm is None and multiplier is None and not has_number:
        return None
    if clip_norm is None or multiplier is None:
        raise UsageError(
            "privacy.clip_norm and privacy.noise_multiplier go together",
            "name both for noise on whole updates; noise in training is in the table recipe",
        )
    if count is None:
        group_size = _find_group_size(table)
        count = Decimal(count_noisy(group_size) if group_size else 1)
    if clip_norm <= 0 or multiplier <= 0 or count < 1 or count % 1:
        raise InvalidManifest(
            "privacy.clip_norm and noise_multiplier are above 0, and num_noisy is 1 or more"
        )
    return NoiseTerms(clip_norm, multiplier, int(count))


def find_max_weight(
    table: dict[str, Any], noise: NoiseTerms | None, max_abs: int, usual: int
) -> int:
    """Return the largest weight, up to the usual one, that noise and sums of groups have room for.

    Parameters
    ----------
    table
        Of `read_privacy_table`.
    noise
        Of the task.
    max_abs
        Largest magnitude of a lane.
    usual
        Where nothing bounds it.
    """
    if noise is not None:
        return 1
    group_size = _find_group_size(table)
    if table["mode"] != MASKED or not group_size or max_abs < 1:
        return usual
    largest = (1 << RING_BITS - 1) - 1
    return max(1, min(usual, largest // ((2 * group_size - 1) * max_abs)))


def _find_group_size(table: dict[str, Any]) -> int:
    """Return the size of groups; 0 if there are none, or the rules of manifests refuse them."""
    size = table.get("group_size")
    return size if type(size) is int and MIN_GROUP_SIZE <= size <= MAX_GROUP_SIZE else 0


def make_privacy(
    table: dict[str, Any],
    noise: NoiseTerms | None,
    resolve: Callable[[str], str],
    recipe: Recipe,
    encoding: Encoding,
) -> tuple[PrivacyParameters, PrivacyTarget | None]:
    """Return who can read updates and what they may cost, and which epsilon that comes from.

    Where noise is on updates, the cost is that of a model with one parameter: whoever knows the
    model asks :func:`fl_chain.roles.privacy_budget.plan_update_budget`.

    Raises
    ------
    UsageError
        Fields are missing, or exclude each other; or not even one update is within the budget.
    InvalidManifest
        A number out of range.
    """
    if "auditors" in table:
        listed = take_list("privacy.auditors", table)
        table["auditors"] = resolve_all("privacy.auditors", listed, resolve)
    scaled = {} if noise is None else noise.scale(encoding.fraction_bits)
    if noise is not None and scaled["clip_norm"] == 0:
        raise InvalidManifest(
            f"privacy.clip_norm is less than 2^-{encoding.fraction_bits}, what lanes can tell from"
            " 0: raise it, or encoding.fraction_bits"
        )
    if noise is not None and scaled["clip_norm"] > MAX_CLIP_NORM:
        raise InvalidManifest("privacy.clip_norm is more than lanes can hold: lower it")
    has_noise = noise is not None or recipe_has_noise(recipe)
    target = _pop_target(table, has_noise)
    privacy: PrivacyParameters = build("privacy", PrivacyParameters, {**table, **scaled})
    if target is None:
        return privacy, None
    if noise is not None:
        return plan_update_budget(privacy, 1, target), target
    if not all(holds for holds, _ in recipe_rules(recipe)):
        return privacy, target  # the rules of manifests say what is wrong
    return plan_budget(recipe, target).set_in(privacy), target


def recipe_has_noise(recipe: Recipe) -> bool:
    """Return whether a recipe asks for noise, also one that no manifest may have."""
    try:
        return recipe.has_noise
    except ArithmeticError:  # no number, and the rules of manifests say so
        return False


def _pop_target(table: dict[str, Any], has_noise: bool) -> PrivacyTarget | None:
    """Take epsilon and delta out of the table."""
    epsilon, delta = (pop_number(table, f"privacy.{name}") for name in ("epsilon", "delta"))
    if epsilon is None and delta is None:
        if has_noise and not table.get("budget"):
            raise UsageError(
                "noise needs a budget",
                "name privacy.epsilon and privacy.delta, such as 3.0 and 1e-5",
            )
        return None
    if epsilon is None or delta is None or {"budget", "cost", "max_order"} & set(table):
        raise UsageError(
            "privacy.epsilon and privacy.delta go together, and in the place of budget, cost and"
            " max_order",
            "name both, and leave the others out",
        )
    if not has_noise:
        raise UsageError(
            "privacy.epsilon is for noise, and this task has none",
            "name recipe.noise_multiplier, max_grad_norm and sampling_rate for noise in training,"
            " or privacy.clip_norm and noise_multiplier for noise on updates",
        )
    if not (0 < delta < 1 and epsilon > 0):
        raise InvalidManifest("privacy.epsilon is above 0, and privacy.delta between 0 and 1")
    return PrivacyTarget(float(epsilon), float(delta))
