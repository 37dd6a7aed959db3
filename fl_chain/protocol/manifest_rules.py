"""What has to hold of a manifest, so that every round of its task can be carried out exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from fl_chain.protocol.blob import count_values
from fl_chain.protocol.canonical_json import MAX_INTEGER
from fl_chain.protocol.committee import MAX_AGGREGATORS, NOBODY
from fl_chain.protocol.constants import ACCUMULATOR_BITS, MAX_ROBUST_UPDATES, MAX_UPDATES
from fl_chain.protocol.encoding import encoding_rules
from fl_chain.protocol.noise_rules import noise_rules
from fl_chain.protocol.optimizer import NONE, STATE_PREFIX, optimizer_rules
from fl_chain.protocol.privacy import MASKED, MIN_GROUP_SIZE, RING_BITS, privacy_rules
from fl_chain.protocol.recipe import is_matched, recipe_rules
from fl_chain.protocol.rewards import COSINE, FORMULAS
from fl_chain.protocol.rewards import NONE as NO_REWARDS
from fl_chain.protocol.rules import MEAN, RULES
from fl_chain.protocol.staleness import MAX_STALENESS, discount_weight

if TYPE_CHECKING:
    from fl_chain.protocol.manifest import CommitteeParameters, Manifest, RoundParameters

ADMISSION_MODES: Final = ("coordinator", "open")
_MAY_BE_ZERO: Final = (
    *("challenge_seconds", "commit_seconds", "list_seconds"),
    *("sample_rate", "seed_seconds", "unmask_seconds"),
)
"""Round parameters without which a task does without something."""

Rules = Iterator[tuple[bool, str]]


def manifest_rules(manifest: Manifest) -> Rules:
    """Yield the rules that a manifest has to keep, and whether it does.

    Layout and addresses are well formed. A rule takes for granted those before it: after the first
    that is broken, nothing more is to be asked for.
    """
    yield (
        manifest.name.isascii() and manifest.name.isprintable() and 0 < len(manifest.name) <= 100,
        "name is 1 to 100 printable ASCII characters",
    )
    is_salt = len(manifest.salt) == 32 and set(manifest.salt) <= set("0123456789abcdef")
    yield is_salt, "salt is 32 lower-case hexadecimal digits"
    yield manifest.rule in RULES, f"rule is one of {', '.join(RULES)}"
    yield manifest.admission in ADMISSION_MODES, f"admission is one of {', '.join(ADMISSION_MODES)}"
    yield manifest.chain_id > 0, "chain_id is positive"
    yield 0 <= manifest.keep_seconds < 2**32, "keep_seconds is 0 to 2^32 - 1"
    yield from _committee_rules(manifest.committee)
    aggregators, list_seconds = manifest.committee.aggregators, manifest.rounds.list_seconds
    yield from privacy_rules(manifest.privacy, aggregators, list_seconds)
    yield from encoding_rules(manifest.encoding)
    yield from _round_rules(manifest.rounds, len(manifest.committee.aggregators))
    yield from _mask_rules(manifest)
    yield from _headroom_rules(manifest)
    yield from _robust_rules(manifest)
    yield from recipe_rules(manifest.recipe)
    yield from noise_rules(manifest)
    yield from _optimizer_rules(manifest)
    yield from _staleness_rules(manifest)
    yield from _reward_rules(manifest)
    shared = manifest.recipe.shared
    are_matched = all(is_matched(name, shared) for name, _ in manifest.layout)
    yield are_matched, "every name of the layout is matched by shared"


def _committee_rules(committee: CommitteeParameters) -> Rules:
    size = len(committee.aggregators)
    yield 1 <= size <= MAX_AGGREGATORS, f"aggregators has 1 to {MAX_AGGREGATORS} entries"
    yield len(set(committee.aggregators)) == size, "aggregators names nobody twice"
    yield NOBODY not in committee.aggregators, "aggregators does not name the zero address"
    yield 0 <= committee.bond_gwei <= MAX_INTEGER, "bond_gwei is 0 to 2^53 - 1"
    is_quorum = 2 <= committee.quorum <= size < 2 * committee.quorum
    yield (
        committee.quorum == 0 or is_quorum,
        f"quorum is 0, or 2 to {size} and more than half of aggregators",
    )


def _round_rules(rounds: RoundParameters, num_aggregators: int) -> Rules:
    for entry in fields(rounds):
        smallest = 0 if entry.name in _MAY_BE_ZERO else 1
        value = getattr(rounds, entry.name)
        yield smallest <= value < 2**32, f"{entry.name} is {smallest} to 2^32 - 1"
    yield rounds.min_updates <= rounds.target_updates, "min_updates <= target_updates"
    yield (
        rounds.list_seconds < rounds.collect_seconds,
        "list_seconds < collect_seconds: whoever a list leaves out needs time to submit",
    )
    yield (
        rounds.list_seconds == 0 or rounds.commit_seconds == 0,
        "list_seconds or commit_seconds is 0: nobody lists commitments",
    )
    yield (
        rounds.list_seconds == 0 or (num_aggregators + 1) * rounds.target_updates <= MAX_UPDATES,
        f"with lists, (aggregators + 1) * target_updates is at most {MAX_UPDATES}",
    )
    yield (
        (rounds.sample_rate > 0) == (rounds.seed_seconds > 0),
        "sample_rate and seed_seconds are both above 0, or both 0",
    )
    yield (
        rounds.target_updates <= MAX_UPDATES,
        f"target_updates is at most {MAX_UPDATES}, what a report has room for",
    )
    yield (
        rounds.target_updates * rounds.max_weight <= MAX_INTEGER,
        "target_updates * max_weight <= 2^53 - 1, the largest total weight of a report",
    )


def _headroom_rules(manifest: Manifest) -> Rules:
    """|sum w q| * 2^(G-F) < 2^62 for every set of updates that the contract accepts.

    The exact sum and the doubled remainder of its division fit int64 then.
    """
    rounds = manifest.rounds
    scaled = rounds.target_updates * rounds.max_weight * manifest.encoding.largest_move
    yield (
        scaled < 2**ACCUMULATOR_BITS,
        "target_updates * max_weight * max_abs * 2^(model_fraction_bits - fraction_bits)"
        f" = {scaled} reaches 2^{ACCUMULATOR_BITS}: lower max_weight or target_updates",
    )


def _mask_rules(manifest: Manifest) -> Rules:
    """Yield what masks ask for, and what nobody can see of a masked update."""
    privacy, rounds, encoding = manifest.privacy, manifest.rounds, manifest.encoding
    where = f"in the mode {MASKED}"
    yield (
        (rounds.unmask_seconds > 0) == privacy.is_masked,
        f"unmask_seconds is above 0 {where}, otherwise 0",
    )
    if not privacy.is_masked:
        return
    yield rounds.commit_seconds > 0, f"commit_seconds is above 0 {where}: seeds are shared then"
    yield (
        rounds.sample_rate > 0,
        f"sample_rate is above 0 {where}, 1 if all take part: the seed of a round draws its groups",
    )
    yield (
        rounds.min_updates >= MIN_GROUP_SIZE,
        f"min_updates is at least {MIN_GROUP_SIZE} {where}: of fewer, no sum is shown",
    )
    yield not manifest.measurements, f"measurements is false {where}"
    yield encoding.max_norm == 0, f"max_norm is 0 {where}: nobody sees an update's norm"
    yield manifest.max_staleness == 0, f"max_staleness is 0 {where}"
    yield (
        manifest.reward.formula == NO_REWARDS,
        f"reward.formula is {NO_REWARDS} {where}: nobody sees what an update contributes",
    )
    largest = (2 * privacy.group_size - 1) * rounds.max_weight * encoding.max_abs
    yield (
        2 * largest + 1 <= 2**RING_BITS,
        f"sums of a group reach {largest}, and masked ones end at 2^{RING_BITS - 1} - 1:"
        " lower max_weight, max_abs or privacy.group_size",
    )


def _robust_rules(manifest: Manifest) -> Rules:
    rounds, encoding, f = manifest.rounds, manifest.encoding, manifest.num_malicious
    if manifest.rule == MEAN:
        yield f == 0, "num_malicious is 0 with the rule mean, which withstands none"
        return
    bounds, of_it = RULES[manifest.rule], f"with the rule {manifest.rule}"
    yield f >= 1, f"num_malicious is at least 1 {of_it}"
    # Where updates are masked, the rule is one across groups: so many of them are drawn at least.
    per_unit = max(1, manifest.privacy.group_size)
    least = bounds.least_updates(f) * per_unit
    in_groups = f" in groups of {per_unit}" if per_unit > 1 else ""
    yield (
        rounds.min_updates >= least,
        f"min_updates is at least {least} {of_it} and num_malicious {f}{in_groups}",
    )
    yield (
        rounds.target_updates <= MAX_ROBUST_UPDATES,
        f"target_updates is at most {MAX_ROBUST_UPDATES} {of_it}",
    )
    largest = bounds.most_lanes(rounds.target_updates) * encoding.max_abs
    scaled = largest << encoding.model_fraction_bits - encoding.fraction_bits
    yield (
        scaled < 2**ACCUMULATOR_BITS,
        f"{of_it} numbers reach {scaled}, and at most"
        f" 2^{ACCUMULATOR_BITS} - 1 fits: lower target_updates or max_abs",
    )
    yield _distance_rule(manifest, of_it)


def _distance_rule(manifest: Manifest, where: str) -> tuple[bool, str]:
    """Return that every squared distance fits int64, and the sum of as many as updates."""
    distance = manifest.rounds.target_updates * count_values(manifest.layout)
    distance *= (2 * manifest.encoding.max_abs) ** 2
    return (
        distance < 2**ACCUMULATOR_BITS,
        f"{where} distances reach {distance}, and at most"
        f" 2^{ACCUMULATOR_BITS} - 1 fits: lower target_updates or max_abs",
    )


def _optimizer_rules(manifest: Manifest) -> Rules:
    encoding, optimizer = manifest.encoding, manifest.optimizer
    yield from optimizer_rules(optimizer, encoding.largest_move, encoding.model_fraction_bits)
    # Control variates follow from how far a model moved, as a mean of updates moves all of it.
    if manifest.recipe.algorithm == "scaffold":
        yield optimizer.name == NONE, "optimizer.name is none with the algorithm scaffold"
        yield encoding.one_block_in == 1, "one_block_in is 1 with the algorithm scaffold"
    yield (
        optimizer.name == NONE
        or not any(name.startswith(STATE_PREFIX) for name, _ in manifest.layout),
        f"with an optimizer no name of the layout begins with {STATE_PREFIX}",
    )


def _staleness_rules(manifest: Manifest) -> Rules:
    s = manifest.max_staleness
    yield 0 <= s <= MAX_STALENESS, f"max_staleness is 0 to {MAX_STALENESS}"
    # Control variates follow from the two models between which a round trained.
    is_possible = s == 0 or manifest.recipe.algorithm != "scaffold"
    yield is_possible, "max_staleness is 0 with the algorithm scaffold"
    yield (
        discount_weight(manifest.rounds.max_weight, s) > 0,
        f"max_weight is large enough for an update of staleness {s} to weigh anything",
    )


def _reward_rules(manifest: Manifest) -> Rules:
    formula, gwei = manifest.reward.formula, manifest.reward.round_gwei
    yield formula in FORMULAS, f"reward.formula is one of {', '.join(FORMULAS)}"
    yield 0 <= gwei <= MAX_INTEGER, "reward.round_gwei is 0 to 2^53 - 1"
    is_none = formula == NO_REWARDS
    yield is_none == (gwei == 0), "reward.round_gwei is 0 exactly with the formula none"
    if is_none:
        return
    yield (
        manifest.committee.quorum > 0,
        "quorum is above 0 with a reward: nobody alone may say who earned what",
    )
    yield (
        manifest.rounds.target_updates <= MAX_ROBUST_UPDATES,
        f"target_updates is at most {MAX_ROBUST_UPDATES} with a reward",
    )
    if formula == COSINE:
        yield _distance_rule(manifest, f"with the formula {formula}")
