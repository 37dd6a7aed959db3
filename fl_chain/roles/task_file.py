"""task.toml: how a coordinator describes a task, before it becomes a manifest."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any

from fl_chain.errors import InvalidManifest, UsageError
from fl_chain.protocol.constants import LANE_BITS, PACKED_LANE_BITS, SHORT_LANE_BITS
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.manifest import CommitteeParameters, RoundParameters
from fl_chain.protocol.noise_terms import NoiseTerms
from fl_chain.protocol.optimizer import UNIT_BITS, Optimizer
from fl_chain.protocol.privacy import (
    MASKED,
    MIN_GROUP_SIZE,
    PrivacyParameters,
)
from fl_chain.protocol.recipe import Recipe
from fl_chain.protocol.rewards import RewardParameters
from fl_chain.protocol.sampling import WHOLE
from fl_chain.roles.account_names import read_address
from fl_chain.roles.privacy_budget import PrivacyTarget
from fl_chain.roles.task_code import TaskCode, read_task_code
from fl_chain.roles.task_privacy import (
    MASKED_ROUNDS,
    check_room_for_groups,
    find_group_size,
    find_max_weight,
    make_privacy,
    pop_noise_terms,
    read_privacy_table,
)
from fl_chain.roles.task_rules import check_task_rules
from fl_chain.roles.task_tables import (
    build,
    check_names,
    is_number,
    read_table,
    resolve_all,
    resolve_one,
    take,
    take_list,
)


@dataclass(frozen=True, slots=True)
class EnrolmentTerms:
    """How participants enrol themselves in the registry that is deployed with the task."""

    bond_gwei: int = 0
    """What anybody deposits to enrol itself, in 10^9 wei; 0 if only the registrar enrols."""
    leave_seconds: int = 0
    """Time between leaving and claiming the bond."""


_TOP = (
    *("name", "participants", "registry", "rule", "admission", "measurements"),
    *("keep_seconds", "num_malicious", "max_staleness", "differences"),
)
_TABLES = {
    "committee": CommitteeParameters,
    "rounds": RoundParameters,
    "recipe": Recipe,
    "encoding": Encoding,
    "optimizer": Optimizer,
    "enrolment": EnrolmentTerms,
    "reward": RewardParameters,
    "privacy": PrivacyParameters,
}
_UNNAMED = "unnamed"
"""Stands for the name that a task without one is given when it is created."""
_MAX_WEIGHT = 100_000
_ROUND_DEFAULTS = {
    "num_rounds": 5,
    "collect_seconds": 600,
    "aggregate_seconds": 600,
}
_FRACTION_BITS = {SHORT_LANE_BITS: 8, PACKED_LANE_BITS: 12, LANE_BITS: 15}
"""Defaults of fraction_bits, by lane_bits: deltas up to 0.5, in steps of 0.004, 0.0002; up to 1."""
_ADAPTIVE: dict[str, Any] = {
    "learning_rate": Decimal("0.01"),
    "beta_1": Decimal("0.9"),
    "beta_2": Decimal("0.99"),
    "tau": Decimal("0.001"),
}
_OPTIMIZERS: dict[str, dict[str, Any]] = {
    "momentum": {"learning_rate": 1, "beta_1": Decimal("0.9")},
    "adam": _ADAPTIVE,
    "yogi": _ADAPTIVE,
}
"""Keys of an optimizer, and what they are if they are left out."""
_SEED_SECONDS = 60
"""Default of seed_seconds where participants are sampled."""
_QUORUM_CHALLENGE_SECONDS = 600
"""Default of challenge_seconds where a quorum decides; elsewhere waiting would change nothing."""


@dataclass(frozen=True, slots=True)
class TaskFile:
    """The contents of a task.toml, checked."""

    name: str
    committee: CommitteeParameters
    """Without aggregators, the coordinator is the only one."""
    participants: tuple[str, ...]
    registry: str
    """Address of a registry to use; empty to deploy one."""
    rule: str
    num_malicious: int
    privacy: PrivacyParameters
    """Its cost, where noise is on updates, is that of one parameter: see `make_privacy`."""
    privacy_target: PrivacyTarget | None
    """What the budget comes from; None if that is no epsilon."""
    rounds: RoundParameters
    recipe: Recipe
    code: TaskCode | None
    """Model and data of the coordinator's own; None if the recipe names ours."""
    encoding: Encoding
    optimizer: Optimizer
    admission: str
    measurements: bool
    keep_seconds: int
    max_staleness: int
    differences: bool
    reward: RewardParameters
    enrolment: EnrolmentTerms


