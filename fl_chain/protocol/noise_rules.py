"""What has to hold of a manifest whose task hides examples, or whole participants, behind noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.blob import count_values
from fl_chain.protocol.privacy import PrivacyParameters
from fl_chain.protocol.recipe import Recipe
from fl_chain.protocol.sampled_gaussian import compute_sgd_cost
from fl_chain.protocol.selection import count_lanes
from fl_chain.protocol.skellam_noise import (
    MAX_CLIP_NORM,
    MAX_VARIANCE,
    bound_magnitude,
    bound_sensitivity,
    compute_skellam_cost,
)

if TYPE_CHECKING:
    from fl_chain.protocol.manifest import Manifest

Rules = Iterator[tuple[bool, str]]


def noise_rules(manifest: Manifest) -> Rules:
    """Yield the rules for noise, and whether they hold; see `manifest_rules`."""
    recipe, privacy = manifest.recipe, manifest.privacy
    yield from _update_noise_rules(manifest)
    if not recipe.has_noise:
        return
    yield (
        not manifest.measurements,
        "measurements is false with noise_multiplier: they tell about examples",
    )
    yield privacy.budget > 0, "privacy.budget is above 0 with noise_multiplier"
    yield (
        _pays_for(privacy.cost, lambda: compute_recipe_cost(recipe, privacy.max_order)),
        "privacy.cost is at least what a round of this training costs",
    )


def compute_recipe_cost(recipe: Recipe, max_order: int) -> int:
    """Return what a round of training with noise costs, for some orders.

    Raises
    ------
    ValueOutOfRange
        There is too little noise for any cost.
    """
    rate, noise = Decimal(recipe.sampling_rate), Decimal(recipe.noise_multiplier)
    return compute_sgd_cost(rate, noise, recipe.num_private_steps, max_order)


def compute_update_cost(privacy: PrivacyParameters, num_lanes: int) -> int:
    """Return what an update with noise of its own costs, for all orders.

    Parameters
    ----------
    privacy
        With noise on updates.
    num_lanes
        Of an update.

    Raises
    ------
    ValueOutOfRange
        There is too little noise for any cost, or a number is out of range.
    """
    sensitivity = bound_sensitivity(privacy.clip_norm, num_lanes)
    return compute_skellam_cost(sensitivity, privacy.num_noisy * privacy.noise_variance)


def _update_noise_rules(manifest: Manifest) -> Rules:
    privacy, rounds, encoding = manifest.privacy, manifest.rounds, manifest.encoding
    with_noise = "with privacy.clip_norm"
    for name, most in (("clip_norm", MAX_CLIP_NORM), ("noise_variance", MAX_VARIANCE)):
        yield 0 <= getattr(privacy, name) <= most, f"privacy.{name} is 0 to {most}"
    yield (
        (privacy.clip_norm == 0) == (privacy.noise_variance == 0),
        "privacy.clip_norm and noise_variance are both above 0, or both 0",
    )
    if not privacy.has_noise:
        return
    yield (
        not manifest.recipe.has_noise,
        f"noise_multiplier is 0 {with_noise}: a budget is for examples, or for participants",
    )
    yield rounds.max_weight == 1, f"max_weight is 1 {with_noise}: noise hides equal weights"
    yield (
        encoding.rounding == "stochastic",
        f"rounding is stochastic {with_noise}: it is drawn again where it makes an update too long",
    )
    yield manifest.max_staleness == 0, f"max_staleness is 0 {with_noise}, as max_weight is 1"
    yield encoding.max_norm == 0, f"max_norm is 0 {with_noise}, which bounds updates before noise"
    yield (
        not manifest.measurements,
        f"measurements is false {with_noise}: they tell about participants",
    )
    largest = privacy.clip_norm + bound_magnitude(privacy.noise_variance)
    yield (
        largest <= encoding.max_abs,
        f"values with noise reach {largest}, and at most max_abs = {encoding.max_abs} fits:"
        " lower fraction_bits or the noise",
    )
    yield (
        not privacy.is_masked or rounds.min_updates >= privacy.group_size,
        f"min_updates >= privacy.group_size {with_noise}: no smaller group may show its sum",
    )
    num_lanes = count_lanes(count_values(manifest.layout), encoding.one_block_in)
    yield privacy.budget > 0, f"privacy.budget is above 0 {with_noise}"
    yield (
        _pays_for(privacy.cost, lambda: compute_update_cost(privacy, num_lanes)),
        "privacy.cost is at least what an update with this noise costs",
    )


def _pays_for(cost: int, compute: Callable[[], int]) -> bool:
    try:
        return cost >= compute()
    except ValueOutOfRange:
        return False
