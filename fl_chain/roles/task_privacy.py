"""The table ``privacy`` of a task.toml: who can read updates, noise, and what it may come to."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from fl_chain.errors import InvalidManifest, UsageError
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.group_sizes import count_noisy
from fl_chain.protocol.noise_terms import NoiseTerms
from fl_chain.protocol.privacy import (
    MASKED,
    MAX_GROUP_SIZE,
    MIN_GROUP_SIZE,
    OPEN,
    RING_BITS,
    PrivacyParameters,
)
from fl_chain.protocol.recipe import Recipe, recipe_rules
from fl_chain.protocol.selection import count_lanes
from fl_chain.protocol.skellam_noise import MAX_CLIP_NORM
from fl_chain.roles.privacy_budget import PrivacyTarget, plan_budget, plan_update_budget
from fl_chain.roles.task_tables import build, pop_number, read_table, resolve_all, take_list

MASKED_ROUNDS: Final = {"sample_rate": 1, "commit_seconds": 600, "unmask_seconds": 600}
"""Further defaults of rounds where updates are masked."""
SMALLEST: Final = Decimal("1e-6")
LARGEST: Final = Decimal(10**6)
"""Of clip norm, noise multiplier and epsilon: beyond, nothing is of use."""
LEAST_DELTA: Final = Decimal("1e-100")
_GROUP_SIZE: Final = 16
"""Default of group_size, where updates are masked."""


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
        A number is out of range.
    """
    if "noise_variance" in table:
        raise UsageError(
            "unknown field privacy.noise_variance",
            "name privacy.noise_multiplier, the standard deviation over clip_norm",
        )
    clip_norm, multiplier = (
        pop_number(table, f"privacy.{name}") for name in ("clip_norm", "noise_multiplier")
    )
    if clip_norm is None and multiplier is None:
        return None
    if clip_norm is None or multiplier is None:
        raise UsageError(
            "privacy.clip_norm and privacy.noise_multiplier go together",
            "name both for noise on whole updates; noise in training is in the table recipe",
        )
    for name, value in (("clip_norm", clip_norm), ("noise_multiplier", multiplier)):
        if not SMALLEST <= value <= LARGEST:
            raise InvalidManifest(f"privacy.{name} is {SMALLEST} to {LARGEST}")
    group_size = find_group_size(table)
    num_noisy = count_noisy(group_size) if group_size else 1
    return NoiseTerms(Fraction(clip_norm), Fraction(multiplier), num_noisy)


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
    group_size = find_group_size(table)
    if table["mode"] != MASKED or not group_size or max_abs < 1:
        return usual
    largest = (1 << RING_BITS - 1) - 1
    return max(1, min(usual, largest // ((2 * group_size - 1) * max_abs)))


def find_group_size(table: dict[str, Any]) -> int:
    """Return the size of groups; 0 if there are none, or the rules of manifests refuse them."""
    size = table.get("group_size")
    return size if type(size) is int and MIN_GROUP_SIZE <= size <= MAX_GROUP_SIZE else 0


def check_room_for_groups(target_updates: int, group_size: int, *, has_noise: bool) -> None:
    """Refuse rounds that close with fewer masked updates than a group has.

    Raises
    ------
    InvalidManifest
        All of a round would be one group, smaller than the task says.
    """
    if target_updates >= group_size:
        return
    shown = (
        "of which alone a sum with noise is shown"
        if has_noise
        else "and what they all send would be shown as the sum of a smaller one"
    )
    raise InvalidManifest(
        f"rounds of {target_updates} participants make no group of {group_size}, {shown}",
        "lower privacy.group_size, or have more participants",
    )


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
    target = _pop_target(table, noise is not None or recipe_has_noise(recipe))
    privacy: PrivacyParameters = build("privacy", PrivacyParameters, table)
    if noise is not None:
        privacy = noise.set_in(privacy, encoding.fraction_bits)
        _check_clip_norm(privacy.clip_norm, encoding.fraction_bits)
    if target is None:
        return privacy, None
    if privacy.is_masked and not find_group_size(table):
        return privacy, target  # the rules of manifests say what is wrong
    if noise is not None:
        num_lanes = count_lanes(1, encoding.one_block_in)
        return plan_update_budget(privacy, num_lanes, target), target
    if not all(holds for holds, _ in recipe_rules(recipe)):
        return privacy, target  # the rules of manifests say what is wrong
    return plan_budget(recipe, target).set_in(privacy), target


def _check_clip_norm(clip_norm: int, fraction_bits: int) -> None:
    if clip_norm == 0:
        raise InvalidManifest(
            f"privacy.clip_norm is less than 2^-{fraction_bits}, what lanes can tell from 0:"
            " raise it, or encoding.fraction_bits"
        )
    if clip_norm > MAX_CLIP_NORM:
        raise InvalidManifest("privacy.clip_norm is more than lanes can hold: lower it")


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
    if not SMALLEST <= epsilon <= LARGEST:
        raise InvalidManifest(f"privacy.epsilon is {SMALLEST} to {LARGEST}")
    if not LEAST_DELTA <= delta <= 1 - SMALLEST:
        raise InvalidManifest(f"privacy.delta is {LEAST_DELTA} to {1 - SMALLEST}")
    return PrivacyTarget(float(epsilon), float(delta))