def read_task_file(path: Path, resolve: Callable[[str], str] = read_address) -> TaskFile:
    """Read and check a task.toml; the example in docs/how-to/run-a-task.md shows every field.

    Parameters
    ----------
    path
        The file.
    resolve
        Returns the address of whatever may stand for an account in the file.

    Raises
    ------
    UsageError
        Missing, not TOML, or an unknown, missing or mistyped field.
    InvalidManifest
        Well formed, but impossible to carry out exactly.
    """
    try:
        with path.open("rb") as file:
            contents = tomllib.load(file, parse_float=Decimal)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    try:
        return parse_task(contents, resolve, path.parent)
    except (UsageError, InvalidManifest) as error:
        raise type(error)(f"{path}: {error.message}", error.hint) from None


def parse_task(
    contents: dict[str, Any],
    resolve: Callable[[str], str] = read_address,
    directory: Path = Path(),
) -> TaskFile:
    """Return the task that the tables of a task.toml describe; see :func:`read_task_file`.

    Parameters
    ----------
    contents
        The tables.
    resolve
        See there.
    directory
        Where paths in the file begin.
    """
    check_names("", contents, (*_TOP, *_TABLES))
    participants = resolve_all("participants", take_list("participants", contents), resolve)
    privacy_table = read_privacy_table(contents)
    noise = pop_noise_terms(privacy_table)
    encoding: Encoding = build("encoding", _TABLES["encoding"], _encoding(contents, noise))
    is_masked = privacy_table["mode"] == MASKED
    rounds = {**_ROUND_DEFAULTS, **read_table(contents, "rounds")}
    if is_masked:
        rounds = {**MASKED_ROUNDS, **rounds}
    if "max_weight" not in rounds:
        max_abs = encoding.max_abs
        rounds["max_weight"] = find_max_weight(privacy_table, noise, max_abs, _MAX_WEIGHT)
    share = rounds.get("sample_rate", 0)
    rounds["sample_rate"] = read_sample_rate(share)
    has_sampling = rounds["sample_rate"] > 0
    rounds.setdefault("seed_seconds", _SEED_SECONDS if has_sampling else 0)
    # Where participants are sampled, as many as are selected on average; but lists count for all.
    counts_selected = has_sampling and not rounds.get("list_seconds")
    expected = ceil(len(participants) * share) if counts_selected else len(participants)
    target = rounds.setdefault("target_updates", max(1, expected))
    if isinstance(target, int):
        least = MIN_GROUP_SIZE if is_masked else 1
        if is_masked:
            group_size = find_group_size(privacy_table)
            check_room_for_groups(target, group_size, has_noise=noise is not None)
            if noise is not None:
                least = max(least, group_size)
        rounds.setdefault("min_updates", max(least, (target + 1) // 2))
    committee = {"aggregators": [], **read_table(contents, "committee")}
    has_quorum = committee.get("quorum", 0) != 0
    rounds.setdefault("challenge_seconds", _QUORUM_CHALLENGE_SECONDS if has_quorum else 0)
    if has_quorum and rounds["challenge_seconds"] == 0:
        raise UsageError(
            "rounds.challenge_seconds is 0: a model is final before a quorum has looked at it",
            "leave it out, or give the aggregators more time than they need to derive a round",
        )
    listed = take_list("committee.aggregators", committee)
    committee["aggregators"] = resolve_all("committee.aggregators", listed, resolve)
    registry = take(contents, "registry", "")
    enrolment = _enrolment(contents, registry)
    recipe, code = read_task_code(read_table(contents, "recipe"), directory)
    if "shared" in recipe:
        patterns = take_list("recipe.shared", recipe, "patterns of names of parameters")
        recipe["shared"] = tuple(sorted(set(patterns)))
    training: Recipe = build("recipe", _TABLES["recipe"], recipe)
    privacy, agreed = make_privacy(privacy_table, noise, resolve, training, encoding)
    task = TaskFile(
        name=take(contents, "name", ""),
        committee=build("committee", _TABLES["committee"], committee),
        participants=participants,
        registry=registry and resolve_one("registry", registry, read_address),
        rule=take(contents, "rule", "mean"),
        optimizer=_optimizer(contents, encoding),
        num_malicious=take(contents, "num_malicious", 0),
        privacy=privacy,
        privacy_target=agreed,
        rounds=build("rounds", _TABLES["rounds"], rounds),
        recipe=training,
        code=code,
        encoding=encoding,
        admission=take(contents, "admission", "coordinator"),
        measurements=take(contents, "measurements", not is_masked and noise is None),
        keep_seconds=take(contents, "keep_seconds", 0),
        max_staleness=take(contents, "max_staleness", 0),
        differences=take(contents, "differences", False),
        reward=build("reward", _TABLES["reward"], read_table(contents, "reward")),
        enrolment=enrolment,
    )
    check_task_rules(
        name=task.name or _UNNAMED,
        committee=task.committee,
        rule=task.rule,
        num_malicious=task.num_malicious,
        optimizer=task.optimizer,
        privacy=task.privacy,
        rounds=task.rounds,
        recipe=task.recipe,
        encoding=task.encoding,
        admission=task.admission,
        measurements=task.measurements,
        keep_seconds=task.keep_seconds,
        max_staleness=task.max_staleness,
        differences=task.differences,
        reward=task.reward,
    )
    return task


def read_sample_rate(share: Any) -> int:
    """Return the sample rate of the manifest that is nearest to a share of the participants.

    Parameters
    ----------
    share
        Above 0, at most 1; or 0 if everybody takes part in every round.

    Raises
    ------
    UsageError
        No number.
    InvalidManifest
        Not from 0 to 1.
    """
    hint = "0.5 selects half of the participants for each round, on average"
    if not is_number(share):
        raise UsageError(f"rounds.sample_rate is {share!r}, expected a number", hint)
    if not 0 <= share <= 1:
        raise InvalidManifest("rounds.sample_rate is above 0 and at most 1, or 0 for all", hint)
    rate = round(Decimal(share) * WHOLE)
    return min(max(rate, 1), WHOLE - 1) if share else 0


def _encoding(contents: dict[str, Any], noise: NoiseTerms | None) -> dict[str, Any]:
    """Return the table with the defaults that depend on other fields."""
    table = dict(read_table(contents, "encoding"))
    lane_bits = table.get("lane_bits", LANE_BITS)
    if type(lane_bits) is int and lane_bits in _FRACTION_BITS:
        usual = {"fraction_bits": _FRACTION_BITS[lane_bits], "max_abs": 2 ** (lane_bits - 1) - 1}
        max_abs = table.get("max_abs", usual["max_abs"])
        if noise is not None and type(max_abs) is int:
            bits = noise.choose_fraction_bits(usual["fraction_bits"], max_abs)
            usual["fraction_bits"] = bits or 0  # without room the rules of manifests say so
        return {**usual, **table}
    return table


def _optimizer(contents: dict[str, Any], encoding: Encoding) -> Optimizer:
    """Return the optimizer in whole numbers; task.toml has decimals."""
    table = dict(read_table(contents, "optimizer"))
    if not table:
        return Optimizer()
    name = table.get("name")
    if not isinstance(name, str) or name not in _OPTIMIZERS:
        raise UsageError(f"optimizer.name is {name!r}", f"known: {', '.join(_OPTIMIZERS)}")
    usual = _OPTIMIZERS[name]
    check_names("optimizer.", table, ("name", *usual))
    scales = {"tau": 2**encoding.model_fraction_bits}
    numbers: dict[str, int] = {}
    for key, default in usual.items():
        value = table.get(key, default)
        if not is_number(value):
            raise UsageError(f"optimizer.{key} is {value}, expected a number")
        if not 0 <= value < 2**31:
            raise InvalidManifest(f"optimizer.{key} is {value}, expected 0 or more")
        numbers[key] = round(Decimal(value) * scales.get(key, 2**UNIT_BITS))
        if numbers[key] == 0 != value:
            raise InvalidManifest(f"optimizer.{key} is {value}, too small to be told from 0")
    return Optimizer(name, **numbers)


def _enrolment(contents: dict[str, Any], registry: str) -> EnrolmentTerms:
    terms: EnrolmentTerms = build("enrolment", EnrolmentTerms, read_table(contents, "enrolment"))
    if registry and "enrolment" in contents:
        raise UsageError(
            "enrolment is what a new registry asks for, and registry names one that exists",
            "leave one of the two out",
        )
    for name, largest in (("bond_gwei", (2**96 - 1) // 10**9), ("leave_seconds", 2**32 - 1)):
        if not 0 <= getattr(terms, name) <= largest:
            raise InvalidManifest(f"enrolment.{name} is 0 to {largest}")
    return terms
